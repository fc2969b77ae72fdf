//! Parses `sstat summary --prometheus` with the Prometheus Python client.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{NOW, Ran, Sandbox, have_python_module};

/// Reads metrics on stdin and prints the type, help and samples of each name as
/// JSON. Fails on input that the textfile collector rejects.
const PARSE: &str = r"
import json, sys
from prometheus_client.parser import text_fd_to_metric_families
seen, families = set(), {}
for family in text_fd_to_metric_families(sys.stdin):
    assert family.name not in families, family.name
    samples = []
    for sample in family.samples:
        assert sample.timestamp is None, sample
        series = (sample.name, *sorted(sample.labels.items()))
        assert series not in seen, series
        seen.add(series)
        samples.append([sample.labels, sample.value])
    families[family.name] = {'type': family.type, 'help': family.documentation, 'samples': samples}
json.dump(families, sys.stdout)
";

fn parse(sandbox: &Sandbox, metrics: &str) -> Value {
    let path = sandbox.root().join("sstat.prom");
    std::fs::write(&path, metrics).unwrap();
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let ran = Ran::from(
        python
            .args(["-c", PARSE])
            .stdin(std::fs::File::open(path).unwrap())
            .output()
            .unwrap(),
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{metrics}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn metrics_match_the_summary() {
    if !have_python_module("prometheus_client") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.aged("w1", "working", 10);
    sandbox.aged("w2", "working", 400);
    sandbox.aged("w3", "blocked", 1000);
    sandbox.aged("done", "completed", 100_000);
    sandbox.aged("own", "reviewing", 20);
    sandbox.write("bad", "nonsense\n");
    let metrics = sandbox.run(["summary", "--prometheus"]);
    assert_eq!(metrics.code, 0);
    let summary: Value = serde_json::from_str(&sandbox.run(["summary", "--json"]).stdout).unwrap();
    let metrics = parse(&sandbox, &metrics.stdout);

    for (name, family) in metrics.as_object().unwrap() {
        assert_eq!(family["type"], "gauge", "{name}");
        assert_ne!(family["help"], "", "{name}");
    }
    for sample in metrics["sstat_sessions"]["samples"].as_array().unwrap() {
        let status = sample[0]["status"].as_str().unwrap();
        let count = summary["by_status"][status].as_u64().unwrap_or(0);
        assert_eq!(sample[1].as_u64(), Some(count), "{status}");
    }
    // The five known statuses are always present, and custom ones are kept.
    let statuses = metrics["sstat_sessions"]["samples"].as_array().unwrap();
    assert_eq!(statuses.len(), 6);
    for (metric, key) in [
        ("sstat_stale_sessions", "stale_sessions"),
        ("sstat_very_stale_sessions", "very_stale_sessions"),
        ("sstat_dead_sessions", "dead_sessions"),
    ] {
        let count = summary[key].as_array().unwrap().len();
        assert_eq!(metrics[metric]["samples"], json!([[{}, count]]));
    }
    assert_eq!(summary["stale_sessions"], json!(["w2", "w3"]));
    assert_eq!(metrics["sstat_skipped_lines"]["samples"], json!([[{}, 1]]));
    assert_eq!(
        metrics["sstat_oldest_update_age_seconds"]["samples"],
        json!([
            [{"status": "working"}, 400],
            [{"status": "blocked"}, 1000],
            [{"status": "completed"}, 100_000],
            [{"status": "reviewing"}, 20],
        ])
    );
    let now = sstat::parse_timestamp(NOW).unwrap().timestamp();
    assert_eq!(
        metrics["sstat_last_update_timestamp_seconds"]["samples"],
        json!([
            [{"session": "done"}, now - 100_000],
            [{"session": "own"}, now - 20],
            [{"session": "w1"}, now - 10],
            [{"session": "w2"}, now - 400],
            [{"session": "w3"}, now - 1000],
        ])
    );
}

#[test]
fn hostile_names_and_statuses_give_valid_unique_series() {
    if !have_python_module("prometheus_client") {
        return;
    }
    let sandbox = Sandbox::new();
    let names = [
        "quote\"",
        "back\\slash",
        "two\nlines",
        "tab\there",
        // Printed like the previous name.
        "tab\\there",
        "right\u{202e}left",
        "e\u{1b}[31m",
        "a\"} 1\nsstat_dead_sessions 7",
        "日本 {x=\"y\"} #",
    ];
    for name in names {
        sandbox.write(
            name,
            json!({"timestamp": NOW, "status": name}).to_string() + "\n",
        );
    }
    let text = sandbox.ok(["summary", "--prometheus"]);
    assert!(
        !text.chars().any(|c| c != '\n' && sstat::is_unprintable(c)),
        "{text}"
    );
    let metrics = parse(&sandbox, &text);
    assert_eq!(metrics["sstat_dead_sessions"]["samples"], json!([[{}, 0]]));
    let labels = |metric: &str, label: &str| -> Vec<String> {
        let samples = metrics[metric]["samples"].as_array().unwrap();
        let texts = samples.iter().map(|sample| &sample[0][label]);
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    for (metric, label) in [
        ("sstat_last_update_timestamp_seconds", "session"),
        ("sstat_sessions", "status"),
    ] {
        let labels = labels(metric, label);
        for name in [
            "quote\"",
            "back\\slash",
            "two\nlines",
            "日本 {x=\"y\"} #",
            names[7],
        ] {
            assert!(
                labels.iter().any(|label| label == name),
                "{name:?} of {labels:?}"
            );
        }
    }
    // Counted together, because their labels are equal.
    let statuses = metrics["sstat_sessions"]["samples"].as_array().unwrap();
    let counted: u64 = statuses
        .iter()
        .map(|sample| sample[1].as_u64().unwrap())
        .sum();
    assert_eq!(counted as usize, names.len());
}

#[test]
fn empty_directory_has_zero_counts() {
    if !have_python_module("prometheus_client") {
        return;
    }
    let sandbox = Sandbox::new();
    let metrics = parse(&sandbox, &sandbox.ok(["summary", "--prometheus"]));
    let sessions = metrics["sstat_sessions"]["samples"].as_array().unwrap();
    assert_eq!(sessions.len(), 5);
    assert!(sessions.iter().all(|sample| sample[1] == 0));
}
