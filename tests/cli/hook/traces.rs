//! Replays recorded traces. A sidecar of each trace has the agent, the
//! environment and, after each event, the name, status, message and request of
//! the session, or null if the event writes nothing.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use serde_json::Value;

use super::fed;
use crate::support::{NOW, Sandbox};

#[derive(serde::Deserialize)]
struct Sidecar {
    agent: String,
    environment: HashMap<String, String>,
    expected: Vec<Option<Vec<String>>>,
}

fn replay(path: &Path) {
    let sidecar = fs::read_to_string(path.with_extension("expected.json")).unwrap();
    let sidecar: Sidecar = serde_json::from_str(&sidecar).unwrap();
    let trace = fs::read_to_string(path).unwrap();
    assert_eq!(trace.lines().count(), sidecar.expected.len(), "{path:?}");
    let sandbox = Sandbox::new();
    let start = sstat::parse_timestamp(NOW).unwrap();
    let mut lines = HashMap::new();
    for (number, (line, expected)) in trace.lines().zip(sidecar.expected).enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        let offset = (event["at"].as_f64().unwrap() * 1000.0) as i64;
        let now = start + TimeDelta::milliseconds(offset);
        let mut command = sandbox.command(["push", "--hook", &sidecar.agent]);
        command
            .env("SSTAT_NOW", now.to_rfc3339())
            .envs(&sidecar.environment);
        let ran = fed(&mut command, event["payload"].to_string().as_bytes());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (0, "", "")
        );
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
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(written, expected, "{path:?}, event {number}: {line}");
    }
}

#[test]
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
    assert!(traces.len() >= 28, "{}", traces.len());
    for trace in traces {
        replay(&trace);
    }
}
