//! `sstat stale`.

use serde_json::json;

use crate::support::{Sandbox, waiting_process};

fn team() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.aged("fresh", "working", 300);
    sandbox.aged("slow", "working", 301);
    sandbox.aged("gone", "idle", 5000);
    sandbox.aged("done", "completed", 5000);
    let mut child = waiting_process();
    let pid = child.id().to_string();
    sandbox.ok(["push", "dead", "working", "x", "--pid", &pid]);
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox
}

#[test]
fn rows_are_worst_first_with_a_command() {
    let sandbox = team();
    let table = sandbox.ok(["stale"]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert!(
        rows[1].starts_with("dead ") && rows[1].contains("is gone"),
        "{table}"
    );
    assert!(
        rows[2].starts_with("gone ") && rows[2].contains("1h23m") && rows[2].contains("very stale")
    );
    assert!(
        rows[3].starts_with("slow ") && rows[3].contains("5m1s"),
        "{table}"
    );
    assert!(rows[3].ends_with("sstat show slow"), "{table}");
}

#[test]
fn command_shows_the_pane_of_a_session_that_has_one() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "w",
        r#"{"timestamp":"2026-02-14T20:00:00Z","status":"idle","tmux":"/tmp/tmux-0/default,1,%0"}"#,
    );
    let table = sandbox.ok(["stale"]);
    assert!(table.ends_with("sstat show --tmux w\n"), "{table}");
}

#[test]
fn filters_apply() {
    let sandbox = team();
    let line = r#"{"timestamp":"2026-02-14T20:00:00Z","status":"idle","metadata":{"team":"red"}}"#;
    sandbox.write("tagged", line);
    let names = |args: &[&str]| -> Vec<String> {
        let json = sandbox.json([&["stale", "--json"], args].concat());
        let sessions = json["sessions"].as_array().unwrap().iter();
        let names = sessions.map(|session| session["session"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    assert_eq!(names(&["--older-than", "1h"]), ["gone"]);
    assert_eq!(names(&["--meta", "team=r*"]), ["tagged"]);
}

#[test]
fn very_excludes_stale_sessions() {
    let sandbox = team();
    let json = sandbox.json(["stale", "--very", "--json"]);
    assert_eq!(json["count"], 2);
    assert_eq!(json["sessions"][0]["session"], "dead");
    assert_eq!(json["sessions"][1]["session"], "gone");
    assert_eq!(json["sessions"][1]["is_very_stale"], true);
    assert_eq!(json["sessions"][1]["age_seconds"], 5000);
}

#[test]
fn json_of_each_session_equals_list() {
    let sandbox = team();
    let list = sandbox.json(["list", "--json"]);
    for session in sandbox.json(["stale", "--json"])["sessions"]
        .as_array()
        .unwrap()
    {
        assert_eq!(session, &list[session["session"].as_str().unwrap()]);
    }
}

#[test]
fn exit_code_is_one_if_a_row_is_printed() {
    let sandbox = team();
    assert_eq!(sandbox.run(["stale", "--exit-code"]).code, 1);
    assert_eq!(sandbox.run(["stale"]).code, 0);
    assert_eq!(sandbox.run(["stale", "--exit-code", "fresh"]).code, 0);
    assert_eq!(sandbox.run(["stale", "--exit-code", "frsh"]).code, 2);
    assert_eq!(
        sandbox
            .run(["stale", "--exit-code", "--stale-after", "2h", "slow"])
            .code,
        0
    );
    assert_eq!(Sandbox::new().ok(["stale", "--exit-code"]), "");
    assert_eq!(
        Sandbox::new().json(["stale", "--json"]),
        json!({"count": 0, "sessions": []})
    );
}

#[test]
fn printed_command_works() {
    if !crate::support::have("sh") {
        return;
    }
    let sandbox = team();
    let directory = sandbox.dir();
    let directory = directory.to_str().unwrap();
    sandbox.aged("-dash", "working", 400);
    let table = sandbox.ok(["stale", "--dir", directory]);
    let looks: Vec<&str> = table
        .lines()
        .filter_map(|line| line.find("sstat show").map(|at| &line[at..]))
        .collect();
    assert_eq!(looks.len(), 4, "{table}");
    for look in looks {
        let mut shell = std::process::Command::new("sh");
        sandbox.isolate(&mut shell);
        shell.env_remove("SSTAT_DIR").args(["-c", look]);
        let output = shell.output().unwrap();
        assert!(
            output.status.success(),
            "{look}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
