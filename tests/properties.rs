//! Properties of the format, tested on random input. `PROPTEST_CASES=10000`
//! tests 10,000 inputs a property.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, Datelike, FixedOffset, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;
use sstat::{
    BadLine, Error, Health, HealthRules, MAX_WRITTEN_BYTES, ProcessIdentity, ProcessState, Query,
    SessionName, StaleStatuses, Status, Store, Thresholds, Update, escape_json, is_unprintable,
    natural_cmp, parse_timestamp, repair_json, unprintable,
};

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(&Status::KNOWN[..])
}

/// A time in the years 0 to 9999.
fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    (-62_167_219_200..=253_402_300_799_i64, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap())
}

fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn raw(value: &serde_json::Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn process() -> impl Strategy<Value = ProcessIdentity> {
    (
        any::<u32>(),
        any::<u64>(),
        any::<String>(),
        any::<String>(),
        any::<u64>(),
        option::of(vec(any::<String>(), 0..3)),
    )
        .prop_map(|(pid, start_time, boot_id, host, pid_namespace, command)| {
            let keys = serde_json::json!({
                "pid": pid,
                "start_time": start_time,
                "boot_id": boot_id,
                "host": host,
                "pid_namespace": pid_namespace,
                "command": command,
            });
            serde_json::from_value(keys).unwrap()
        })
}

prop_compose! {
    fn update()(
        timestamp in moment(),
        status in status(),
        progress in option::of(0.0..=1.0),
        message in any::<String>(),
        task_id in option::of(any::<String>()),
        metadata in option::of(prop::collection::hash_map(any::<String>(), json(4), 0..4)),
        stale_after in option::of(0..u64::from(u32::MAX)),
        process in option::of(process()),
        run in option::of(any::<String>()),
        repeated in any::<bool>(),
        extra in option::of(("[a-z\u{80}-\u{10ffff}]{12,}", json(3))),
    ) -> Update {
        let mut update = Update::new(&"w".parse().unwrap(), status, timestamp);
        update.progress = progress;
        update.message = message;
        update.task_id = task_id;
        update.metadata = metadata
            .map(|map| raw(&map.into_iter().collect::<serde_json::Map<_, _>>().into()));
        update.stale_after = stale_after.map(Duration::from_secs);
        update.process = process.map(Box::new);
        update.wrapper.clone_from(&run);
        update.tmux.clone_from(&run);
        update.run = run;
        update.repeated = repeated;
        update.extra = extra.map(|(key, value)| (key, raw(&value))).into_iter().collect();
        update
    }
}

fn value(raw: &RawValue) -> serde_json::Value {
    serde_json::from_str(raw.get()).unwrap()
}

/// Valid, invalid, blank and long lines, the last one with or without its newline.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let good = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"#;
    let line = prop_oneof![
        5 => any::<u16>().prop_map(move |number| format!("{good}\"{number}\"}}").into_bytes()),
        2 => (0..3_000_usize).prop_map(move |size| format!("{good}\"{}\"}}", "x".repeat(size)).into_bytes()),
        2 => (0..60_usize).prop_map(move |size| good.as_bytes()[..size].to_vec()),
        1 => vec(any::<u8>().prop_filter("newline", |&byte| byte != b'\n'), 0..40),
        1 => Just(Vec::new()),
        1 => prop::sample::select(&[2047_usize, 2048, 2049, 10_240, 40_960][..]).prop_map(|size| vec![b' '; size]),
    ];
    (vec(line, 0..24), any::<bool>()).prop_map(|(lines, terminated)| {
        let mut content = lines.join(&b'\n');
        if terminated {
            content.push(b'\n');
        }
        content
    })
}

fn messages(store: &Store, limit: Option<usize>) -> Vec<String> {
    let query = limit.map_or_else(Query::default, Query::last);
    let mut messages = Vec::new();
    store
        .history("w", query)
        .unwrap()
        .unwrap()
        .for_each(|_, update| {
            messages.push(update.message);
            Ok::<(), Error>(())
        })
        .unwrap();
    messages
}

