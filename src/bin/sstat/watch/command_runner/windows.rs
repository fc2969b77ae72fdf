//! Windows: `sh -c` if there is an `sh`, as in Git for Windows, otherwise `cmd /C`.

use std::ffi::{OsStr, OsString};
use std::os::windows::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Returns a command for the shell.
pub fn shell(command: &OsStr) -> Command {
    if let Ok(path) = which::which("sh") {
        let mut shell = Command::new(path);
        shell.arg("-c").arg(command);
        return shell;
    }
    // With /S, cmd removes the outer quotes and no others.
    let mut quoted = OsString::from("\"");
    quoted.push(command);
    quoted.push("\"");
    let mut shell = Command::new("cmd");
    shell.args(["/D", "/S", "/C"]).raw_arg(quoted);
    shell
}

/// Ends the processes of a command.
pub fn kill(child: &mut Child) {
    let pid = child.id().to_string();
    let mut taskkill = Command::new("taskkill");
    taskkill.args(["/T", "/F", "/PID", &pid]);
    let _ = taskkill
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let _ = child.kill();
    let _ = child.wait();
}
