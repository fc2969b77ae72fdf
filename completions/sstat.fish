# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sstat_global_optspecs
    string join \n dir= color= q/quiet v/verbose V/version h/help
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

complete -c sstat -n "__fish_sstat_needs_command" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_needs_command" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_needs_command" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_needs_command" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_needs_command" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "push" -d 'Append an update to a session\'s file'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "summary" -d 'Summarize sessions: counts and names by status'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "list" -d 'List sessions, one per row'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "show" -d 'Show all that is known about one session'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "history" -d 'Print past updates, oldest first'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "stale" -d 'List stale and dead sessions, worst first'
complete -c sstat -n "__fish_sstat_needs_command" -f -a "watch" -d 'Follow sessions: live screen, event stream, wait or alerts'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s p -l progress -d 'Progress: 0.5 or 50%' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -s t -l task -d 'Task that the session works on' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l message -d 'Message, whatever text it begins with' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -s m -l meta -d 'Metadata key; VALUE is JSON or else text' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l metadata -d 'Metadata as a JSON object' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l expect -d 'Time until the next update' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l pid -d 'Process of the session [default: $SSTAT_PID]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l hook -d 'Read an agent\'s hook from stdin: codex, auto, ...' -r -f -a "claude-code\t''
codex\t''
gemini\t''
qwen\t''
copilot\t''
opencode\t''
auto\t''"
complete -c sstat -n "__fish_sstat_using_subcommand push" -l session -d 'Session of the hook' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l ack -d 'Acknowledge a session that needs attention' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l tail -d 'Record the last lines of stderr if COMMAND fails [default: 10]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand push" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand push" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand push" -l sync -d 'Wait until the line is on the disk'
complete -c sstat -n "__fish_sstat_using_subcommand push" -l stdin -d 'Read updates from stdin, as JSON Lines'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand push" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l status -d 'Only sessions with one of these statuses' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l task -d 'Only sessions with this task' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l since -d 'Only sessions updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l older-than -d 'Only sessions not updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l longer-than -d 'Only sessions longer than this in their status' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l meta -d 'Only sessions with this metadata' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l stale-after -d 'Age at which a session is stale [default: 5m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l very-stale-after -d 'Age at which a session is very stale [default: 15m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l stale-status -d 'Statuses that can go stale, or "all" [default: all but completed]' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error all')"
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l by -d 'Count by task, host, status, prefix, meta.KEY, ...' -r -f -a "task\t''
host\t''
status\t''
directory\t''
prefix\t''"
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l short -d 'Print one line for a status bar'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l tmux -d 'Print the line of --short with tmux colors'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -l prometheus -d 'Print metrics in the Prometheus text format'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand summary" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l status -d 'Only sessions with one of these statuses' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l task -d 'Only sessions with this task' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l since -d 'Only sessions updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l older-than -d 'Only sessions not updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l longer-than -d 'Only sessions longer than this in their status' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l meta -d 'Only sessions with this metadata' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l stale-after -d 'Age at which a session is stale [default: 5m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l very-stale-after -d 'Age at which a session is very stale [default: 15m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand list" -l stale-status -d 'Statuses that can go stale, or "all" [default: all but completed]' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error all')"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l sort -d 'Sort by name, age, for, status, progress or task' -r -f -a "name\t'Natural order: worker2 before worker10'
age\t'Oldest update first'
for\t'Longest time in the same status first'
status\t'working, blocked, error, idle, completed, others'
progress\t'Highest progress first'
task\t'Natural order of the tasks, sessions without one last'"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l columns -d 'Columns of the table, e.g. session,meta.phase' -r -f -a "(__fish_complete_list , 'string join \n session status for age progress task message pid host since directory')"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand list" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l jsonl -d 'Print JSON Lines, one session per line'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l files -d 'Print the paths of the files'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s 0 -l null -d 'End each path with NUL instead of a newline'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l attention -d 'Only error, blocked, dead, stopped or stale ones'
complete -c sstat -n "__fish_sstat_using_subcommand list" -l exit-code -d 'Exit with 1 if a session is listed, otherwise 0'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand show" -l stale-after -d 'Age at which a session is stale [default: 5m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand show" -l very-stale-after -d 'Age at which a session is very stale [default: 15m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand show" -l stale-status -d 'Statuses that can go stale, or "all" [default: all but completed]' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error all')"
complete -c sstat -n "__fish_sstat_using_subcommand show" -l tmux -d 'Add the last lines of the tmux pane of the session [default: 20]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand show" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand show" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand show" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s n -l limit -d 'Number of updates per session; 0 for all [default: 50; with --since or --plot: 0]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand history" -l since -d 'Only updates since then: a duration ago, or a time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand history" -l until -d 'Only updates until then: a duration ago, or a time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand history" -l status -d 'Only updates with one of these statuses' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand history" -l task -d 'Only updates with this task' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand history" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand history" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand history" -l all -d 'All sessions'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s f -l follow -d 'Print new updates as they are written'
complete -c sstat -n "__fish_sstat_using_subcommand history" -l plot -d 'Plot statuses and progress over time'
complete -c sstat -n "__fish_sstat_using_subcommand history" -l json -d 'Print JSON: an object, or an array for several sessions'
complete -c sstat -n "__fish_sstat_using_subcommand history" -l jsonl -d 'Print the stored lines'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l status -d 'Only sessions with one of these statuses' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l task -d 'Only sessions with this task' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l since -d 'Only sessions updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l older-than -d 'Only sessions not updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l longer-than -d 'Only sessions longer than this in their status' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l meta -d 'Only sessions with this metadata' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l stale-after -d 'Age at which a session is stale [default: 5m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l very-stale-after -d 'Age at which a session is very stale [default: 15m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l stale-status -d 'Statuses that can go stale, or "all" [default: all but completed]' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error all')"
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l very -d 'Only very stale and dead sessions'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -l exit-code -d 'Exit with 1 if a session is listed, otherwise 0'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand stale" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l status -d 'Only sessions with one of these statuses' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l task -d 'Only sessions with this task' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l since -d 'Only sessions updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l stale-after -d 'Age at which a session is stale [default: 5m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l very-stale-after -d 'Age at which a session is very stale [default: 15m]' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l stale-status -d 'Statuses that can go stale, or "all" [default: all but completed]' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error all')"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s n -l interval -d 'Time between two summaries' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l until -d 'Wait until the sessions have one of these statuses' -r -f -a "(__fish_complete_list , 'string join \n idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l timeout -d 'Exit with 124 after this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l on -d 'Events to alert on [default: error,very_stale,dead]' -r -f -a "(__fish_complete_list , 'string join \n stale very_stale dead stopped overdue exited recovered acknowledged removed update idle working blocked completed error')"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l exec -d 'Run a command with sh -c when an event occurs' -r -f -a "(__fish_complete_command)"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l repeat -d 'Repeat the alert while the condition holds' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l older-than -d 'Only sessions not updated within this time' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l longer-than -d 'Only sessions longer than this in their status' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l meta -d 'Only sessions with this metadata' -r -f
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l dir -d 'Status directory [default: see --help]' -r -f -a "(__fish_complete_directories)"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l color -d 'When to use colors [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l json -d 'Print JSON'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l once -d 'Print one summary and exit'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l poll -d 'Poll every second instead of waiting for notifications'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l now -d 'Treat conditions that hold at the start as events'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l any -d 'Wait for one session; fail when all have failed'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l allow-missing -d 'Wait also for sessions that do not exist yet'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -l bell -d 'Ring the terminal bell when an event occurs'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s q -l quiet -d 'Suppress warnings and notes'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s v -l verbose -d 'Print which directory is used and why'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s V -l version -d 'Print version'
complete -c sstat -n "__fish_sstat_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'

function __sstat_sessions
    set -l directory
    set -l words (commandline -opc)
    for i in (seq (count $words))
        contains -- $words[$i] --dir --status-dir; and set -a directory --dir $words[(math $i + 1)]
        string match -q -r -- '^--(status-)?dir=' $words[$i]; and set -a directory $words[$i]
    end
    sstat $directory list --quiet --columns session 2>/dev/null | tail -n +2
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
