
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
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Append an update to a session''s file')
            [CompletionResult]::new('summary', 'summary', [CompletionResultType]::ParameterValue, 'Summarize sessions: counts and names by status')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List sessions, one per row')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show all that is known about one session')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'Print past updates, oldest first')
            [CompletionResult]::new('stale', 'stale', [CompletionResultType]::ParameterValue, 'List stale and dead sessions, worst first')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Follow sessions: live screen, event stream, wait or alerts')
            break
        }
        'sstat;push' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Progress: 0.5 or 50%')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Progress: 0.5 or 50%')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Task that the session works on')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Task that the session works on')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'Message, whatever text it begins with')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Metadata key; VALUE is JSON or else text')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Metadata key; VALUE is JSON or else text')
            [CompletionResult]::new('--metadata', '--metadata', [CompletionResultType]::ParameterName, 'Metadata as a JSON object')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Time until the next update')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of the session [default: $SSTAT_PID]')
            [CompletionResult]::new('--hook', '--hook', [CompletionResultType]::ParameterName, 'Read an agent''s hook from stdin: codex, auto, ...')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Session of the hook')
            [CompletionResult]::new('--ack', '--ack', [CompletionResultType]::ParameterName, 'Acknowledge a session that needs attention')
            [CompletionResult]::new('--tail', '--tail', [CompletionResultType]::ParameterName, 'Record the last lines of stderr if COMMAND fails [default: 10]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'Wait until the line is on the disk')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Read updates from stdin, as JSON Lines')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sstat;summary' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions with one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions with this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only sessions not updated within this time')
            [CompletionResult]::new('--longer-than', '--longer-than', [CompletionResultType]::ParameterName, 'Only sessions longer than this in their status')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Only sessions with this metadata')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is stale [default: 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is very stale [default: 15m]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'Statuses that can go stale, or "all" [default: all but completed]')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Count by task, host, status, prefix, meta.KEY, ...')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--short', '--short', [CompletionResultType]::ParameterName, 'Print one line for a status bar')
            [CompletionResult]::new('--tmux', '--tmux', [CompletionResultType]::ParameterName, 'Print the line of --short with tmux colors')
            [CompletionResult]::new('--prometheus', '--prometheus', [CompletionResultType]::ParameterName, 'Print metrics in the Prometheus text format')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sstat;list' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions with one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions with this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only sessions not updated within this time')
            [CompletionResult]::new('--longer-than', '--longer-than', [CompletionResultType]::ParameterName, 'Only sessions longer than this in their status')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Only sessions with this metadata')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is stale [default: 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is very stale [default: 15m]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'Statuses that can go stale, or "all" [default: all but completed]')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by name, age, for, status, progress or task')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Columns of the table, e.g. session,meta.phase')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--jsonl', '--jsonl', [CompletionResultType]::ParameterName, 'Print JSON Lines, one session per line')
            [CompletionResult]::new('--files', '--files', [CompletionResultType]::ParameterName, 'Print the paths of the files')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'End each path with NUL instead of a newline')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'End each path with NUL instead of a newline')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Only error, blocked, dead, stopped or stale ones')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 1 if a session is listed, otherwise 0')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sstat;show' {
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is stale [default: 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is very stale [default: 15m]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'Statuses that can go stale, or "all" [default: all but completed]')
            [CompletionResult]::new('--tmux', '--tmux', [CompletionResultType]::ParameterName, 'Add the last lines of the tmux pane of the session [default: 20]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sstat;history' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Number of updates per session; 0 for all [default: 50; with --since or --plot: 0]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Number of updates per session; 0 for all [default: 50; with --since or --plot: 0]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only updates since then: a duration ago, or a time')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Only updates until then: a duration ago, or a time')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only updates with one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only updates with this task')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All sessions')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Print new updates as they are written')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Print new updates as they are written')
            [CompletionResult]::new('--plot', '--plot', [CompletionResultType]::ParameterName, 'Plot statuses and progress over time')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON: an object, or an array for several sessions')
            [CompletionResult]::new('--jsonl', '--jsonl', [CompletionResultType]::ParameterName, 'Print the stored lines')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sstat;stale' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions with one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions with this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only sessions not updated within this time')
            [CompletionResult]::new('--longer-than', '--longer-than', [CompletionResultType]::ParameterName, 'Only sessions longer than this in their status')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Only sessions with this metadata')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is stale [default: 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is very stale [default: 15m]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'Statuses that can go stale, or "all" [default: all but completed]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--very', '--very', [CompletionResultType]::ParameterName, 'Only very stale and dead sessions')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 1 if a session is listed, otherwise 0')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sstat;watch' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only sessions with one of these statuses')
            [CompletionResult]::new('--task', '--task', [CompletionResultType]::ParameterName, 'Only sessions with this task')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only sessions updated within this time')
            [CompletionResult]::new('--stale-after', '--stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is stale [default: 5m]')
            [CompletionResult]::new('--very-stale-after', '--very-stale-after', [CompletionResultType]::ParameterName, 'Age at which a session is very stale [default: 15m]')
            [CompletionResult]::new('--stale-status', '--stale-status', [CompletionResultType]::ParameterName, 'Statuses that can go stale, or "all" [default: all but completed]')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Time between two summaries')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Time between two summaries')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Wait until the sessions have one of these statuses')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Exit with 124 after this time')
            [CompletionResult]::new('--on', '--on', [CompletionResultType]::ParameterName, 'Events to alert on [default: error,very_stale,dead]')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run a command with sh -c when an event occurs')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Repeat the alert while the condition holds')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only sessions not updated within this time')
            [CompletionResult]::new('--longer-than', '--longer-than', [CompletionResultType]::ParameterName, 'Only sessions longer than this in their status')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Only sessions with this metadata')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Status directory [default: see --help]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Print one summary and exit')
            [CompletionResult]::new('--poll', '--poll', [CompletionResultType]::ParameterName, 'Poll every second instead of waiting for notifications')
            [CompletionResult]::new('--now', '--now', [CompletionResultType]::ParameterName, 'Treat conditions that hold at the start as events')
            [CompletionResult]::new('--any', '--any', [CompletionResultType]::ParameterName, 'Wait for one session; fail when all have failed')
            [CompletionResult]::new('--allow-missing', '--allow-missing', [CompletionResultType]::ParameterName, 'Wait also for sessions that do not exist yet')
            [CompletionResult]::new('--bell', '--bell', [CompletionResultType]::ParameterName, 'Ring the terminal bell when an event occurs')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Suppress warnings and notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print which directory is used and why')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
