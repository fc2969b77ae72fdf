//! Examples at the end of each `--help`.

pub const SSTAT: &str = "\
Examples:
  sstat push manager1 working \"Querying DB\" 0.5 160
  sstat summary
  sstat show manager1
  sstat summary --by prefix                        # which group is stuck
  sstat list --attention --sort for                # who has waited longest
  sstat list --status completed --older-than 7d    # what can be cleared away

Exit codes: 0 success, 1 \"no\" (an unknown session, a match of --exit-code),
2 error, 3 a session waited for is dead, 124 timeout.";

pub const PUSH: &str = "\
Examples:
  sstat push manager1 working \"Querying DB\" 0.5 160
  sstat push manager1 working \"Querying DB\" -p 50% -t 160 -m rows=1500
  sstat push trainer working \"Epoch 3 of 90\" --expect 45m
  export SSTAT_PID=$$; sstat push job7 blocked \"Waiting for a review\"
  sstat push manager1 completed
  sstat push worker2 --ack=2h
  sstat push ci1 working \"Unit tests\" --task 162 -- cargo test
  sstat history --all --limit 0 --jsonl | ssh host sstat push --stdin
  sstat push --hook claude-code < hook.json";

pub const SUMMARY: &str = "\
Examples:
  sstat summary
  sstat summary 'worker*' --status working,blocked
  sstat summary --by prefix                          # which group is stuck
  sstat summary --by meta.project --json | jq '.groups.api.error_sessions'
  sstat summary --json | jq .stale_sessions
  tmux set -g status-right '#(sstat summary --tmux)'
  sstat summary --prometheus > sstat.prom.tmp && mv sstat.prom.tmp sstat.prom";

pub const LIST: &str = "\
Examples:
  sstat list --attention --sort for                  # who has waited longest
  sstat list --status blocked --longer-than 10m
  sstat list 'qa_*' --task 160
  sstat list --columns session,status,meta.phase,message --meta 'phase=test*'
  sstat list --attention --exit-code || echo 'attention needed'
  sstat list --json | jq -r 'to_entries[] | select(.value.is_stale) | .key'
  sstat list --status completed --older-than 7d      # what can be cleared away
  sstat list --status completed --older-than 7d --files -0 | xargs -0r rm -f --";

pub const SHOW: &str = "\
Examples:
  sstat show manager1
  sstat show manager1 --tmux=40
  sstat show manager1 --json | jq .progress";

pub const HISTORY: &str = "\
Examples:
  sstat history manager1
  sstat history manager1 --limit 0 --task 160
  sstat history --all --since 1h --status error
  sstat history manager1 --follow
  sstat history --all --since 2h --plot
  sstat history manager1 --limit 0 --jsonl | jq -s length";

pub const STALE: &str = "\
Examples:
  sstat stale
  sstat stale --very --exit-code
  sstat stale --json | jq -r '.sessions[].session'";

pub const WATCH: &str = "\
Examples:
  sstat watch
  sstat watch --once
  sstat watch --json | jq -c 'select(.event == \"update\") | [.session, .to]'
  sstat watch w1 w2 --until completed --timeout 10m && echo done
  sstat watch --on error,dead --exec 'notify-send \"$SSTAT_SESSION\" \"$SSTAT_MESSAGE\"'";
