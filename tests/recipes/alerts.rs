//! Runs the scripts of `contrib/alerts` with a session that fires an alert.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Sandbox, have, write_program};

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

/// Texts that a shell, AppleScript, curl, JSON or Slack could interpret.
const HOSTILE: [&str; 4] = [
    "$(touch hacked); `touch hacked` \"May I?\" 'yes' \\",
    "@/etc/passwd",
    "-e do shell script \"touch hacked\"",
    "<!channel> & \" with title \"x",
];

/// Puts a fake program into the script's PATH and returns the path of the file with
/// the arguments of its last call, one per line.
fn fake_program(sandbox: &Sandbox, name: &str) -> PathBuf {
    let seen = sandbox.root().join("seen");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}.part && mv {0}.part {0}\n",
        seen.display()
    );
    write_program(&sandbox.home().join(name), &script);
    seen
}

/// Runs a script that calls a fake program for the alert about a message, and
/// returns the arguments of the call.
fn arguments(program: &str, name: &str, message: &str) -> String {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "blocked", "--message", message]);
    sandbox.ok(["push", "w2", "working", "Fine"]);
    let seen = fake_program(&sandbox, program);
    let _running = script(&sandbox, name, &[]);
    let deadline = Instant::now() + TIMEOUT;
    while !seen.exists() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!sandbox.root().join("hacked").exists());
    fs::read_to_string(seen).unwrap()
}

#[test]
fn desktop_notification_has_session_event_and_message() {
    for message in HOSTILE {
        assert_eq!(
            arguments("notify-send", "desktop.sh", message),
            format!("--app-name=sstat\n--\nw1: blocked\n{message}\n")
        );
    }
}

#[test]
fn macos_notification_has_the_texts_as_arguments() {
    let script = "-e\non run argv\n-e\ndisplay notification (item 2 of argv) with title \
                  (item 1 of argv)\n-e\nend run";
    for message in HOSTILE {
        assert_eq!(
            arguments("osascript", "macos.sh", message),
            format!("{script}\n--\nw1: blocked\n{message}\n")
        );
    }
}

/// Runs a script that posts the alert about a message to a local server, whose URL is
/// in a variable. Returns the head of the request and its JSON.
fn posted(name: &str, variable: &str, message: &str) -> (String, Value) {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "error", "--message", message]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook?a=b&c=d", listener.local_addr().unwrap());
    let variables = [(variable, address.as_str()), ("NTFY_TOPIC", "my-topic")];
    let _running = script(&sandbox, name, &variables);
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // Each of these reads goes on after an interruption by a signal.
    let mut request = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(request.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("POST /hook?a=b&c=d "), "{head}");
    let body = Value::deserialize(&mut serde_json::Deserializer::from_reader(request)).unwrap();
    (&stream)
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .unwrap();
    assert!(!sandbox.root().join("hacked").exists());
    (head, body)
}

#[test]
fn webhook_receives_the_event_as_json() {
    if !have("curl") {
        return;
    }
    for message in HOSTILE {
        let (head, event) = posted("webhook.sh", "WEBHOOK_URL", message);
        assert!(head.contains("Content-Type: application/json"), "{head}");
        assert_eq!(event["session"], "w1");
        assert_eq!(event["state"]["message"], message);
    }
}

#[test]
fn ntfy_receives_topic_title_and_message() {
    if !have("curl") || !have("jq") {
        return;
    }
    for message in HOSTILE {
        let (_, body) = posted("ntfy.sh", "NTFY_URL", message);
        let expected = json!({"topic": "my-topic", "title": "w1: error", "message": message});
        assert_eq!(body, expected);
    }
}

#[test]
fn slack_receives_text_without_markup() {
    if !have("curl") || !have("jq") {
        return;
    }
    for message in HOSTILE {
        let (head, body) = posted("slack.sh", "SLACK_WEBHOOK_URL", message);
        assert!(head.contains("Content-Type: application/json"), "{head}");
        let escaped = message.replace('&', "&amp;");
        let escaped = escaped.replace('<', "&lt;").replace('>', "&gt;");
        assert_eq!(body, json!({"text": format!("w1: error: {escaped}")}));
    }
}
