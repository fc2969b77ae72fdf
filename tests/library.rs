//! The library's API as a Rust worker uses it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::error::Error as _;
use std::fs;
use std::time::Duration;

use serde_json::json;
use serde_json::value::to_raw_value;
use sstat::{
    Durability, Error, HealthRules, Query, SessionName, SessionStatus, Status, Store, Thresholds,
    Update,
};
use tempfile::TempDir;

fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path());
    (directory, store)
}

fn name(name: &str) -> SessionName {
    name.parse().unwrap()
}

fn updates(store: &Store, name: &str) -> Vec<Update> {
    let mut updates = Vec::new();
    let history = store.history(name, Query::default()).unwrap().unwrap();
    history
        .for_each(|_, update| {
            updates.push(update);
            Ok::<(), Error>(())
        })
        .unwrap();
    updates
}

fn reason(error: &Error) -> String {
    assert!(matches!(error, Error::Update { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn builder_sets_every_key() {
    let (_directory, store) = store();
    let mut session = SessionStatus::new(&store, name("w"));
    session.idle().push().unwrap();
    session
        .working("Querying")
        .progress(0.5)
        .task("160")
        .expect(Duration::from_secs(90))
        .metadata(&json!({"phase": "data"}))
        .unwrap()
        .push()
        .unwrap();
    session.error("a").message("Disk full").push().unwrap();
    session.completed("Done").push().unwrap();

    let [idle, working, error, completed] = &updates(&store, "w")[..] else {
        panic!("four updates");
    };
    assert_eq!(idle.message, "Waiting for tasks");
    assert_eq!(working.status, Status::Working);
    assert_eq!(working.progress, Some(0.5));
    assert_eq!(working.task_id.as_deref(), Some("160"));
    assert_eq!(working.stale_after, Some(Duration::from_secs(90)));
    assert_eq!(
        working.metadata.as_ref().unwrap().get(),
        r#"{"phase":"data"}"#
    );
    assert_eq!(
        working.process.is_some(),
        sstat::HostIdentity::current().is_some(),
        "{working:?}"
    );
    assert_eq!(error.message, "Disk full");
    assert_eq!(completed.progress, Some(1.0));
}

#[test]
fn invalid_values_are_refused_and_write_nothing() {
    let (directory, store) = store();
    let mut session = SessionStatus::new(&store, name("w"));
    for progress in [1.5, -0.1, f64::NAN] {
        let error = session.working("").progress(progress).push().unwrap_err();
        assert!(reason(&error).contains("progress"), "{error}");
    }
    let pending = session.working("").metadata(&[1]).unwrap();
    assert_eq!(
        reason(&pending.push().unwrap_err()),
        "metadata: must be a JSON object"
    );
    let mut update = session.update(Status::Working);
    for key in ["status", "process"] {
        let json = to_raw_value("completed").unwrap();
        update.extra = vec![(key.to_owned(), json)];
        assert_eq!(
            reason(&session.push(&update).unwrap_err()),
            format!("extra: '{key}' is a key of the format")
        );
    }
    update.extra.clear();
    update.status = Status::from_stored("sleeping");
    assert!(matches!(session.push(&update), Err(Error::Status { .. })));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn update_of_another_session_is_refused() {
    let (directory, store) = store();
    let other = SessionStatus::new(&store, name("b"));
    let mut session = SessionStatus::new(&store, name("a"));
    let error = session.push(&other.update(Status::Idle)).unwrap_err();
    assert_eq!(reason(&error), "the update is of session 'b', not of 'a'");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    session.push(&session.update(Status::Idle)).unwrap();
}

#[test]
fn appended_line_must_end_with_its_only_newline() {
    let (directory, store) = store();
    let mut appender = store.appender(&name("w"));
    for line in ["", "{}", "{}\n{}\n", "{\n}\n", "{}\n{}"] {
        let error = appender
            .append(line.as_bytes(), Durability::Cached)
            .unwrap_err();
        assert_eq!(reason(&error), "a line must end with its only newline");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    appender.append(b"{}\n", Durability::Cached).unwrap();
}

#[test]
fn error_text_leaves_out_the_source() {
    let (_directory, store) = store();
    let store = Store::new(store.path().join("missing"));
    let rules = HealthRules::new(chrono::Utc::now(), Thresholds::default());
    let error = store.scan(&rules, |_| true).unwrap_err();
    let source = error.source().unwrap().to_string();
    assert!(source.contains("(os error"), "{source}");
    assert!(error.to_string().contains(": cannot "), "{error}");
    let reason = source.split(" (os error").next().unwrap();
    assert!(!error.to_string().contains(reason), "{error}");
    let whole = format!("{error:#}");
    assert!(whole.ends_with(&format!(": {reason}")), "{whole}");
    for error in [Error::NoDirectory, {
        let path = "d".into();
        Error::Ownership { path, owner: 1 }
    }] {
        assert!(!error.to_string().contains("--dir"), "{error}");
    }
}

#[test]
fn health_of_a_pushed_session_is_derived() {
    let (_directory, store) = store();
    let mut session = SessionStatus::new(&store, name("w"));
    session.working("Compiling").push().unwrap();
    let later = chrono::Utc::now() + chrono::TimeDelta::minutes(6);
    for (now, is_stale) in [(chrono::Utc::now(), false), (later, true)] {
        let rules = HealthRules::new(now, Thresholds::default());
        let (session, warning) = store.session("w", &rules).unwrap();
        let session = session.unwrap();
        assert!(warning.is_none());
        assert_eq!(session.health.is_stale(), is_stale);
        assert_eq!(session.needs_attention(), is_stale);
        let is_alive = sstat::HostIdentity::current().map(|_| true);
        assert_eq!(session.health.is_alive(), is_alive);
    }
}

#[test]
fn follower_needs_a_session_name() {
    let (_directory, store) = store();
    for name in ["", "a/b", "a\0b"] {
        let error = store.follow(name).unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{error}");
    }
    let missing = Store::new(store.path().join("missing"));
    let error = missing.follow(r"a\xff").unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let mut follower = store.follow("w").unwrap();
    assert!(follower.read_new(usize::MAX).unwrap().updates.is_empty());
    let mut session = SessionStatus::new(&store, name("w"));
    session.working("Compiling").push().unwrap();
    let updates = follower.read_new(usize::MAX).unwrap().updates;
    assert_eq!(updates[0].1.message, "Compiling");
}