proptest! {
    #[test]
    fn decoding_inverts_encoding(update in update()) {
        let line = match update.encode() {
            Ok(line) => line,
            Err(error) => {
                prop_assert!(error.to_string().contains("more than"), "{error}");
                return Ok(());
            }
        };
        prop_assert!(line.len() <= MAX_WRITTEN_BYTES);
        prop_assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
        let text = String::from_utf8(line.clone()).unwrap();
        prop_assert!(!text.trim_end_matches('\n').chars().any(is_unprintable));
        let again = Update::decode(&line).unwrap();
        prop_assert_eq!(again.timestamp.timestamp(), update.timestamp.timestamp());
        prop_assert_eq!(&again.session, &update.session);
        prop_assert_eq!(&again.status, &update.status);
        prop_assert_eq!(again.progress, update.progress);
        prop_assert_eq!(&again.message, &update.message);
        prop_assert_eq!(&again.task_id, &update.task_id);
        prop_assert_eq!(again.metadata.as_deref().map(value), update.metadata.as_deref().map(value));
        prop_assert_eq!(again.stale_after, update.stale_after);
        prop_assert_eq!(&again.process, &update.process);
        prop_assert_eq!(again.extra.len(), update.extra.len());
        for (one, other) in again.extra.iter().zip(&update.extra) {
            prop_assert_eq!((&one.0, value(&one.1)), (&other.0, value(&other.1)));
        }
        prop_assert_eq!(again.encode().unwrap(), line);
    }

    #[test]
    fn prefix_of_a_line_is_invalid(update in update(), cut in any::<prop::sample::Index>()) {
        if let Ok(line) = update.encode() {
            let head = &line[..cut.index(line.len() - 1)];
            prop_assert!(matches!(
                Update::decode(head),
                Err(BadLine::CutOff | BadLine::NotJson | BadLine::SeveralLines)
            ));
        }
    }

    #[test]
    fn decoding_never_panics(line in vec(any::<u8>(), 0..200)) {
        let _ = Update::decode(&line);
    }

    #[test]
    fn lenient_values_lose_no_update(
        update in update(),
        junk in vec(0x80..=0xff_u8, 0..4),
        number in prop::sample::select(&["NaN", "Infinity", "-Infinity"][..]),
    ) {
        let Ok(line) = update.encode() else { return Ok(()) };
        let head = line.strip_suffix(b"}\n").unwrap();
        let tail = format!(",\"lenient\":[{number}],\"NaN \\\\\\\" NaN\":{{\"a\":{number}}},\"junk\":\"");
        let foreign = [b"\xef\xbb\xbf", head, tail.as_bytes(), &junk, b"\"}"].concat();
        let read = Update::decode(&foreign).unwrap();
        prop_assert_eq!(&read.message, &update.message);
        prop_assert_eq!(read.progress, update.progress);
        let added: Vec<(&str, &str)> = read.extra[update.extra.len()..]
            .iter()
            .map(|(key, raw)| (key.as_str(), raw.get()))
            .collect();
        let junk = format!("\"{}\"", String::from_utf8_lossy(&junk));
        let expected = [("lenient", "[null]"), ("NaN \\\" NaN", "{\"a\":null}"), ("junk", &junk)];
        prop_assert_eq!(added, expected);
        let standard = repair_json(&foreign);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&standard).is_ok());
        prop_assert_eq!(&repair_json(standard.as_bytes()), &standard);
    }

    #[test]
    fn usual_timestamps_are_parsed(time in moment(), minutes in -14 * 60..=14 * 60) {
        let zone = FixedOffset::east_opt(minutes * 60).unwrap();
        let local = time.with_timezone(&zone);
        prop_assume!((1000..=9999).contains(&local.year()));
        for form in [
            "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%:z", "%Y-%m-%dT%H:%M:%S,%6f%:z",
            "%a %b %e %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%d %H:%M:%S.%9f %z CET m=+0.1",
            "%a %b %d %Y %H:%M:%S GMT%z (Some Zone)", "%Y%m%dT%H%M%S%z", "%a %b %e %I:%M:%S %p %z %Y",
        ] {
            let text = local.format(form).to_string();
            let parsed = parse_timestamp(&text).map(|parsed| parsed.timestamp());
            prop_assert_eq!(parsed, Some(time.timestamp()), "{}", text);
        }
    }

    #[test]
    fn parsed_timestamp_can_be_written(text in "[-+0-9TZ:., a-zA-Z()=]{0,40}|.*") {
        if let Some(time) = parse_timestamp(&text) {
            prop_assert_eq!(parse_timestamp(&time.to_rfc3339()), Some(time));
        }
    }

    #[test]
    fn tail_and_history_agree_with_a_full_parse(content in content()) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("w_status.json"), &content).unwrap();
        let store = Store::new(directory.path());
        let all: Vec<String> = content
            .split(|&byte| byte == b'\n')
            .filter_map(|line| Some(Update::decode(line).ok()?.message))
            .collect();
        let rules = HealthRules::new(Utc::now(), Thresholds::default());
        let (session, _) = store.session("w", &rules).unwrap();
        let last = session.map(|session| session.update.message);
        prop_assert_eq!(last.as_ref(), all.last());
        prop_assert_eq!(&messages(&store, None), &all);
        for limit in [1, 3, 100] {
            prop_assert_eq!(&messages(&store, Some(limit))[..], &all[all.len().saturating_sub(limit)..]);
        }
    }

    #[test]
    fn status_starts_with_the_first_update_of_its_run(
        lines in vec((0..2_usize, 0..3_usize, 0..8_u8), 1..40)
    ) {
        // Layout, status, and what is wrong with the line, by its second.
        let mut content = String::new();
        let mut runs: Vec<(usize, i64)> = Vec::new();
        let mut has_invalid = false;
        let mut last = None;
        for (second, &(layout, status, kind)) in lines.iter().enumerate() {
            let word = Status::KNOWN[status].as_str();
            let time = DateTime::from_timestamp(1_771_101_300 + second as i64, 0).unwrap();
            let time = time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            let line = match layout {
                0 => format!(r#"{{"timestamp":"{time}","session":"w","status":"{word}","message":"M"}}"#),
                _ => format!(r#"{{"timestamp": "{time}", "session": "w", "status": "{word}", "message": "M"}}"#),
            };
            let line = match kind {
                0 => line.replace('}', ",\"repeated\":true}"),
                1 => line.replace("\"M\"}", "\"M"),
                2 => line.replace("\"M\"", "\"M"),
                _ => line,
            };
            content += &line;
            content.push('\n');
            has_invalid |= kind == 2;
            match kind {
                0 => last = Some((status, second)),
                1 | 2 => {}
                _ => {
                    last = Some((status, second));
                    if runs.last().is_none_or(|&(other, _)| other != status) {
                        runs.push((status, second as i64));
                    }
                }
            }
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("w_status.json"), content).unwrap();
        let now = DateTime::from_timestamp(1_771_101_400, 0).unwrap();
        let mut rules = HealthRules::new(now, Thresholds::default());
        rules.finds_since = true;
        let (session, _) = Store::new(directory.path()).session("w", &rules).unwrap();
        let since = session.and_then(|session| session.since);
        prop_assert_eq!(since.is_some(), last.is_some());
        if let (Some(since), Some((status, second))) = (since, last) {
            // A repeated line of another status is a run of its own.
            let run = runs.last().filter(|(other, _)| *other == status);
            let expected = run.map_or(second as i64, |&(_, begin)| begin);
            let found = since.at.timestamp() - 1_771_101_300;
            match since.is_exact {
                true => prop_assert_eq!(found, expected),
                false => prop_assert!(has_invalid && found >= expected),
            }
        }
    }

    #[test]
    fn escaped_json_is_printable_and_the_same_value(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        let escaped = escape_json(&json);
        prop_assert!(unprintable(&escaped).next().is_none(), "{escaped:?}");
        prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn staleness_grows_with_age(
        mut update in update(),
        now in moment(),
        stale in 0..u64::MAX / 4,
        longer in 0..u64::MAX / 4,
        state in prop::sample::select(&[ProcessState::Running, ProcessState::Gone, ProcessState::Unknown][..]),
        all in any::<bool>(),
    ) {
        let mut thresholds =
            Thresholds::new(Duration::from_secs(stale), Duration::from_secs(stale + longer));
        if all {
            thresholds.statuses = StaleStatuses::All;
        }
        let health = Health::of(&update, state, now, &thresholds);
        let since = now.signed_duration_since(update.timestamp);
        prop_assert_eq!(health.age.as_secs(), since.num_seconds().max(0) as u64);
        prop_assert_eq!(health.clock_skew.is_some(), since < -TimeDelta::seconds(60));
        prop_assert!(!health.is_very_stale() || health.is_stale());
        if update.status == Status::Completed && !all {
            prop_assert!(!health.is_stale());
        }
        if let Some(later) = now.checked_add_signed(TimeDelta::days(400)) {
            let later = Health::of(&update, state, later, &thresholds);
            prop_assert!(later.staleness >= health.staleness && later.age >= health.age);
        }
        // The longest `stale_after` does not overflow.
        update.stale_after = Some(Duration::MAX);
        prop_assert!(!Health::of(&update, state, now, &thresholds).is_stale());
    }

    #[test]
    fn natural_order_is_total(mut names in vec("[a0-9é]{0,6}", 3)) {
        let (a, b) = (names[0].clone(), names[1].clone());
        prop_assert_eq!(natural_cmp(&a, &b), natural_cmp(&b, &a).reverse());
        prop_assert_eq!(natural_cmp(&a, &b) == Ordering::Equal, a == b);
        names.sort_by(|a, b| natural_cmp(a, b));
        prop_assert!(natural_cmp(&names[0], &names[2]).is_le());
        prop_assert!(natural_cmp(&names[0], &names[1]).is_le());
        prop_assert!(natural_cmp(&names[1], &names[2]).is_le());
    }

    #[test]
    fn numbers_in_names_sort_as_numbers(a in any::<u32>(), b in any::<u32>()) {
        let order = natural_cmp(&format!("worker{a}x"), &format!("worker{b}x"));
        prop_assert_eq!(order, a.cmp(&b));
    }

    #[test]
    fn any_text_but_a_blank_one_has_a_valid_name(text in "[ \\PC]{0,9}|.*") {
        match SessionName::from_text(&text) {
            Ok(name) => {
                let again = SessionName::from_text(name.as_str()).unwrap();
                prop_assert_eq!(&again, &name);
                prop_assert_eq!(&SessionName::new(name.as_str()).unwrap(), &name);
            }
            Err(_) => prop_assert!(text.trim().is_empty()),
        }
        if let Ok(name) = SessionName::new(&*text) {
            prop_assert_eq!(SessionName::from_text(&text).unwrap(), name);
        }
    }

    #[test]
    fn session_of_file_inverts_file_name(name in any::<String>()) {
        if let Ok(name) = SessionName::new(name) {
            let file = name.file_name();
            prop_assert_eq!(sstat::session_of_file(file.as_ref()).unwrap(), name.as_str());
        }
    }

    #[test]
    fn formatted_duration_is_parsed_again(seconds in 0..1_000_u64 * 365 * 86_400) {
        let duration = Duration::from_secs(seconds);
        let read = sstat::parse_duration(&sstat::format_duration(duration)).unwrap();
        prop_assert!(read <= duration && duration - read < Duration::from_secs(3600));
    }
}
