//! Checks JSON output, and the lines that `push` writes, against the schemas in
//! `docs/schema/`.
//!
//! The checker knows the keywords that these schemas use and panics on others.
//! It also rejects keys that a schema does not list, although the schemas allow
//! them, so that a new key cannot be added without its documentation.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::Sandbox;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(file: &str) -> Value {
    serde_json::from_str(&read(&format!("docs/schema/{file}"))).unwrap()
}

/// A schema and the file that its local references refer to.
struct Schema {
    file: String,
    value: Value,
}

impl Schema {
    fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            value: load(file),
        }
    }

    fn child(&self, value: &Value) -> Self {
        Self {
            file: self.file.clone(),
            value: value.clone(),
        }
    }

    fn resolve(&self, reference: &str) -> Self {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if file.is_empty() { &self.file } else { file };
        Self {
            file: file.to_owned(),
            value: load(file).pointer(pointer).unwrap().clone(),
        }
    }

    /// Returns the keys that an object of this schema may have, or `None` if
    /// any key is allowed.
    fn known_keys(&self) -> Option<BTreeSet<String>> {
        let mut keys = BTreeSet::new();
        if self.value.get("additionalProperties").is_some() {
            return None;
        }
        if let Some(properties) = self.value.get("properties") {
            keys.extend(properties.as_object().unwrap().keys().cloned());
        }
        if let Some(reference) = self.value.get("$ref") {
            keys.extend(self.resolve(reference.as_str().unwrap()).known_keys()?);
        }
        for branch in self.value["oneOf"].as_array().into_iter().flatten() {
            keys.extend(self.child(branch).known_keys()?);
        }
        (!keys.is_empty()).then_some(keys)
    }

    /// Appends the violations of the schema by `value`, and its unknown keys.
    fn check(&self, value: &Value, path: &str, errors: &mut Vec<String>) {
        if let (Some(object), Some(known)) = (value.as_object(), self.known_keys()) {
            let unknown = object.keys().filter(|key| !known.contains(*key));
            errors.extend(unknown.map(|key| format!("{path}: undocumented key {key}")));
        }
        self.apply(value, path, errors);
    }

    fn apply(&self, value: &Value, path: &str, errors: &mut Vec<String>) {
        for (keyword, argument) in self.value.as_object().unwrap() {
            let is_met = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "examples" => true,
                "$ref" => {
                    let target = self.resolve(argument.as_str().unwrap());
                    target.apply(value, path, errors);
                    true
                }
                "oneOf" => {
                    let branches = argument.as_array().unwrap().iter();
                    let matches = branches.filter(|branch| {
                        let mut errors = Vec::new();
                        self.child(branch).apply(value, path, &mut errors);
                        errors.is_empty()
                    });
                    matches.count() == 1
                }
                "type" => match argument {
                    Value::Array(types) => types.iter().any(|name| has_type(value, name)),
                    name => has_type(value, name),
                },
                "enum" => argument.as_array().unwrap().contains(value),
                "const" => argument == value,
                "minimum" => !value.is_number() || value.as_f64() >= argument.as_f64(),
                "maximum" => !value.is_number() || value.as_f64() <= argument.as_f64(),
                "format" => {
                    assert_eq!(argument, "date-time");
                    chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap_or_default()).is_ok()
                }
                "required" => argument
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| value.get(key.as_str().unwrap()).is_some()),
                "properties" => {
                    for (key, schema) in argument.as_object().unwrap() {
                        if let Some(value) = value.get(key) {
                            let path = format!("{path}.{key}");
                            self.child(schema).check(value, &path, errors);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        self.child(argument)
                            .check(value, &format!("{path}.{key}"), errors);
                    }
                    true
                }
                "items" => {
                    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                        self.child(argument)
                            .check(value, &format!("{path}[{index}]"), errors);
                    }
                    true
                }
                _ => panic!("unsupported keyword {keyword} in {}", self.file),
            };
            if !is_met {
                errors.push(format!(
                    "{path}: {keyword} {argument} is violated by {value}"
                ));
            }
        }
    }
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        name => panic!("unsupported type {name}"),
    }
}

/// Returns the violations of the schema in `file`.
fn violations(file: &str, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    Schema::new(file).check(value, "$", &mut errors);
    errors
}

#[track_caller]
fn assert_valid(file: &str, value: &Value) {
    assert_eq!(
        violations(file, value),
        Vec::<String>::new(),
        "{file}: {value}"
    );
}

/// Creates sessions of every status and condition, from pushes, from a wrapped
/// command and from other writers.
fn sessions() -> Sandbox {
    let sandbox = Sandbox::new();
    for args in [
        "push worker1 working Querying 0.5 160 --meta rows=1 --expect 45m",
        "push worker2 blocked",
        "push worker3 idle",
        "push worker4 error failed",
        "push worker5 completed done",
        "push worker6 working -- sh -c exit\u{a0}3",
    ] {
        let args = args.split(' ').map(|arg| arg.replace('\u{a0}', " "));
        sandbox.run(args);
    }
    let own_pid = std::process::id().to_string();
    sandbox.ok(["push", "alive", "working", "--pid", &own_pid]);
    let mut gone = Command::new("sleep").arg("60").spawn().unwrap();
    sandbox.ok(["push", "dead", "working", "--pid", &gone.id().to_string()]);
    gone.kill().unwrap();
    gone.wait().unwrap();
    sandbox.aged("stale", "working", 400);
    sandbox.aged("very_stale", "working", 4000);
    sandbox
}

