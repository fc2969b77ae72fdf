//! Invalid lines, as real systems produce them.
//!
//! Each line of `tests/fixtures/bad_lines.txt` is a case: the reason, a bar and
//! the invalid line, where `%0a` means the byte 0a, `%25` a percent sign and
//! `%{3*ab%}` ababab.

use sstat::{BadLine, Update};

use crate::run;
use crate::support::Sandbox;

const CASES: &str = include_str!("../fixtures/bad_lines.txt");

const BEFORE: &str =
    r#"{"timestamp":"2026-02-14T20:30:00Z","status":"working","message":"before"}"#;
const AFTER: &str = r#"{"timestamp":"2026-02-14T20:31:00Z","status":"working","message":"after"}"#;

struct Case {
    reason: &'static str,
    notation: &'static str,
    line: Vec<u8>,
}

fn cases() -> Vec<Case> {
    CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (reason, notation) = line.split_once(" | ").expect(line);
            Case {
                reason,
                notation,
                line: expand(notation),
            }
        })
        .collect()
}

fn expand(notation: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = notation;
    while let Some((plain, escape)) = rest.split_once('%') {
        bytes.extend(plain.bytes());
        if let Some(repeat) = escape.strip_prefix('{') {
            let (times, text) = repeat.split_once('*').expect(notation);
            let (text, after) = text.split_once("%}").expect(notation);
            for _ in 0..times.parse().expect(notation) {
                bytes.extend(expand(text));
            }
            rest = after;
        } else {
            bytes.push(u8::from_str_radix(&escape[..2], 16).expect(notation));
            rest = &escape[2..];
        }
    }
    bytes.extend(rest.bytes());
    bytes
}

#[test]
#[ignore = "slow: 5 s"]
fn invalid_line_is_skipped_with_its_reason() {
    let sandbox = Sandbox::new();
    let cases = cases();
    let mut reasons = std::collections::BTreeMap::<&str, u32>::new();
    for Case {
        reason,
        notation,
        line,
    } in &cases
    {
        *reasons.entry(reason).or_default() += 1;
        sandbox.write(
            "w",
            [BEFORE.as_bytes(), line, AFTER.as_bytes(), b""].join(&b'\n'),
        );
        let ran = run(&mut sandbox.command(["history", "w", "--limit", "0", "--jsonl"]));
        assert_eq!(ran.stdout, format!("{BEFORE}\n{AFTER}\n"), "{notation}");
        let warning = format!("w_status.json: skipped 1 invalid line ({reason})\n");
        assert!(
            ran.code == 0 && ran.stderr.ends_with(&warning),
            "{notation}: {}",
            ran.stderr
        );

        // As the last line, it does not hide the session.
        sandbox.write("w", [BEFORE.as_bytes(), line, b""].join(&b'\n'));
        let ran = run(&mut sandbox.command(["list", "--json"]));
        assert!(
            ran.stdout.contains("\"message\": \"before\""),
            "{notation}: {}",
            ran.stdout
        );
        assert!(
            ran.code == 0 && ran.stderr.ends_with(&warning),
            "{notation}: {}",
            ran.stderr
        );
    }
    println!("{} invalid lines: {reasons:?}", cases.len());
    assert!(cases.len() >= 200);
}

#[test]
fn many_invalid_lines_hide_no_update() {
    let sandbox = Sandbox::new();
    let cases = cases();
    let mut content = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        content.extend(BEFORE.replace("before", &number.to_string()).bytes());
        content.push(b'\n');
        content.extend(&case.line);
        content.push(b'\n');
    }
    sandbox.write("w", content);
    let ran = sandbox.run(["history", "w", "--limit", "0", "--jsonl"]);
    let numbers: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| Update::decode(line.as_bytes()).unwrap().message)
        .collect();
    let all: Vec<String> = (0..cases.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers, all);
    let warning = format!(
        "skipped {} invalid lines (first: {})\n",
        cases.len(),
        cases[0].reason
    );
    assert!(ran.stderr.ends_with(&warning), "{}", ran.stderr);
    let history = sandbox.run(["history", "w", "--json"]);
    let total = format!("\"total_updates\": {},", cases.len());
    assert!(history.stdout.contains(&total), "{history:?}");
    let summary = run(&mut sandbox.command(["summary", "--json"]));
    let summary: serde_json::Value = serde_json::from_str(&summary.stdout).unwrap();
    assert_eq!(
        (&summary["total_sessions"], &summary["skipped_lines"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn unusual_lines_are_valid() {
    let sandbox = Sandbox::new();
    let head = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working""#;
    for line in [
        format!("{head}}}\r"),
        format!("  {head}}} \t"),
        format!(
            r#"{{"status":"idle","status":"working","timestamp":1,{}}}"#,
            &head[1..]
        ),
        format!(r#"{head},"message":null,"progress":null,"task_id":null,"metadata":null}}"#),
        format!(r#"{head},"progress":1e400,"stale_after":-1,"process":[]}}"#),
        format!(r#"{head},"message":"\ud83d","\udc00":"\ud800\ud800"}}"#),
        format!(r#"{head},"a":{}1{}}}"#, "[".repeat(63), "]".repeat(63)),
        format!(r#"{head},"a":12345678901234567890123456789012345678901234567890e-99999}}"#),
        format!(r#"{head},"session":"another","":"","\u0000":"\u0000"}}"#),
        head.replace("2026-02-14T20:35:00Z", "2026-02-14T20:35:00.123456") + "}",
        head.replace("2026-02-14T20:35:00Z", "2026-02-14 20:35:00-11:30") + "}",
        head.replace("2026-02-14T20:35:00Z", "2026-02-14T23:59:60Z") + "}",
    ] {
        sandbox.write("w", format!("{line}\n"));
        let list = sandbox.ok(["list", "--json"]);
        assert!(list.contains(r#""status": "working""#), "{line}");
        let history = sandbox.ok(["history", "w", "--json"]);
        assert!(history.contains("\"total_updates\": 1,"), "{line}");
    }
}

#[test]
fn incomplete_last_line_is_a_write_in_progress() {
    let sandbox = Sandbox::with_real_clock();
    let store = sstat::Store::new(sandbox.dir());
    let rules = sstat::HealthRules::new(chrono::Utc::now(), sstat::Thresholds::default());
    for length in 0..=AFTER.len() {
        sandbox.write("w", [BEFORE, &AFTER[..length]].join("\n"));
        let (session, warning) = store.session("w", &rules).unwrap();
        let message = session.unwrap().update.message;
        assert_eq!(
            message,
            if length == AFTER.len() {
                "after"
            } else {
                "before"
            }
        );
        assert!(warning.is_none());
        // After two seconds without a change, it is torn.
        let file = std::fs::File::options()
            .write(true)
            .open(sandbox.file("w"))
            .unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3))
            .unwrap();
        let (_, warning) = store.session("w", &rules).unwrap();
        let torn = warning.map(|warning| warning.to_string());
        assert_eq!(
            torn.is_some_and(|torn| torn.ends_with(&format!("({})", BadLine::Torn))),
            length > 0 && length < AFTER.len()
        );
    }
}
