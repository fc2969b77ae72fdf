//! The readers of a file (last update, history, follower) against a naive parse of
//! the whole file.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use sstat::{BadLine, Error, HealthRules, MAX_READ_BYTES, Query, Store, Thresholds, Update};

/// In memory where possible, for speed.
static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
});

fuzz_target!(|data: &[u8]| {
    let content = grow(data);
    let store = Store::new(DIRECTORY.path());
    let path = DIRECTORY.path().join("w_status.json");
    std::fs::write(&path, &content).unwrap();
    // A recent file: an unterminated last line counts as being written.
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(3600))
        .unwrap();

    let lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
    let terminated = |index: usize| index + 1 < lines.len();
    let read: Vec<Result<Update, BadLine>> =
        lines.iter().map(|line| Update::decode(line)).collect();
    // A complete object is not a write in progress.
    let last_is_whole = matches!(
        read.last(),
        Some(Err(BadLine::NoTimestamp
            | BadLine::BadTimestamp
            | BadLine::NoStatus))
    );
    let decoded: Vec<Option<Update>> = read.into_iter().map(Result::ok).collect();
    let good: Vec<(usize, &Update)> = decoded
        .iter()
        .enumerate()
        .filter_map(|(index, update)| Some((index, update.as_ref()?)))
        .collect();
    let terminated_bad_from = |first: usize| {
        (first..lines.len())
            .filter(|&index| terminated(index) && decoded[index].is_none())
            .filter(|&index| {
                !lines[index].trim_ascii().is_empty() || lines[index].len() > MAX_READ_BYTES
            })
            .count() as u64
    };

    let bad_from = |first: usize| terminated_bad_from(first) + u64::from(last_is_whole);

    let rules = HealthRules::new(
        sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap(),
        Thresholds::default(),
    );
    let (session, warning) = store.session("w", &rules).unwrap();
    let last = good.last();
    assert_eq!(
        session.map(|session| text(&session.update)),
        last.map(|(_, update)| named(update))
    );
    assert_eq!(
        warning.map_or(0, |warning| warning.bad_lines()),
        bad_from(last.map_or(0, |(index, _)| *index))
    );

    for limit in [None, Some(3), Some(usize::MAX)] {
        let query = limit.map_or_else(Query::default, Query::last);
        let history = store.history("w", query).unwrap().unwrap();
        let mut found = Vec::new();
        let warning = history
            .for_each(|line, update| {
                assert_eq!(named(&Update::decode(line).unwrap()), text(&update));
                found.push(text(&update));
                Ok::<(), Error>(())
            })
            .unwrap();
        let from = good.len().saturating_sub(limit.unwrap_or(usize::MAX));
        let wanted: Vec<String> = good[from..]
            .iter()
            .map(|(_, update)| named(update))
            .collect();
        assert_eq!(found, wanted, "limit {limit:?}");
        if good.len() < limit.unwrap_or(usize::MAX) {
            assert_eq!(
                warning.map_or(0, |warning| warning.bad_lines()),
                bad_from(0)
            );
        }
    }
    let history = store.history("w", Query::default()).unwrap().unwrap();
    assert_eq!(history.count_updates().unwrap(), good.len() as u64);

    // A follower counts a line over 1 MiB before it has ended.
    let given_up = lines.last().is_some_and(|last| last.len() > MAX_READ_BYTES);
    let mut follower = store.follow("w").unwrap();
    let all = follower.read_new(usize::MAX).unwrap();
    assert_eq!(all.updates.len(), good.len());
    assert_eq!(all.bad.count, terminated_bad_from(0) + u64::from(given_up));
    assert!(follower.read_new(usize::MAX).unwrap().updates.is_empty());
});

fn text(update: &Update) -> String {
    serde_json::to_string(update).unwrap()
}

/// An update with the name of its file.
fn named(update: &Update) -> String {
    let mut update = update.clone();
    update.session = "w".into();
    text(&update)
}

/// If the first byte is 0xf8 or more, replaces each such byte by spaces, about as
/// many as a reader's block has, so that short inputs make long files. Most inputs
/// stay short and quick.
fn grow(data: &[u8]) -> Vec<u8> {
    let most = match data.first() {
        Some(0xff) => 5 << 18,
        Some(0xf8..) => 64 << 10,
        _ => return data.to_vec(),
    };
    let mut content = Vec::new();
    for &byte in data {
        let spaces = match byte {
            0xf8 => 2047,
            0xf9 => 2048,
            0xfa => 8192,
            0xfb => 32_768,
            0xfc => 262_144,
            0xfd => (1 << 20) - 100,
            0xfe => 1 << 20,
            0xff => (1 << 20) + 1,
            _ => {
                content.push(byte);
                continue;
            }
        };
        if content.len() + spaces < most {
            content.resize(content.len() + spaces, b' ');
        }
    }
    content
}
