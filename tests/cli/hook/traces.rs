//! Replays recorded traces. A sidecar of each trace has the agent, the
//! environment and, after each event, the name, status, message and request of
//! the session, or null if the event writes nothing.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use chrono::TimeDelta;
use serde_json::Value;

use super::fed;
use crate::support::{NOW, Ran, Sandbox, have};

#[derive(serde::Deserialize)]
struct Sidecar {
    agent: String,
    environment: HashMap<String, String>,
    /// Whether the agent runs the hooks of all sessions in one daemon.
    #[serde(default)]
    is_daemon: bool,
    expected: Vec<Option<Vec<String>>>,
}

/// A process with the arguments of Codex' daemon that runs hooks: a copy of the shell,
/// because a shell is not an agent.
struct Daemon {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(sandbox: &Sandbox, sidecar: &Sidecar) -> Self {
        let program = sandbox.root().join("daemon");
        fs::copy("/bin/sh", &program).unwrap();
        let script = sandbox.root().join("daemon.sh");
        let mut command = Command::new(program);
        sandbox.isolate(&mut command);
        let text = format!(
            "while read -r now json; do echo \"$json\" | SSTAT_NOW=$now sstat push --hook {}; echo; done",
            sidecar.agent
        );
        fs::write(&script, text).unwrap();
        command.arg(script).args(["app-server", "--managed-daemon"]);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = streams.envs(&sidecar.environment).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn hook(&mut self, now: &str, payload: &Value) {
        let mut line = String::new();
        writeln!(self.child.stdin.as_mut().unwrap(), "{now} {payload}").unwrap();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "\n");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn replay(path: &Path) {
    let sidecar = fs::read_to_string(path.with_extension("expected.json")).unwrap();
    let sidecar: Sidecar = serde_json::from_str(&sidecar).unwrap();
    let trace = fs::read_to_string(path).unwrap();
    assert_eq!(trace.lines().count(), sidecar.expected.len(), "{path:?}");
    let sandbox = Sandbox::new();
    let start = sstat::parse_timestamp(NOW).unwrap();
    let mut daemon = sidecar.is_daemon.then(|| Daemon::start(&sandbox, &sidecar));
    let mut lines = HashMap::new();
    for (number, (line, expected)) in trace.lines().zip(&sidecar.expected).enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        let offset = (event["at"].as_f64().unwrap() * 1000.0) as i64;
        let now = start + TimeDelta::milliseconds(offset);
        let now = now.to_rfc3339();
        if let Some(daemon) = &mut daemon {
            daemon.hook(&now, &event["payload"]);
        } else {
            let mut command = sandbox.command(["push", "--hook", &sidecar.agent]);
            command.env("SSTAT_NOW", now).envs(&sidecar.environment);
            let ran = fed(&mut command, event["payload"].to_string().as_bytes());
            let printed = (ran.stdout.as_str(), ran.stderr.as_str());
            assert_eq!((ran.code, printed), (0, ("", "")));
        }
        let mut written = Vec::new();
        for session in sandbox.sessions() {
            let updates = sandbox.updates(&session);
            let count = lines.insert(session.clone(), updates.len()).unwrap_or(0);
            for update in &updates[count..] {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let mut row = vec![session.clone()];
                row.extend(
                    ["status", "message"]
                        .iter()
                        .map(|key| text(&update[key]).unwrap()),
                );
                row.extend(text(&update["metadata"]["waiting_for"]));
                written.push(row);
            }
        }
        let expected: Vec<_> = expected.iter().cloned().collect();
        assert_eq!(written, expected, "{path:?}, event {number}: {line}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "slow, and needs /proc")]
fn recorded_traces_give_the_expected_updates() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hooks/traces");
    let mut traces: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    traces.sort();
    // Those of opencode are events of its plugin.
    traces.retain(|path| !path.ends_with("opencode-plugin-events.jsonl"));
    assert!(traces.len() >= 36, "{}", traces.len());
    for trace in traces {
        replay(&trace);
    }
}

#[test]
fn recorded_events_of_opencode_give_the_expected_updates() {
    if !have("node") {
        return;
    }
    let sandbox = Sandbox::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = sandbox.root().join("opencode.mjs");
    fs::copy(root.join("contrib/agents/opencode.js"), &plugin).unwrap();
    let script = "
import { readFileSync } from 'node:fs';
const { SstatPlugin } = await import(process.argv[1]);
const plugin = await SstatPlugin({ directory: '/home/u/oc' });
for (const line of readFileSync(process.argv[2], 'utf8').trim().split('\\n')) {
  const { type, payload } = JSON.parse(line);
  const { args } = payload;
  if (type in plugin) await plugin[type](payload, { args, parts: [{ type: 'text', text: 'Count' }] });
  else await plugin.event({ event: { type, properties: payload } });
}";
    let mut node = Command::new("node");
    sandbox.isolate(&mut node);
    node.args(["--input-type=module", "-e", script]).arg(plugin);
    let trace = "tests/fixtures/hooks/traces/opencode-plugin-events.jsonl";
    let ran = Ran::from(node.arg(root.join(trace)).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let updates = sandbox.updates("oc-sesdea");
    let shown = |update: &Value| (update["status"].clone(), update["message"].clone());
    assert_eq!(
        updates.iter().map(shown).collect::<Vec<_>>(),
        [
            ("idle", "Waiting for tasks"),
            ("working", "Count"),
            ("working", "read: README.md"),
            ("completed", "Turn completed"),
        ]
        .map(|(status, message)| (status.into(), message.into()))
    );
}
