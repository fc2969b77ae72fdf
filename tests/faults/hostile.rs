//! Text that controls a terminal, is invisible or is executed when it is not
//! quoted, in every command, on a pipe and on a terminal.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Output};

use crate::support::{Sandbox, have};
use crate::{count, random};

/// The parts of hostile strings.
const PIECES: [&[u8]; 44] = [
    b"\x1b[31m",
    b"\x1b[2J\x1b[H",
    b"\x1b]0;title\x07",
    b"\x1b]52;c;c2g=\x07",
    b"\x1b]8;;http://example.org\x1b\\",
    b"\x1bP+q\x1b\\",
    b"\x1bc",
    b"\x1b",
    b"\xc2\x9b31m",
    b"\xc2\x9d0;t\xc2\x9c",
    b"\xc2\x85",
    b"\xc2\x80",
    b"\x9b31m",
    b"\r",
    b"\n",
    b"\r\nsstat: fake: line",
    b"\t",
    b"\x08\x08\x08",
    b"\x07",
    b"\x7f",
    b"\x0b\x0c",
    b"\x0e\x0f",
    b"\xd8\x9c",
    b"\xe2\x80\x8b",
    b"\xe2\x80\x8e\xe2\x80\x8f",
    b"\xe2\x80\xa8\xe2\x80\xa9",
    b"\xe2\x80\xaeevil\xe2\x80\xac",
    b"\xe2\x81\xa6x\xe2\x81\xa9",
    b"\xe2\x81\xa0",
    b"\xef\xbb\xbf",
    b"\xef\xbf\xb9a\xef\xbf\xba\xef\xbf\xbb",
    b"\xf3\xa0\x81\x81\xf3\xa0\x81\xbf",
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
    b"\xe6\x97\xa5\xe6\x9c\xac",
    b"a\xcc\x81\xcc\x82\xcc\x83",
    b"$(touch pwned)`touch pwned`;&|",
    b"#[fg=red]#(touch pwned)#{pane_id}",
    b"\"',\\\"}]{[",
    b"%s%n%08x",
    b"-",
    b"word ",
];

fn string(random: &mut fastrand::Rng) -> Vec<u8> {
    let pieces = random.usize(1..6);
    (0..pieces)
        .flat_map(|_| match random.u8(0..8) {
            0 => vec![random.u8(1..)],
            1 => random.char(..).to_string().into_bytes(),
            _ => random.choice(PIECES).unwrap().to_vec(),
        })
        .filter(|&byte| byte != 0)
        .collect()
}

/// Returns a hostile string as JSON. Most characters are not escaped, like the
/// output of `serde_json` and of Python with `ensure_ascii=False`.
fn json(random: &mut fastrand::Rng) -> String {
    let text = String::from_utf8_lossy(&string(random)).into_owned();
    let mut json = serde_json::to_string(&text).unwrap();
    if random.u8(0..10) == 0 {
        json.insert_str(1, "\\ud83d\\u0000\\u009b");
    }
    json
}

/// Where the output goes, which decides which control characters are its own.
#[derive(Clone, Copy, PartialEq)]
enum Stream {
    Pipe,
    /// Allows colors, and a carriage return before each newline.
    Terminal,
}

fn check(bytes: &[u8], stream: Stream, what: &dyn std::fmt::Debug) {
    let text = str::from_utf8(bytes)
        .unwrap_or_else(|error| panic!("{what:?}: {error}: {}", bytes.escape_ascii()));
    let mut rest = text;
    while let Some(at) = rest.find(|c| sstat::is_unprintable(c) && c != '\n') {
        let from = &rest[at..];
        let own = match stream {
            Stream::Pipe => 0,
            Stream::Terminal if from.starts_with("\r\n") => 1,
            Stream::Terminal => color(from),
        };
        assert!(
            own > 0,
            "{what:?}: {:?}",
            &from.chars().take(40).collect::<String>()
        );
        rest = &from[own..];
    }
}

/// Returns the length of the color sequence at the start of a text, or 0.
fn color(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\x1b[") else {
        return 0;
    };
    let digits = parameters
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
        .count();
    match parameters.as_bytes().get(digits) {
        Some(b'm') => 2 + digits + 1,
        _ => 0,
    }
}

fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let code = output.status.code();
    assert!(matches!(code, Some(0..=3 | 124)), "{command:?}: {output:?}");
    output
}

/// Writes sessions with hostile names and lines, and returns the names.
fn fill(
    sandbox: &Sandbox,
    sessions: usize,
    lines: usize,
    random: &mut fastrand::Rng,
) -> Vec<OsString> {
    let mut names = Vec::new();
    for session in 0..sessions {
        let mut name: Vec<u8> = string(random)
            .into_iter()
            .filter(|&byte| byte != b'/')
            .collect();
        name.truncate(200);
        name.extend(session.to_string().bytes());
        let name = OsString::from_vec(name);
        let mut content = String::new();
        for line in 0..lines {
            let j = |random: &mut fastrand::Rng| json(random);
            let known = ["working", "blocked", "error", "idle", "completed"][line % 5];
            let status = if line % 7 == 6 {
                j(random)
            } else {
                format!("\"{known}\"")
            };
            let second = line % 60;
            content += &format!(
                "{{\"timestamp\":\"2026-02-14T20:{:02}:{second:02}Z\",\"session\":{},\"status\":{status},\"progress\":0.{line},\"message\":{},\"task_id\":{},\"metadata\":{{{}:{},\"n\":[{}]}},\"process\":{{\"pid\":1,\"start_time\":2,\"boot_id\":{},\"host\":{},\"pid_namespace\":3,\"command\":[{}]}},{}:{}}}\n",
                line / 60 % 60,
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
                j(random),
            );
            if line % 11 == 10 {
                content += "\x1b[31m bad \u{202e}\n";
            }
        }
        let mut file = name.clone();
        file.push("_status.json");
        fs::write(sandbox.dir().join(file), content).unwrap();
        names.push(name);
    }
    names
}

const COMMANDS: [&[&str]; 17] = [
    &["summary"],
    &["summary", "--short"],
    &["summary", "--tmux"],
    &["summary", "--json"],
    &["list"],
    &["list", "--json"],
    &["list", "--attention", "--sort", "status"],
    &["stale", "--stale-status", "all"],
    &["stale", "--json"],
    &["history", "--all", "--limit", "0"],
    &["history", "--all", "--limit", "0", "--json"],
    &["history", "--all", "--limit", "0", "--jsonl"],
    &["history", "--all", "--plot"],
    &["watch", "--once"],
    &["list", "--verbose"],
    &["summary", "--since", "1h", "*"],
    &["list", "[a-z]*"],
];

#[test]
fn readers_escape_hostile_text_on_a_pipe() {
    let sandbox = Sandbox::new();
    let mut random = random("hostile, pipe");
    let (sessions, lines) = (20, count(12, 60));
    let names = fill(&sandbox, sessions, lines, &mut random);
    let see = |args: &[&OsStr]| {
        let output = output(sandbox.command(args).env("TERM", "xterm"));
        check(&output.stdout, Stream::Pipe, &args);
        check(&output.stderr, Stream::Pipe, &args);
        if args.contains(&OsStr::new("--json")) && output.status.success() {
            let json: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
            // `serde_json::Value` rejects half a surrogate pair.
            assert!(
                json.is_ok() || String::from_utf8_lossy(&output.stdout).contains("\\ud83d"),
                "{args:?}: {json:?}"
            );
        }
        output
    };
    for args in COMMANDS {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let output = see(&args);
        if args.contains(&OsStr::new("--tmux")) {
            assert!(
                !String::from_utf8_lossy(&output.stdout).contains("#("),
                "{output:?}"
            );
        }
    }
    for name in &names {
        for args in [
            &["show"][..],
            &["show", "--json"],
            &["history", "--json"],
            &["list"],
        ] {
            let mut args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
            args.push(OsStr::new("--"));
            args.push(name);
            see(&args);
            // A similar name, which gets a suggestion.
            let near = OsStr::from_bytes(&name.as_bytes()[1..]);
            args.pop();
            args.push(near);
            see(&args);
        }
    }
    println!("{} hostile strings read on a pipe", sessions * lines * 12);
    assert!(!sandbox.root().join("pwned").exists() && !sandbox.dir().join("pwned").exists());
}

