//! Files of other writers, which every version must read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use sstat::{HealthRules, Query, Store, Thresholds, Update};

fn fixtures() -> Store {
    Store::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"))
}

fn rules() -> HealthRules {
    let now = sstat::parse_timestamp("2026-02-15T04:40:00Z").unwrap();
    HealthRules::new(now, Thresholds::default())
}

#[test]
fn fixtures_have_no_invalid_line() {
    let scan = fixtures().scan(&rules(), |_| true).unwrap();
    assert!(scan.warnings.is_empty(), "{:?}", scan.warnings);
    let mut names: Vec<&str> = scan.sessions.iter().map(sstat::Session::name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "architect1",
            "echoed",
            "future",
            "manager1",
            "python_writer",
            "qa_tester1"
        ]
    );
}

#[test]
fn file_of_the_python_original_is_read() {
    let (session, _) = fixtures().session("manager1", &rules()).unwrap();
    let session = session.unwrap();
    assert_eq!(session.update.message, "Analyzing commit history");
    assert_eq!(session.update.progress, Some(0.6));
    assert_eq!(session.update.task_id.as_deref(), Some("160"));
    assert_eq!(session.health.age.as_secs(), 2);
    let history = fixtures()
        .history("manager1", Query::default())
        .unwrap()
        .unwrap();
    let mut progress = Vec::new();
    history
        .for_each(|_, update| -> sstat::Result<()> {
            progress.extend(update.progress);
            Ok(())
        })
        .unwrap();
    assert_eq!(progress, [0.1, 0.3, 0.6]);
    assert_eq!(history.count_updates().unwrap(), 3);
}

#[test]
fn decoded_line_is_encoded_without_loss() {
    for entry in fs::read_dir(fixtures().path()).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with("_status.json") {
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let update = Update::decode(line.as_bytes()).unwrap();
            if update.status.as_str() == "paused" {
                assert!(update.encode().is_err(), "unknown statuses are only read");
                continue;
            }
            let again = Update::decode(&update.encode().unwrap()).unwrap();
            assert_eq!(again.message, update.message);
            assert_eq!(again.progress, update.progress);
            assert_eq!(again.task_id, update.task_id);
            assert_eq!(again.extra.len(), update.extra.len());
            assert_eq!(again.timestamp.timestamp(), update.timestamp.timestamp());
        }
    }
}
