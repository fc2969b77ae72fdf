# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sstat_global_optspecs
    string join \n dir= color= q/quiet v/verbose h/help V/version
end

function __fish_sstat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sstat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sstat_using_subcommand
    set -l cmd (__fish_sstat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sstat -n "__fish_sstat_needs_command" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_needs_command" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_needs_command" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_needs_command" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_needs_command" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "push" -d 'Append an update to a session\'s file'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "summary" -d 'Count the sessions and name those that work, wait, failed or went silent'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "list" -d 'One row a session'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "show" -d 'Everything about one session'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "history" -d 'The updates of one or more sessions, one session after the other, oldest first'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "stale" -d 'The sessions that went silent or died, worst first'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "watch" -d 'Follow all sessions: live, as a stream, until a status, or with an alarm'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s p -l progress -d 'How far it is: 0.5 or 50%' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -s t -l task -d 'The task it works on' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l message -d 'What the session is doing, whatever it looks like: in a script the safe way to pass a variable' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -s m -l meta -d 'One key of the metadata; VALUE is JSON if it parses, else text' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l metadata -d 'The metadata, a JSON object' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l expect -d 'The silence this update allows: stale after DURATION, very stale after three times that' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l pid -d 'The process that stands behind the session [default: $SSTAT_PID]' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l hook -d 'Read the JSON of an agent\'s hook on stdin and push what it means; always exits with 0 and prints nothing on stdout' -r -f -a "claude-code\t'Claude Code'
codex\t'Codex, its hooks and its notify command'
gemini\t'Gemini CLI'"
complete -c sstat -n "__fish_sstat_using_subcommand push" -l session -d 'The agent\'s session [default: $SSTAT_SESSION, else the tmux session\'s name, else one of its directory and id]' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l payload -d 'The JSON itself, where no stdin is to be read' -r
complete -c sstat -n "__fish_sstat_using_subcommand push" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand push" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand push" -l sync -d 'Wait until the line is on the disk (also SSTAT_SYNC=1)'
complete -c sstat -n "__fish_sstat_using_subcommand push" -l stdin -d 'Read updates from stdin instead, as JSON Lines: any number of them, for any number of sessions, each with its own process or none'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l status -d 'Only sessions in one of these statuses' -r
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l task -d 'Only sessions that work on this task' -r
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l since -d 'Only sessions updated within this time' -r
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l stale-after -d 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]' -r
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l very-stale-after -d 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]' -r
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l stale-status -d 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]' -r
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l short -d 'One line for status bars; nothing when there is nothing'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l tmux -d 'The same line with tmux\'s colours'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l prometheus -d 'Metrics in Prometheus\' text format, one series a session among them, for node_exporter\'s textfile collector'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l status -d 'Only sessions in one of these statuses' -r
complete -c sstat -n "__fish_sstat_using_subcommand list" -l task -d 'Only sessions that work on this task' -r
complete -c sstat -n "__fish_sstat_using_subcommand list" -l since -d 'Only sessions updated within this time' -r
complete -c sstat -n "__fish_sstat_using_subcommand list" -l stale-after -d 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]' -r
complete -c sstat -n "__fish_sstat_using_subcommand list" -l very-stale-after -d 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]' -r
complete -c sstat -n "__fish_sstat_using_subcommand list" -l stale-status -d 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]' -r
complete -c sstat -n "__fish_sstat_using_subcommand list" -l sort -d 'The order of the rows [default: name; with --attention: age]' -r -f -a "name\t'Natural order: worker2 before worker10'
age\t'The longest silent first'
status\t'working, blocked, error, idle, completed, others'
progress\t'The furthest first'"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand list" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l attention -d 'Only sessions that need attention (error, blocked, dead, stale), the oldest first'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l exit-code -d 'Exit with 1 if a row is printed and 0 if none is; a missing directory, an unreadable file or an unknown name is 2'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand show" -l stale-after -d 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]' -r
complete -c sstat -n "__fish_sstat_using_subcommand show" -l very-stale-after -d 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]' -r
complete -c sstat -n "__fish_sstat_using_subcommand show" -l stale-status -d 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]' -r
complete -c sstat -n "__fish_sstat_using_subcommand show" -l tmux -d 'Add the last lines of the tmux pane of that name' -r
complete -c sstat -n "__fish_sstat_using_subcommand show" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand show" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand show" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s n -l limit -d 'The last N updates of a session; 0 for all [default: 50; with --plot 0]' -r
complete -c sstat -n "__fish_sstat_using_subcommand history" -l since -d 'Not older: a duration ago, or an RFC 3339 time' -r
complete -c sstat -n "__fish_sstat_using_subcommand history" -l until -d 'Not younger: a duration ago, or an RFC 3339 time' -r
complete -c sstat -n "__fish_sstat_using_subcommand history" -l status -d 'Only updates with one of these statuses' -r
complete -c sstat -n "__fish_sstat_using_subcommand history" -l task -d 'Only updates of this task' -r
complete -c sstat -n "__fish_sstat_using_subcommand history" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand history" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand history" -l all -d 'All sessions'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s f -l follow -d 'Go on with new updates as they come'
complete -c sstat -n "__fish_sstat_using_subcommand history" -l plot -d 'Draw who did what when: statuses and progress on an axis of time'
complete -c sstat -n "__fish_sstat_using_subcommand history" -l json -d 'Print JSON: one object, or an array for several sessions'
complete -c sstat -n "__fish_sstat_using_subcommand history" -l jsonl -d 'Print the stored lines themselves'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l status -d 'Only sessions in one of these statuses' -r
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l task -d 'Only sessions that work on this task' -r
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l since -d 'Only sessions updated within this time' -r
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l stale-after -d 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]' -r
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l very-stale-after -d 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]' -r
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l stale-status -d 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]' -r
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l very -d 'Only very stale and dead sessions'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l exit-code -d 'Exit with 1 if a row is printed and 0 if none is; a missing directory, an unreadable file or an unknown name is 2'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l status -d 'Only sessions in one of these statuses' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l task -d 'Only sessions that work on this task' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l since -d 'Only sessions updated within this time' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l stale-after -d 'Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l very-stale-after -d 'Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m, or three times --stale-after where that is 15m or more]' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l stale-status -d 'The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS, else every one but completed]' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s n -l interval -d 'The time between two blocks' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l until -d 'Wait until the named sessions reach one of these statuses; exit with 0, with 1 if one ended otherwise, with 3 if one is dead' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l timeout -d 'Give up after this time, and exit with 124' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l on -d 'What raises an alarm: stale, very_stale, dead, recovered, removed, update, or a status [default: error,very_stale,dead]' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l exec -d 'Run this with sh, once an episode; SSTAT_EVENT, SSTAT_SESSION, SSTAT_STATUS, SSTAT_MESSAGE and others say what happened' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l repeat -d 'Raise the alarm again as long as the episode lasts' -r
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l dir -l status-dir -d 'The status directory [default: $SSTAT_DIR, else the nearest data/session_status above, else your own]' -r -F
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l color -d 'When to colour [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR says otherwise'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l once -d 'Print one block and end; with --json the snapshots'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l poll -d 'Look for changes every second instead of being told of them, as is done on network file systems'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l now -d 'Count what already holds at the start as if it happened then'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l any -d 'One of them is enough; fail when all have failed'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l allow-missing -d 'Wait also for sessions that do not exist yet; of a pattern that matches none, for the first that comes'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l bell -d 'Ring the terminal\'s bell'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s q -l quiet -d 'No warnings about the files read, no notes'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s v -l verbose -d 'Say which directory is used, and why'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s V -l version -d 'Print version'

function __sstat_sessions
    set -l directory
    set -l words (commandline -opc)
    for i in (seq (count $words))
        contains -- $words[$i] --dir --status-dir; and set directory --dir (string replace -r '^~' $HOME -- $words[(math $i + 1)])
    end
    sstat $directory list --quiet --json 2>/dev/null | sed -n 's/^  "\([^"\\]*\)": {$/\1/p'
end
function __sstat_push_places
    set -l places 0
    for word in (commandline -opc)
        string match -q -- '-*' $word; or set places (math $places + 1)
    end
    echo $places
end
complete -c sstat -n "__fish_sstat_using_subcommand push; and test (__sstat_push_places) -eq 2" -f -a "(__sstat_sessions)"
complete -c sstat -n "__fish_sstat_using_subcommand push; and test (__sstat_push_places) -eq 3" -f -a "idle working blocked completed error"
complete -c sstat -n "__fish_sstat_using_subcommand summary list show history stale watch" -f -a "(__sstat_sessions)"
