//! contrib/shell

use std::path::Path;
use std::process::Command;

use crate::support::{Ran, Sandbox, have};

/// Runs `track` in a shell. A failing command's exit code is kept, and its
/// message and error output are recorded.
#[test]
fn track_reports_a_command_in_each_shell() {
    for (shell, file) in [
        ("sh", "track.sh"),
        ("bash", "track.sh"),
        ("zsh", "track.sh"),
        ("fish", "track.fish"),
    ] {
        if !have(shell) {
            continue;
        }
        let sandbox = Sandbox::new();
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/shell");
        let source = format!(". '{}'", recipe.join(file).display());
        let project = sandbox.root().join("my project");
        std::fs::create_dir(&project).unwrap();
        let mut command = Command::new(shell);
        sandbox.isolate(&mut command);
        command.current_dir(&project);
        let script =
            format!("{source}\ntrack sh -c 'echo \"$1\"; echo failed >&2; exit 3' - 'a  b'");
        let ran = Ran::from(command.args(["-c", &script]).output().unwrap());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (3, "a  b\n", "failed\n"),
            "{shell}"
        );
        let updates = sandbox.updates("my project-sh");
        let message = updates[0]["message"].as_str().unwrap();
        assert!(message.ends_with("- a  b"), "{shell}: {message}");
        assert_eq!(updates[1]["status"], "error", "{shell}");
        assert_eq!(updates[1]["metadata"]["exit_code"], 3, "{shell}");
        assert_eq!(updates[1]["metadata"]["stderr_tail"], "failed", "{shell}");
    }
}
