//! completions/: the scripts of clap, completed by the names of sessions.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

#[test]
fn completions_are_up_to_date() {
    for (shell, path) in [
        (Shell::Bash, "completions/sstat.bash"),
        (Shell::Zsh, "completions/_sstat"),
        (Shell::Fish, "completions/sstat.fish"),
        (Shell::Elvish, "completions/sstat.elv"),
        (Shell::PowerShell, "completions/sstat.ps1"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "sstat", &mut script);
        let script = String::from_utf8(script).unwrap();
        crate::check(
            path,
            &match shell {
                Shell::Bash => bash(&script),
                Shell::Zsh => zsh(&script),
                Shell::Fish => fish(&script),
                _ => script,
            },
        );
    }
}

/// Prints the names of the sessions, one per line. The first line is a heading.
const NAMES: &str = "list --quiet --columns session 2>/dev/null | tail -n +2";

const STATUSES: &str = "idle working blocked completed error";

/// Returns all options that take a value, as a shell pattern.
fn options_with_values() -> String {
    fn collect(command: &Command, all: &mut Vec<String>) {
        for argument in command.get_arguments() {
            if argument.is_positional() || !argument.get_action().takes_values() {
                continue;
            }
            if argument.is_require_equals_set() {
                continue;
            }
            all.extend(
                argument
                    .get_long_and_visible_aliases()
                    .into_iter()
                    .flatten()
                    .map(|long| format!("--{long}")),
            );
            all.extend(
                argument
                    .get_short_and_visible_aliases()
                    .into_iter()
                    .flatten()
                    .map(|short| format!("-{short}")),
            );
        }
        for subcommand in command.get_subcommands() {
            collect(subcommand, all);
        }
    }
    let mut all = Vec::new();
    let mut command = Cli::command();
    // The arguments of a verb are defined only when the command is built.
    command.build();
    collect(&command, &mut all);
    all.sort();
    all.dedup();
    all.join("|")
}

/// Adds names and statuses to the function of clap, which completes options and
/// verbs.
fn bash(script: &str) -> String {
    let head = script
        .split("if [[ \"${BASH_VERSINFO[0]}\" -eq 4")
        .next()
        .unwrap();
    let with_value = options_with_values();
    format!(
        r#"{head}
_sstat_with_sessions() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" verb="" places=0 directory=() word i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$word" in
            --) return 0 ;;
            --dir|--status-dir) directory+=(--dir "${{COMP_WORDS[i + 1]/#\~/$HOME}}"); ((i++)) ;;
            {with_value}) ((i++)) ;;
            -*) ;;
            *) if [[ -z "$verb" ]]; then verb="$word"; else ((places++)); fi ;;
        esac
    done
    if [[ -z "$verb" || "$cur" == -* ]] || ((i > COMP_CWORD)); then
        _sstat "$@"
        return
    fi
    local IFS=$'\n'
    if [[ "$verb" == push && "$places" -eq 1 ]]; then
        COMPREPLY=($(compgen -W "$(printf '%s\n' {STATUSES})" -- "$cur"))
    elif [[ "$verb" != push || "$places" -eq 0 ]] && [[ "$verb" != show || "$places" -eq 0 ]]; then
        while read -r word; do
            [[ "$verb" == push && "$word" == */* ]] && continue
            [[ "$word" == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
        done < <(sstat "${{directory[@]}}" {NAMES})
    fi
}}

complete -F _sstat_with_sessions -o nosort -o bashdefault -o default sstat
"#,
    )
}

/// Completes names and statuses where clap completes files.
fn zsh(script: &str) -> String {
    let mut out = String::new();
    for line in script.lines() {
        let place = line.trim_start_matches(['\'', ':', '*']);
        let line = if !line.starts_with('\'') || line.starts_with("'-") || line.starts_with("'(-") {
            line.to_owned()
        } else if ["session", "name"].iter().any(|id| place.starts_with(id)) {
            line.replace(":_default'", ":_sstat_sessions'")
        } else if place.starts_with("status") {
            line.replace(":_default'", &format!(":({STATUSES})'"))
        } else {
            line.to_owned()
        };
        if line.starts_with("(( $+functions[_sstat_commands] ))") {
            out.push_str(&format!(
                r#"(( $+functions[_sstat_sessions] )) ||
_sstat_sessions() {{
    local -a typed directory names
    # The whole line: each verb completes with words of its own.
    typed=(${{(z)BUFFER}})
    local -i i
    for ((i = 1; i < $#typed; i++)); do
        [[ $typed[i] == --(status-|)dir ]] && directory+=(--dir "${{${{(Q)typed[i+1]}}/#\~/$HOME}}")
    done
    names=(${{(f)"$(sstat $directory {NAMES})"}})
    _wanted sessions expl session compadd -a names
}}
"#
            ));
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Adds completions of names and statuses.
fn fish(script: &str) -> String {
    format!(
        r#"{script}
function __sstat_sessions
    set -l directory
    set -l words (commandline -opc)
    for i in (seq (count $words))
        contains -- $words[$i] --dir --status-dir; and set -a directory --dir (string replace -r '^~' $HOME -- $words[(math $i + 1)])
    end
    sstat $directory {NAMES}
end
function __sstat_push_places
    set -l places 0
    for word in (commandline -opc)
        string match -q -- '-*' $word; or set places (math $places + 1)
    end
    echo $places
end
complete -c sstat -n "__fish_sstat_using_subcommand push; and test (__sstat_push_places) -eq 2" -f -a "(__sstat_sessions)"
complete -c sstat -n "__fish_sstat_using_subcommand push; and test (__sstat_push_places) -eq 3" -f -a "{STATUSES}"
complete -c sstat -n "__fish_sstat_using_subcommand summary list show history stale watch" -f -a "(__sstat_sessions)"
"#,
    )
}
