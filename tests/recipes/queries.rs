//! Runs the queries of `contrib/queries` in each engine on a directory with
//! valid, invalid and incomplete lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Ran, Sandbox, have};

fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib/queries")
        .join(name)
}

/// Maps a query file to its result.
type Engine = fn(&Sandbox, &str) -> Ran;

/// Engines whose results are CSV with a header.
const ENGINES: [(&str, Engine); 3] = [("duckdb", duckdb), ("sqlite3", sqlite), ("lnav", lnav)];

fn duckdb(sandbox: &Sandbox, query: &str) -> Ran {
    run(sandbox, "duckdb -csv", "duckdb.sql", query)
}

fn sqlite(sandbox: &Sandbox, query: &str) -> Ran {
    run(sandbox, "sqlite3 -batch -csv -header", "sqlite.sql", query)
}

/// Runs `cat TABLES QUERY | ENGINE` in the directory, as the README describes.
fn run(sandbox: &Sandbox, engine: &str, tables: &str, query: &str) -> Ran {
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell
        .arg("-c")
        .arg(format!("cat \"$1\" \"$2\" | timeout 60 {engine}"))
        .arg("sh")
        .args([recipe(tables), recipe(query)])
        .current_dir(sandbox.dir());
    Ran::from(shell.output().unwrap())
}

fn lnav(sandbox: &Sandbox, query: &str) -> Ran {
    let formats = sandbox.home().join(".config/lnav/formats/sstat");
    fs::create_dir_all(&formats).unwrap();
    fs::copy(recipe("lnav-format.json"), formats.join("sstat.json")).unwrap();
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell
        .arg("-c")
        .arg(
            "timeout 60 lnav -n -f \"$1\" -c \";$(cat \"$2\")\" -c ':write-csv-to -' \
             *_status.json",
        )
        .arg("sh")
        .args([recipe("lnav-tables.lnav"), recipe(query)])
        .current_dir(sandbox.dir())
        .stdin(Stdio::null());
    Ran::from(shell.output().unwrap())
}

/// Runs a query in every installed engine and compares the results.
#[track_caller]
fn every_engine_says(sandbox: &Sandbox, engines: &[(&str, Engine)], query: &str, expected: &str) {
    for (tool, engine) in engines {
        if have(tool) && have("timeout") {
            let ran = engine(sandbox, query);
            let answer = ran.stdout.replace(['\r', '"'], "");
            assert_eq!(
                (ran.code, ran.stderr.as_str(), answer.as_str()),
                (0, "", expected),
                "{tool} {query}"
            );
        }
    }
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    // Spans midnight, with two updates in one second.
    sandbox.write(
        "worker1",
        r#"{"timestamp":"2026-02-13T23:00:00Z","session":"worker1","status":"working","progress":0.1,"message":"ö","task_id":"160"}
{"timestamp":"2026-02-13T23:30:00Z","session":"worker1","status":"blocked","message":"a|b,\"c\"","task_id":"160","metadata":{"k":[1]}}
{"timestamp":"2026-02-14T00:30:00Z","session":"worker1","status":"completed","progress":1.0,"message":"","task_id":"160"}
{"timestamp":"2026-02-14T00:30:00Z","session":"worker1","status":"working","progress":0,"message":"","task_id":"161"}
{"timestamp":"2026-02-14T02:00:00Z","session":"worker1","status":"error","message":"no","task_id":"161"}
"#,
    );
    // Python's JSON style, with invalid lines and an incomplete last line.
    sandbox.write(
        "worker2",
        r#"{"timestamp": "2026-02-14T01:00:00.500000", "session": "worker2", "status": "working", "message": "", "task_id": 170}
{"timestamp": "2026-02-14T01:
[1]
"text"
{"timestamp": "2026-02-14T01:20:00.000000"}

{"timestamp": "2026-02-14T02:00:01.500000", "session": "worker2", "status": "completed", "message": "", "task_id": 170}
{"timestamp": "2026-02-14T03:00:00.000000", "status": "idl"#,
    );
    // A custom status.
    sandbox.write(
        "Ümläut 3",
        r#"{"timestamp":"2026-02-14T09:00:00Z","status":"idle","message":"Waiting for tasks"}
{"timestamp":"2026-02-14T09:00:30Z","status":"reviewing","message":""}
"#,
    );
    sandbox.write("none", "nonsense\n");
    fs::write(sandbox.dir().join("notes.txt"), "not a session\n").unwrap();
    sandbox
}

/// Returns the counts of `sstat summary` in the format of `summary.sql`.
fn counts(sandbox: &Sandbox) -> String {
    let summary: Value = serde_json::from_str(&sandbox.run(["summary", "--json"]).stdout).unwrap();
    let mut counts: Vec<(&str, u64)> = summary["by_status"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(status, count)| (status.as_str(), count.as_u64().unwrap()))
        .collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let rows = counts
        .iter()
        .map(|(status, count)| format!("{status},{count}\n"));
    rows.fold("status,sessions\n".to_owned(), |text, row| text + &row)
}

#[test]
fn summary_query_matches_sstat_summary() {
    let sandbox = sandbox();
    every_engine_says(&sandbox, &ENGINES, "summary.sql", &counts(&sandbox));
    // Documented limits of lnav: values of other types, a last line without a
    // newline, several timestamp formats in one file.
    sandbox.write(
        "types",
        r#"{"timestamp":"2026-02-14T01:00:00Z","status":"working"}
{"timestamp":"2026-02-14T01:00:01Z","status":5}
{"timestamp":1771030800,"status":"idle"}
{"timestamp":"2026-02-14T01:00:02.5+01:00","status":"blocked","progress":"half","message":1}"#,
    );
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for entry in fs::read_dir(fixtures).unwrap().flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), sandbox.dir().join(entry.file_name())).unwrap();
        }
    }
    every_engine_says(&sandbox, &ENGINES[..2], "summary.sql", &counts(&sandbox));
}

#[test]
fn time_in_status_is_summed_per_session_and_day() {
    every_engine_says(
        &sandbox(),
        &ENGINES,
        "time-in-status.sql",
        "\
session,date,status,seconds
worker1,2026-02-13,blocked,1800
worker1,2026-02-13,working,1800
worker1,2026-02-14,working,5400
worker1,2026-02-14,blocked,1800
worker2,2026-02-14,working,3601
Ümläut 3,2026-02-14,idle,30
",
    );
}

#[test]
fn throughput_counts_completed_and_failed_tasks() {
    every_engine_says(
        &sandbox(),
        &ENGINES,
        "throughput.sql",
        "date,completed,failed\n2026-02-14,2,1\n",
    );
}

#[test]
fn slowest_tasks_are_listed() {
    every_engine_says(
        &sandbox(),
        &ENGINES,
        "slowest-tasks.sql",
        "\
session,task_id,seconds,updates,status
worker1,160,5400,3,completed
worker1,161,5400,2,error
worker2,170,3601,2,completed
",
    );
}

#[test]
fn empty_directory_gives_empty_tables() {
    let sandbox = Sandbox::new();
    sandbox.write("none", "");
    for query in ["summary.sql", "throughput.sql"] {
        for (tool, engine) in [
            ("duckdb", duckdb as fn(&Sandbox, &str) -> Ran),
            ("sqlite3", sqlite),
        ] {
            if have(tool) && have("timeout") {
                let ran = engine(&sandbox, query);
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{tool} {query}");
                assert!(ran.stdout.lines().count() <= 1, "{}", ran.stdout);
            }
        }
    }
}
