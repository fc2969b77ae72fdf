//! Runs the scripts of `contrib/alerts` with a session that fires an alert.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, have};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A running script that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn script(sandbox: &Sandbox, name: &str, variables: &[(&str, &str)]) -> Running {
    let mut command = Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("contrib/alerts")
            .join(name),
    );
    sandbox.isolate(&mut command);
    let path = std::env::var("PATH").unwrap_or_default();
    let sstat = crate::support::sstat_binary().parent().unwrap();
    command.env(
        "PATH",
        format!("{}:{}:{path}", sandbox.home().display(), sstat.display()),
    );
    command.envs(variables.iter().copied());
    Running(
        command
            .stdout(Stdio::null())
            .args(["--now"])
            .spawn()
            .unwrap(),
    )
}

#[test]
fn desktop_notification_has_session_event_and_message() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "blocked", "$(touch hacked); \"May I?\""]);
    sandbox.ok(["push", "w2", "working", "Fine"]);
    // A fake notify-send, because the real one needs a desktop.
    let seen = sandbox.root().join("seen");
    let notify = sandbox.home().join("notify-send");
    fs::write(
        &notify,
        format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}.part && mv {0}.part {0}\n",
            seen.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&notify, fs::Permissions::from_mode(0o755)).unwrap();
    let _running = script(&sandbox, "desktop.sh", &[]);
    let deadline = Instant::now() + TIMEOUT;
    while !seen.exists() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(
        fs::read_to_string(seen).unwrap(),
        "--app-name=sstat\n--\nw1: blocked\n$(touch hacked); \"May I?\"\n"
    );
    assert!(!sandbox.root().join("hacked").exists());
}

#[test]
fn webhook_receives_the_event_as_json() {
    if !have("curl") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "error", "It \"broke\" & 'how'"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook?a=b&c=d", listener.local_addr().unwrap());
    let _running = script(&sandbox, "webhook.sh", &[("WEBHOOK_URL", &address)]);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut request = Vec::new();
    let event = loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(event) = serde_json::from_str::<serde_json::Value>(body)
        {
            assert!(head.starts_with("POST /hook?a=b&c=d "), "{head}");
            assert!(head.contains("Content-Type: application/json"), "{head}");
            break event;
        }
    };
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .unwrap();
    assert_eq!(event["session"], "w1");
    assert_eq!(event["state"]["message"], "It \"broke\" & 'how'");
}
