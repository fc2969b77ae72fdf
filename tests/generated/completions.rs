//! completions/: the scripts of clap, completed by the names of sessions.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::support::Sandbox;

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
        clap_complete::generate(shell, &mut definitions(), "sstat", &mut script);
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

const COLUMNS: &str = "session status for age progress task message pid host since directory";

const GROUPS: &str = "task host status directory prefix";

const EVENTS: &str =
    "stale very_stale dead stopped overdue exited recovered acknowledged removed update";

/// The definitions of the arguments, with the values of each option: other values are
/// valid too, so the parsers cannot tell them.
fn definitions() -> Command {
    let mut command = Cli::command();
    // The arguments of a verb are defined only when the command is built.
    command.build();
    let verbs: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    let command = command.mut_args(with_values);
    verbs.into_iter().fold(command, |command, verb| {
        command.mut_subcommand(verb, |verb| verb.mut_args(with_values))
    })
}

fn with_values(argument: Arg) -> Arg {
    let Some(words) = words(&argument) else {
        let hint = match argument.get_long() {
            Some("dir") => ValueHint::DirPath,
            Some("exec") => ValueHint::CommandString,
            Some(_) if argument.get_action().takes_values() => ValueHint::Other,
            _ => return argument,
        };
        return argument.value_hint(hint);
    };
    argument.value_parser(PossibleValuesParser::new(words))
}

/// Returns the known values of an option that accepts others too.
fn words(argument: &Arg) -> Option<Vec<&'static str>> {
    let name = argument.get_value_names()?.first()?;
    let words = match (argument.get_long()?, name.as_str()) {
        ("by", _) => GROUPS.split(' ').collect(),
        ("columns", _) => COLUMNS.split(' ').collect(),
        ("on", _) => [EVENTS, STATUSES]
            .iter()
            .flat_map(|all| all.split(' '))
            .collect(),
        ("stale-status", _) => STATUSES.split(' ').chain(["all"]).collect(),
        (_, "STATUS,...") => STATUSES.split(' ').collect(),
        _ => return None,
    };
    Some(words)
}

/// Returns the names of all options that meet a condition, as a shell pattern.
fn options(is_included: impl Fn(&Arg) -> bool) -> String {
    let command = definitions();
    let verbs = command.get_subcommands().flat_map(Command::get_arguments);
    let arguments = command.get_arguments().chain(verbs);
    let mut all = Vec::new();
    for argument in arguments.filter(|argument| is_included(argument)) {
        let longs = argument.get_long_and_visible_aliases();
        all.extend(longs.into_iter().flatten().map(|long| format!("--{long}")));
        let shorts = argument.get_short_and_visible_aliases();
        all.extend(
            shorts
                .into_iter()
                .flatten()
                .map(|short| format!("-{short}")),
        );
    }
    all.sort();
    all.dedup();
    all.join("|")
}

fn takes_value(argument: &Arg) -> bool {
    argument.get_action().takes_values() && !argument.is_require_equals_set()
}

fn takes_list(argument: &Arg) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.ends_with(",..."))
}

#[test]
fn offered_values_are_valid() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "idle"]);
    let statuses = STATUSES.replace(' ', ",");
    sandbox.ok([
        "list",
        "--columns",
        &COLUMNS.replace(' ', ","),
        "--status",
        &statuses,
        "--stale-status",
        "all",
    ]);
    for group in GROUPS.split(' ') {
        sandbox.ok(["summary", "--by", group]);
    }
    let events = format!("{},{statuses}", EVENTS.replace(' ', ","));
    let limit = ["--older-than", "1h"];
    sandbox.ok([&["watch", "--once", "--json", "--on", &events][..], &limit].concat());
}

