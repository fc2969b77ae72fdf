//! sstat as process 1 of a PID namespace, as in a container, and other promises of
//! the init programs that containers use.

use super::*;
use crate::support::or_skip;

/// Returns a command that runs in a new PID namespace, or `None` if that is not
/// allowed.
fn in_namespace(sandbox: &Sandbox, arguments: &[&str]) -> Option<Command> {
    let unshared = |arguments: &[&str]| {
        let mut unshare = Command::new("unshare");
        sandbox.isolate(&mut unshare);
        unshare
            .args(["--map-root-user", "--pid", "--fork", "--mount-proc"])
            .args(arguments);
        unshare
    };
    let allowed = unshared(&["true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    or_skip(allowed, "unshare --pid").then(|| unshared(arguments))
}

/// Runs a script as the command of a process 1.
fn run_as_init(sandbox: &Sandbox, script: &str) -> Option<Ran> {
    let wrapped = ["sstat", "push", "w", "working", "--", "sh", "-c", script];
    let output = in_namespace(sandbox, &wrapped)?.output().unwrap();
    Some(Ran::from(output))
}

/// A container's `exec` starts a process like this: its group and session have no
/// ids in the PID namespace.
#[test]
fn process_group_outside_of_the_pid_namespace_is_not_in_the_foreground() {
    let sandbox = Sandbox::new();
    let stops = "(while sleep 0.1 && kill -CONT $$ 2>&-; do :; done) & kill -STOP $$; exit 5";
    for wrapped in [
        format!("sstat push w working -- sh -c '{stops}'"),
        format!("exec sstat push w working -- sh -c '{stops}'"),
    ] {
        let Some(mut shell) = in_namespace(&sandbox, &["sh", "-c", &wrapped]) else {
            return;
        };
        let ran = Ran::from(shell.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (5, ""), "{wrapped}");
    }
    assert_eq!(sandbox.updates("w").len(), 4);
}

#[test]
fn process_1_ends_with_the_code_of_the_command() {
    let sandbox = Sandbox::new();
    for (script, code) in [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 64", 64),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -USR1 $$", 138),
        ("exec no-such-command 2>&-", 127),
        ("exec / 2>&-", 126),
    ] {
        let Some(ran) = run_as_init(&sandbox, script) else {
            return;
        };
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{script}");
    }
}

#[test]
fn process_1_reaps_orphans() {
    let script = "for i in 1 2 3 4 5 6 7 8 9; do (true & sh -c 'sleep 0.1' &); done
        while ps -e -o stat=,comm= | grep -e '^Z' -e '[s]leep'; do sleep 0.05; done >&2
        test -n \"$(ps -o args= -p 1 | grep sstat)\" && echo reaped";
    if let Some(ran) = run_as_init(&Sandbox::new(), script) {
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "reaped\n"), "{ran:?}");
    }
}

/// The kernel drops a signal to process 1 that it does not handle.
#[test]
fn process_1_forwards_signals() {
    let sandbox = Sandbox::new();
    let script = "trap 'kill -TERM 1' USR1; kill -USR1 1; while :; do sleep 0.05; done";
    if let Some(ran) = run_as_init(&sandbox, script) {
        assert_eq!((ran.code, ran.stderr.as_str()), (143, ""));
        let last = sandbox.updates("w").pop().unwrap();
        assert_eq!(last["metadata"]["signal"], "SIGTERM");
    }
}

#[test]
fn end_of_the_command_ends_the_namespace() {
    if let Some(ran) = run_as_init(&Sandbox::new(), "setsid sleep 600 & exit 3") {
        assert_eq!(ran.code, 3, "{ran:?}");
    }
}

#[test]
fn children_of_the_command_get_no_signal_and_are_not_waited_for() {
    let sandbox = Sandbox::new();
    for (end, code) in [("exit 4", 4), ("kill -TERM $PPID; wait", 143)] {
        // The orphan holds all streams open.
        let script = format!("sleep 600 & echo $!; {end}");
        let mut child = sandbox
            .command(["push", "w", "working", "--", "sh", "-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let orphan: u64 = line(&mut output).parse().unwrap();
        assert_eq!(code_of(&mut child), code);
        assert!(terminal::state(orphan).is_some_and(|state| state != 'Z'));
        kill("-KILL", orphan);
    }
}

/// A sandbox can show the /proc of another PID namespace, in which other processes have
/// the same ids.
#[test]
fn processes_of_another_pid_namespace_are_not_taken_for_those_of_this_one() {
    if !have("perl") {
        return;
    }
    let sandbox = Sandbox::new();
    // Processes 2 to 31 ignore SIGCHLD. sstat has one of these ids in its namespace.
    let perl = "$SIG{CHLD} = 'IGNORE';
        for (2..31) { fork or sleep 600 }
        $SIG{CHLD} = 'DEFAULT';
        exec @ARGV";
    let script = "sstat push w working -- sh -c 'sstat push w working --pid $$; exit 7'; echo $?";
    let inner = ["unshare", "--pid", "--fork", "sh", "-c", script];
    let arguments = [&["perl", "-e", perl][..], &inner].concat();
    let Some(mut command) = in_namespace(&sandbox, &arguments) else {
        return;
    };
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.stdout, "7\n", "{ran:?}");
    let updates = sandbox.updates("w");
    assert_eq!(updates.len(), 3);
    assert!(updates.iter().all(|update| update["process"].is_null()));
}
