
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'sstat' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'sstat'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'sstat' {
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Append an update to a session''s file')
            [CompletionResult]::new('summary', 'summary', [CompletionResultType]::ParameterValue, 'Count the sessions and name those that work, wait, failed or went silent')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'One row a session')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Everything about one session')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'The updates of one or more sessions, one session after the other, oldest first')
            [CompletionResult]::new('stale', 'stale', [CompletionResultType]::ParameterValue, 'The sessions that went silent or died, worst first')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Follow all sessions: live, as a stream, until a status, or with an alarm')
            break
        }
        'sstat;push' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'How far it is: 0.5 or 50%')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How far it is: 0.5 or 50%')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'The task it works on')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'The task it works on')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'What the session is doing, whatever it looks like: in a script the safe way to pass a variable')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'One key of the metadata; VALUE is JSON if it parses, else text')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'One key of the metadata; VALUE is JSON if it parses, else text')
            [CompletionResult]::new('--metadata', '--metadata', [CompletionResultType]::ParameterName, 'The metadata, a JSON object')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'The silence this update allows: stale after DURATION, very stale after three times that')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'The process that stands behind the session [default: $SSTAT_PID]')
            [CompletionResult]::new('--hook', '--hook', [CompletionResultType]::ParameterName, 'Read the JSON of an agent''s hook on stdin and push what it means; always exits with 0 and prints nothing on stdout')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'The agent''s session [default: $SSTAT_SESSION, else the tmux session''s name, else one of its directory and id]')
            [CompletionResult]::new('--payload', '--payload', [CompletionResultType]::ParameterName, 'The JSON itself, where no stdin is to be read')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'Wait until the line is on the disk (also SSTAT_SYNC=1)')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Read updates from stdin instead, as JSON Lines: any number of them, for any number of sessions, each with its own process or none')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'sstat;summary' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions in one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions that work on this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--short', '--short', [CompletionResultType]::ParameterName, 'One line for status bars; nothing when there is nothing')
            [CompletionResult]::new('--tmux', '--tmux', [CompletionResultType]::ParameterName, 'The same line with tmux''s colours')
            [CompletionResult]::new('--prometheus', '--prometheus', [CompletionResultType]::ParameterName, 'Metrics in Prometheus'' text format, one series a session among them, for node_exporter''s textfile collector')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'sstat;list' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions in one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions that work on this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'The order of the rows [default: name; with --attention: age]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Only sessions that need attention (error, blocked, dead, stale), the oldest first')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 1 if a row is printed and 0 if none is; a missing directory, an unreadable file or an unknown name is 2')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'sstat;show' {
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]')
            [CompletionResult]::new('--tmux', '--tmux', [CompletionResultType]::ParameterName, 'Add the last lines of the tmux pane of that name')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'sstat;history' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The last N updates of a session; 0 for all [default: 50; with --plot 0]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'The last N updates of a session; 0 for all [default: 50; with --plot 0]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not older: a duration ago, or an RFC 3339 time')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Not younger: a duration ago, or an RFC 3339 time')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only updates with one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only updates of this task')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All sessions')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on with new updates as they come')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on with new updates as they come')
            [CompletionResult]::new('--plot', '--plot', [CompletionResultType]::ParameterName, 'Draw who did what when: statuses and progress on an axis of time')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON: one object, or an array for several sessions')
            [CompletionResult]::new('--jsonl', '--jsonl', [CompletionResultType]::ParameterName, 'Print the stored lines themselves')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'sstat;stale' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions in one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions that work on this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--very', '--very', [CompletionResultType]::ParameterName, 'Only very stale and dead sessions')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 1 if a row is printed and 0 if none is; a missing directory, an unreadable file or an unknown name is 2')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'sstat;watch' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions in one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions that work on this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The time between two blocks')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'The time between two blocks')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Wait until the named sessions reach one of these statuses; exit with 0, with 1 if one ended otherwise, with 3 if one is dead')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up after this time, and exit with 124')
            [CompletionResult]::new('--on', '--on', [CompletionResultType]::ParameterName, 'What raises an alarm: stale, very_stale, dead, recovered, removed, update, or a status [default: error,very_stale,dead]')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this with sh, once an episode; SSTAT_EVENT, SSTAT_SESSION, SSTAT_STATUS, SSTAT_MESSAGE and others say what happened')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Raise the alarm again as long as the episode lasts')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--status-dir', '--status-dir', [CompletionResultType]::ParameterName, 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Print one block and end; with --json the snapshots')
            [CompletionResult]::new('--poll', '--poll', [CompletionResultType]::ParameterName, 'Look for changes every second instead of being told of them, as is done on network file systems')
            [CompletionResult]::new('--now', '--now', [CompletionResultType]::ParameterName, 'Count what already holds at the start as if it happened then')
            [CompletionResult]::new('--any', '--any', [CompletionResultType]::ParameterName, 'One of them is enough; fail when all have failed')
            [CompletionResult]::new('--allow-missing', '--allow-missing', [CompletionResultType]::ParameterName, 'Wait also for sessions that do not exist yet; of a pattern that matches none, for the first that comes')
            [CompletionResult]::new('--bell', '--bell', [CompletionResultType]::ParameterName, 'Ring the terminal''s bell')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No warnings about the files read, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say which directory is used, and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