/// Adds names and statuses to the function of clap, which completes options and
/// verbs.
fn bash(script: &str) -> String {
    let head = script
        .split("if [[ \"${BASH_VERSINFO[0]}\" -eq 4")
        .next()
        .unwrap();
    let definitions = definitions();
    let verbs: Vec<&str> = definitions
        .get_subcommands()
        .map(Command::get_name)
        .collect();
    let verbs = verbs.join(" ");
    let with_value = options(takes_value);
    let with_list = options(takes_list);
    let with_path = options(|argument| {
        let hint = argument.get_value_hint();
        matches!(hint, ValueHint::DirPath | ValueHint::CommandString)
    });
    format!(
        r#"{head}
_sstat_with_sessions() {{
    local cur="$2" prev="$3" verb="" places=0 directory=() list="" word i
    COMPREPLY=()
    # bash splits --option=value into three words.
    [[ "$cur" == = ]] && cur=""
    [[ "$prev" == = ]] && prev="${{COMP_WORDS[COMP_CWORD - 2]}}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$word" in
            --) return 0 ;;
            --status-dir|{with_value})
                [[ "${{COMP_WORDS[i + 1]}}" == = ]] && ((i++))
                ((i++))
                [[ "$word" == --dir || "$word" == --status-dir ]] && directory+=(--dir "${{COMP_WORDS[i]}}") ;;
            -*) ;;
            *) if [[ -z "$verb" ]]; then verb="$word"; else ((places++)); fi ;;
        esac
    done
    if ((i > COMP_CWORD)); then
        [[ "$cur" == *,* ]] && case "$prev" in
            {with_list}) list="${{cur%,*}}," ;;
        esac
        case "$prev" in
            {with_path}) ;;
            *) compopt +o bashdefault +o default 2>/dev/null ;;
        esac
        _sstat "$1" "${{cur#"$list"}}" "$prev"
        COMPREPLY=("${{COMPREPLY[@]/#/$list}}")
        return
    elif [[ "$cur" == -* ]]; then
        _sstat "$@"
        return
    elif [[ -z "$verb" ]]; then
        COMPREPLY=($(compgen -W "{verbs}" -- "$cur"))
        return
    fi
    local IFS=$'\n'
    if [[ "$verb" == push && "$places" -eq 1 ]]; then
        COMPREPLY=($(compgen -W "$(printf '%s\n' {STATUSES})" -- "$cur"))
    elif [[ "$verb" != push || "$places" -eq 0 ]] && [[ "$verb" != show || "$places" -eq 0 ]]; then
        while read -r word; do
            [[ "$word" == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
        done < <(sstat "${{directory[@]}}" {NAMES})
    fi
}}

# The bash of macOS cannot keep the order.
complete -F _sstat_with_sessions -o nosort -o bashdefault -o default sstat 2>/dev/null ||
    complete -F _sstat_with_sessions -o bashdefault -o default sstat
"#,
    )
}

/// Completes names, statuses and wrapped commands where clap completes files.
fn zsh(script: &str) -> String {
    let mut out = String::new();
    for line in script.lines() {
        let place = line.trim_start_matches(['\'', ':', '*']);
        let line = if line.contains(",...:(") {
            let line = line.replace(",...:(", ",...:_values -s , value ");
            line.replace(")' \\", "' \\")
        } else if !line.starts_with('\'') || line.starts_with("'-") || line.starts_with("'(-") {
            line.to_owned()
        } else if line.starts_with("'::session") || line.starts_with("'::status") {
            // zsh offers the values of the place after an optional one, too.
            let values = match place.starts_with("session") {
                true => "_sstat_sessions".to_owned(),
                false => format!("({STATUSES})"),
            };
            let line = line.replacen("::", ":", 1);
            line.replace(":_default'", &format!(":{values}'"))
        } else if ["session", "name"].iter().any(|id| place.starts_with(id)) {
            line.replace(":_default'", ":_sstat_sessions'")
        } else if line.contains(":_default'") {
            // The other places of `push`: text, or a wrapped command.
            line.replace("'*::", "'*:")
                .replace(":_default'", ":_sstat_wrapped'")
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
        case $typed[i] in
            --(status-|)dir) directory+=(--dir "${{(Q)typed[i+1]}}") ;;
            --(status-|)dir=*) directory+=("${{(Q)typed[i]}}") ;;
        esac
    done
    names=(${{(f)"$(sstat $directory {NAMES})"}})
    _wanted sessions expl session compadd -a names
}}
(( $+functions[_sstat_wrapped] )) ||
_sstat_wrapped() {{
    local -i end=$words[(i)--]
    (( end < CURRENT )) || return 1
    shift $end words
    (( CURRENT -= end ))
    _normal
}}
"#
            ));
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Adds completions of names and statuses, and completes each word of a list.
fn fish(script: &str) -> String {
    let script = with_lists_of_fish(script);
    format!(
        r#"{script}
function __sstat_sessions
    set -l directory
    set -l words (commandline -opc)
    for i in (seq (count $words))
        contains -- $words[$i] --dir --status-dir; and set -a directory --dir $words[(math $i + 1)]
        string match -q -r -- '^--(status-)?dir=' $words[$i]; and set -a directory $words[$i]
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

/// The script with the lists completed word by word. The values of an option are on lines
/// of their own.
fn with_lists_of_fish(script: &str) -> String {
    let mut script = script.to_owned();
    for list in options(takes_list).split('|') {
        let option = format!(" -l {} -d ", list.trim_start_matches('-'));
        let mut from = 0;
        while let Some(at) = script[from..].find(&option) {
            from += at + option.len();
            let line = script[from..].lines().next().unwrap();
            // Another verb has an option of this name without a list.
            let Some(start) = line.find(" -r -f -a \"") else {
                continue;
            };
            let start = from + start + " -r -f -a \"".len();
            let end = start + script[start..].find('"').unwrap();
            let values = script[start..end].lines();
            let words: Vec<&str> = values
                .map(|value| value.split("\\t").next().unwrap())
                .collect();
            let list = format!(
                "(__fish_complete_list , 'string join \\n {}')",
                words.join(" ")
            );
            script.replace_range(start..end, &list);
        }
    }
    script
}
