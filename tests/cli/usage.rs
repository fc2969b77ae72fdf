//! Usage: help, and what is said to a mistake.

use crate::support::Sandbox;

#[test]
fn help_is_for_stdout_and_ends_with_examples() {
    let sandbox = Sandbox::new();
    for verb in [
        "push", "summary", "list", "show", "history", "stale", "watch",
    ] {
        for help in ["-h", "--help"] {
            let text = sandbox.ok([verb, help]);
            let examples = text.split("Examples:\n").nth(1).unwrap();
            assert!(examples.contains(&format!("sstat {verb}")), "{text}");
        }
    }
    assert!(sandbox.ok(["--version"]).starts_with("sstat "));
    assert_eq!(sandbox.run(["help"]).code, 2, "there is no eighth verb");
}

#[test]
fn without_arguments_the_help_is_for_stderr() {
    let ran = Sandbox::new().run([""; 0]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("Usage: sstat"), "{}", ran.stderr);
}

#[test]
fn a_mistake_is_one_line_with_what_was_meant() {
    let sandbox = Sandbox::new();
    for (args, parts) in [
        (&["sumary"][..], &["'sumary'", "'summary'"][..]),
        (&["list", "--atention"], &["--atention", "--attention"]),
        (&["list", "--sort", "agge"], &["agge", "age"]),
        (&["show"], &["<NAME>", "see --help"]),
        (&["push", "a\nb", "idle"], &["a\\nb", "control character"]),
        (&["history", "w", "-n", "x"], &["whole number"]),
        (
            &["push", "w", "idle", "--pid", "x"],
            &["number of a process"],
        ),
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
    }
}