#[test]
fn readers_escape_hostile_text_on_a_terminal() {
    if !have("script") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut random = random("hostile, terminal");
    let (sessions, lines) = (20, count(12, 60));
    let names = fill(&sandbox, sessions, lines, &mut random);
    let see = |args: &[&OsStr]| {
        let quoted: Vec<Vec<u8>> = args.iter().map(|arg| quote(arg.as_bytes())).collect();
        let line = [b"exec sstat ".to_vec(), quoted.join(&b' ')].concat();
        let mut command = Command::new("script");
        sandbox.isolate(&mut command);
        command
            .env("TERM", "xterm-256color")
            .arg("-qec")
            .arg(OsStr::from_bytes(&line))
            .arg("/dev/null");
        let output = output(&mut command);
        check(&output.stdout, Stream::Terminal, &args);
        output
    };
    for args in COMMANDS {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        see(&args);
    }
    let colored = see(&[OsStr::new("list")]);
    assert!(colored.stdout.contains(&0x1b), "no terminal: {colored:?}");
    for name in &names {
        see(&[OsStr::new("show"), OsStr::new("--"), name]);
    }
    println!(
        "{} hostile strings read on a terminal",
        sessions * lines * 12
    );
    assert!(!sandbox.root().join("pwned").exists() && !sandbox.dir().join("pwned").exists());
}

fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = b"'".to_vec();
    for &byte in word {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            byte => quoted.push(byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// Hostile text in every argument of `push`.
#[test]
fn push_escapes_hostile_arguments() {
    let sandbox = Sandbox::new();
    let mut random = random("hostile, push");
    let strings = count(150, 2_000);
    let mut recorded = 0;
    for number in 0..strings {
        let hostile = OsString::from_vec(string(&mut random));
        let args: &[&OsStr] = &["push", "w", "working", "m"].map(OsStr::new);
        let option = |name: &str| [OsStr::new(name), &hostile].concat();
        let mut all: Vec<OsString> = args.iter().map(OsString::from).collect();
        match number % 12 {
            0 => all[1].clone_from(&hostile),
            1 => all[2].clone_from(&hostile),
            2 | 3 => all[3].clone_from(&hostile),
            4 => all.push(hostile.clone()),
            5 => all.push(option("--task=")),
            6 => all.push(option("--meta=k=")),
            7 => all.push([option("--meta="), "=v".into()].concat()),
            8 => all.push(option("--metadata=")),
            9 => all.push(option("--expect=")),
            10 => all.push(option("--no-such=")),
            _ => all.push(option("--pid=")),
        }
        let output = output(&mut sandbox.command(&all));
        check(&output.stdout, Stream::Pipe, &all);
        check(&output.stderr, Stream::Pipe, &all);
        recorded += usize::from(output.status.success());
        let named = output.status.success() || !output.stderr.is_empty();
        assert!(
            named && output.stderr.iter().filter(|&&byte| byte == b'\n').count() <= 1,
            "{all:?}: {output:?}"
        );
    }
    for entry in fs::read_dir(sandbox.dir()).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        check(&content, Stream::Pipe, &"written line");
        for line in content
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            serde_json::from_slice::<serde_json::Value>(line).unwrap();
        }
    }
    println!("{strings} hostile arguments: {recorded} recorded, the others rejected");
    assert!(recorded > 0 && recorded < strings);
}

#[test]
fn messages_escape_hostile_directory_name() {
    let sandbox = Sandbox::new();
    let mut random = random("hostile, directory");
    for _ in 0..count(20, 200) {
        let mut name = string(&mut random);
        name.retain(|&byte| byte != b'/');
        name.push(b'd');
        let directory = sandbox.root().join(OsStr::from_bytes(&name));
        for args in [
            &["summary"][..],
            &["list", "--exit-code"],
            &["show", "w"],
            &["push", "w", "working", "-v"],
            &["list", "-v"],
        ] {
            let output = output(sandbox.command(args).env("SSTAT_DIR", &directory));
            check(&output.stdout, Stream::Pipe, &args);
            check(&output.stderr, Stream::Pipe, &args);
        }
    }
}

trait Concat {
    fn concat(&self) -> OsString;
}

impl<T: AsRef<OsStr>> Concat for [T] {
    fn concat(&self) -> OsString {
        let mut all = OsString::new();
        for part in self {
            all.push(part);
        }
        all
    }
}
