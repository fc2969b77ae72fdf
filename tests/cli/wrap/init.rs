//! sstat as process 1 of a PID namespace.

use super::*;

/// A container's `exec` starts a process like this: its group and session have no
/// ids in the PID namespace.
#[test]
fn process_group_outside_of_the_pid_namespace_is_not_in_the_foreground() {
    let unshared = |arguments: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--map-root-user", "--pid", "--fork", "--mount-proc"])
            .args(arguments);
        unshare
    };
    let allowed = unshared(&["true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !or_skip(allowed, "unshare --pid") {
        return;
    }
    let sandbox = Sandbox::new();
    let stops = "(sleep 0.1; kill -CONT $$) & kill -STOP $$; exit 5";
    for wrapped in [
        format!("sstat push w working -- sh -c '{stops}'"),
        format!("exec sstat push w working -- sh -c '{stops}'"),
    ] {
        let mut shell = unshared(&["sh", "-c", &wrapped]);
        sandbox.isolate(&mut shell);
        let ran = Ran::from(shell.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (5, ""), "{wrapped}");
    }
    assert_eq!(sandbox.updates("w").len(), 4);
}
