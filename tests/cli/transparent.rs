//! A wrapped command behaves as without the wrapper: programs are run with and
//! without it in several circumstances, and their results compared.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

use crate::support::{Sandbox, have};

/// Scripts that print what they can see of their surroundings, or end in their
/// own way.
const PROGRAMS: [&[&str]; 28] = [
    &["true"],
    &["sh", "-c", "exit 255"],
    &["sh", "-c", "kill -1 $$"],
    &["sh", "-c", "kill -2 $$"],
    &["sh", "-c", "kill -9 $$"],
    &["sh", "-c", "kill -13 $$"],
    &["sh", "-c", "kill -15 $$"],
    &["sh", "-c", "kill -29 $$"],
    &["sh", "-c", "kill -30 $$"],
    &["sh", "-c", "ulimit -c 0; kill -11 $$"],
    &["sh", "-c", "kill -1 $$; kill -15 $$; echo alive"],
    &["sh", "-c", "sleep 5 >/dev/null 2>&1 & exit 4"],
    &["grep", "^Sig[BI]", "/proc/self/status"],
    &[
        "grep",
        "-E",
        "^(Cap|Uid|Groups|NoNew|Seccomp)",
        "/proc/self/status",
    ],
    &["cat", "/proc/self/limits"],
    &["cat", "/proc/self/oom_score_adj"],
    &["sh", "-c", "umask"],
    &["nice"],
    &["sh", "-c", "env | grep -v '^SSTAT_\\|^_=' | sort"],
    &["sh", "-c", "ls /proc/$$/fd"],
    &[
        "sh",
        "-c",
        "for fd in 0 1 2; do readlink /proc/$$/fd/$fd | sed 's/[0-9]*//g'; done",
    ],
    &["sh", "-c", "cut -d' ' -f7 /proc/$$/stat"],
    &["cat"],
    &["sh", "-c", "echo out; echo err >&2"],
    &["sh", "-c", "yes | head -1"],
    &["sh", "-c", "head -c 300000 /dev/zero | wc -c"],
    &["sh", "-c", "head -c 20000 /dev/zero >big"],
    &["pwd"],
];

/// What starts the program.
const CIRCUMSTANCES: [&[&str]; 18] = [
    &[],
    &["nohup"],
    &["setsid", "-w"],
    &["timeout", "9"],
    &["nice", "-n", "5"],
    &["env", "ADDED=1"],
    &["sh", "-c", "ulimit -n 64; exec \"$@\"", "-"],
    &["sh", "-c", "ulimit -f 8; exec \"$@\"", "-"],
    &["sh", "-c", "ulimit -f 8; trap '' XFSZ; exec \"$@\"", "-"],
    &["sh", "-c", "ulimit -c 0; exec \"$@\"", "-"],
    &["sh", "-c", "umask 077; exec \"$@\"", "-"],
    &["sh", "-c", "trap '' HUP TERM; exec \"$@\"", "-"],
    &["sh", "-c", "trap '' INT QUIT USR1 ALRM; exec \"$@\"", "-"],
    &["sh", "-c", "\"$@\" </dev/null & wait $!", "-"],
    &["sh", "-c", "exec \"$@\" 3</etc/passwd 7>/dev/null", "-"],
    &["sh", "-c", "cd /tmp && exec \"$@\"", "-"],
    &["sh", "-c", "\"$@\" | cat", "-"],
    &[
        "python3",
        "-c",
        "
import os, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [1, 10, 15, 17])
os.execvp(sys.argv[1], sys.argv[1:])",
    ],
];

/// Returns the wait status, stdout, and stderr without the lines of sstat.
fn run(sandbox: &Sandbox, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(words[0]);
    sandbox.isolate(&mut command);
    let mut child = command
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Fails if the program does not read it.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"hello\n");
    let output = child.wait_with_output().unwrap();
    let lines = |bytes: &[u8], skipped: &str| {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().filter(|line| !line.starts_with(skipped));
        // A library of the system ignores two signals of its own.
        lines.map(without_libc_signals).collect()
    };
    (
        output.status.into_raw(),
        lines(&output.stdout, "\0"),
        lines(&output.stderr, "sstat: "),
    )
}

fn without_libc_signals(line: &str) -> String {
    match line.strip_prefix("SigIgn:\t") {
        Some(mask) => {
            let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
            format!("SigIgn: {mask:x}\n")
        }
        None => format!("{line}\n"),
    }
}

#[test]
#[ignore = "slow: runs 1,000 programs"]
fn program_ends_and_sees_the_same_as_without_the_wrapper() {
    let sandbox = Sandbox::new();
    thread::scope(|scope| {
        for (number, circumstance) in CIRCUMSTANCES.into_iter().enumerate() {
            if circumstance.first().is_some_and(|program| !have(program)) {
                continue;
            }
            let sandbox = &sandbox;
            scope.spawn(move || {
                let session = format!("w{number}");
                let wrapper = ["sstat", "push", &session, "working", "m", "--"];
                for program in PROGRAMS {
                    let without = run(sandbox, &[circumstance, program].concat());
                    let with = run(sandbox, &[circumstance, &wrapper, program].concat());
                    assert_eq!(with, without, "{circumstance:?} {program:?}");
                }
            });
        }
    });
}
