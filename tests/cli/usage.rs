//! Help and usage errors.

use crate::support::Sandbox;

const VERBS: [&str; 7] = [
    "push", "summary", "list", "show", "history", "stale", "watch",
];

#[test]
fn long_help_ends_with_examples() {
    let sandbox = Sandbox::new();
    for verb in VERBS {
        let text = sandbox.ok([verb, "--help"]);
        let examples = text.split("Examples:\n").nth(1).unwrap();
        assert!(examples.contains(&format!("sstat {verb}")), "{text}");
    }
    assert!(sandbox.ok(["--version"]).starts_with("sstat "));
}

#[test]
fn short_help_fits_on_a_screen() {
    let sandbox = Sandbox::new();
    for verb in VERBS {
        let output = sandbox.command([verb, "-h"]).env("COLUMNS", "80").output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!((10..=25).contains(&text.lines().count()), "{text}");
    }
}

#[test]
fn help_without_arguments_is_printed_on_stderr() {
    let ran = Sandbox::new().run([""; 0]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("Usage: sstat"), "{}", ran.stderr);
}

#[test]
fn usage_error_is_one_line_with_a_suggestion() {
    let sandbox = Sandbox::new();
    for (args, parts) in [
        (&["sumary"][..], &["'sumary'", "'summary'"][..]),
        (&["list", "--atention"], &["--atention", "--attention"]),
        (&["list", "--sort", "agge"], &["agge", "age"]),
        (&["help"], &["'help'", "see --help"]),
        (&["show"], &["<NAME>", "see --help"]),
        (&["show", "w1", "w2"], &["'w2'", " show [OPTIONS] <NAME>"]),
        (&["history", "--since", "1h"], &["<NAME|--all>"]),
        (&["history", "w", "--all"], &["'--all'", "cannot be used"]),
        (&["push", "w", "i\nd"], &["i\\nd", "expected idle"]),
        (&["history", "w", "-n", "x"], &["whole number"]),
        (&["push", "w", "idle", "--pid", "x"], &["process id"]),
        (&["push", "w"], &["<STATUS>"]),
        (&["list", "--bogus"], &["'--bogus'", "see --help"]),
        (&["\u{1b}[31m"], &["\\x1b[31m"]),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(
            (ran.code, ran.stderr.lines().count()),
            (2, 1),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.starts_with("sstat: "), "{}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("-- --"), "{}", ran.stderr);
    }
}

/// A datagram socket keeps the boundaries of the writes.
#[cfg(unix)]
#[test]
fn message_is_one_write() {
    let sandbox = Sandbox::new();
    let (stderr, reader) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let stderr: std::os::fd::OwnedFd = stderr.into();
    let mut command = sandbox.command(["show", "nobody", "--color", "always"]);
    assert_eq!(command.stderr(stderr).status().unwrap().code(), Some(1));
    reader.set_nonblocking(true).unwrap();
    let mut buffer = [0; 1000];
    let size = reader.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..size]);
    assert!(
        text.contains("no session 'nobody'") && text.ends_with('\n'),
        "{text}"
    );
    assert!(reader.recv(&mut buffer).is_err());
}