#[test]
fn pushed_lines_match_their_schema() {
    let sandbox = sessions();
    sandbox.ok(["push", "worker3", "--ack=1h"]);
    for session in ["worker1", "worker3", "worker5", "worker6", "alive"] {
        for line in sandbox.read(session).lines() {
            assert_valid("update.json", &serde_json::from_str(line).unwrap());
        }
    }
}

#[test]
fn output_of_commands_matches_its_schema() {
    let sandbox = sessions();
    for (args, schema) in [
        ("summary --json", "summary.json"),
        ("summary --json --by status", "summary.json"),
        ("summary --json --by meta.rows", "summary.json"),
        ("list --json", "list.json"),
        ("show worker1 --json", "session.json"),
        ("show dead --json", "session.json"),
        ("stale --json", "stale.json"),
        ("history worker1 --json", "history.json"),
        ("history --all --json", "history.json"),
    ] {
        assert_valid(schema, &sandbox.json(args.split(' ')));
    }
    for line in sandbox.ok(["list", "--jsonl"]).lines() {
        assert_valid("session.json", &serde_json::from_str(line).unwrap());
    }
}

#[test]
fn output_for_lines_of_other_writers_matches_its_schema() {
    let sandbox = Sandbox::new();
    for session in [
        "architect1",
        "echoed",
        "manager1",
        "python_writer",
        "qa_tester1",
    ] {
        sandbox.write(
            session,
            read(&format!("tests/fixtures/{session}_status.json")),
        );
    }
    assert_valid("list.json", &sandbox.json(["list", "--json"]));
    assert_valid(
        "history.json",
        &sandbox.json(["history", "--all", "--json"]),
    );
}

#[test]
fn output_for_several_directories_matches_its_schema() {
    let sandbox = sessions();
    let other = sandbox.root().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(sandbox.file("worker1"), other.join("worker1_status.json")).unwrap();
    for (schema, args) in [
        ("list.json", "list --json"),
        ("session.json", "show --json other/worker1"),
        ("summary.json", "summary --json --by directory"),
        ("history.json", "history --json worker1"),
        ("history.json", "history --json other/worker1"),
        ("event.json", "watch --once --json other/worker1"),
    ] {
        let mut command = sandbox.command(args.split(' '));
        let list = std::env::join_paths([&sandbox.dir(), &other]).unwrap();
        let output = command.env("SSTAT_DIR", list).output().unwrap();
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(value.to_string().contains("other"), "{value}");
        assert_valid(schema, &value);
    }
}

#[test]
fn events_match_their_schema() {
    let sandbox = Sandbox::with_real_clock();
    let mut process = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = process.id().to_string();
    sandbox.ok(["push", "first", "working", "--pid", &pid]);
    let mut watch = sandbox
        .command([
            "watch",
            "--json",
            "--stale-after",
            "1s",
            "--very-stale-after",
            "2s",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = BTreeSet::new();
    for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_valid("event.json", &event);
        let kind = event["event"].as_str().unwrap().to_owned();
        // Each event causes the next one.
        match kind.as_str() {
            "snapshot" => drop(sandbox.ok(["push", "second", "working"])),
            "very_stale" if !seen.contains("dead") => process.kill().unwrap(),
            "dead" => drop(sandbox.ok(["push", "first", "working"])),
            "stale" if !seen.contains("acknowledged") => {
                drop(sandbox.ok(["push", "first", "--ack"]))
            }
            "recovered" => std::fs::remove_file(sandbox.file("second")).unwrap_or_default(),
            _ => {}
        }
        seen.insert(kind);
        if seen.len() == 8 {
            break;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    process.wait().unwrap();
    let mut watch = sandbox
        .command(["watch", "--json", "--older-than", "0s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_valid("event.json", &event);
        match event["event"].as_str().unwrap() {
            "snapshot" => drop(sandbox.ok(["push", "third", "idle"])),
            "overdue" => break,
            _ => {}
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn wrong_values_violate_the_schema() {
    let update = |text: &str| violations("update.json", &serde_json::from_str(text).unwrap());
    let line = r#"{"timestamp":"2026-02-14T20:35:00Z","session":"s","status":"idle","message":""}"#;
    assert!(update(line).is_empty());
    for (old, new) in [
        ("20:35:00Z", "tomorrow"),
        (r#""session":"s","#, ""),
        (r#""message":"""#, r#""message":1"#),
        (r#""message":"""#, r#""message":"","progress":1.5"#),
        (r#""message":"""#, r#""message":"","undocumented":true"#),
        (r#""message":"""#, r#""message":"","process":{"pid":1}"#),
    ] {
        let line = line.replace(old, new);
        assert!(!update(&line).is_empty(), "{line}");
    }
}

#[test]
fn every_key_of_a_schema_is_documented() {
    let document = read("docs/JSON.md");
    for file in ["update", "session", "stale", "summary", "event"] {
        for key in Schema::new(&format!("{file}.json")).known_keys().unwrap() {
            assert!(
                document.contains(&format!("`{key}`")),
                "docs/JSON.md: {key}"
            );
        }
    }
}
