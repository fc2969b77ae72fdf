//! The line decoder: it does not panic, agrees with `serde_json::Value`, and its
//! updates are the same after encoding and decoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sstat::{BadLine, MAX_DEPTH, Status, Update, parse_timestamp, repair_json, unprintable};

fuzz_target!(|line: &[u8]| {
    let decoded = Update::decode(line);
    compare(line, &decoded);
    let Ok(update) = decoded else { return };

    // Output is printable standard JSON.
    let standard = repair_json(line);
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(standard.trim()).is_ok());
    let json = serde_json::to_string(&update).unwrap();
    let printed = sstat::escape_json(&json);
    assert!(unprintable(&printed).next().is_none(), "{printed:?}");

    match update.encode() {
        Ok(line) => {
            let again = Update::decode(&line).unwrap();
            assert_eq!(again.encode().unwrap(), line);
            assert_eq!(again.timestamp.timestamp(), update.timestamp.timestamp());
            assert_eq!(again.status, update.status);
            assert_eq!(again.message, update.message);
            assert_eq!(again.task_id, update.task_id);
            assert_eq!(again.progress, update.progress);
            assert_eq!(again.metadata.is_some(), update.metadata.is_some());
            assert_eq!(again.process, update.process);
            assert_eq!(again.extra.len(), update.extra.len());
        }
        Err(error) => assert!(
            matches!(update.status, Status::Other(_)) || error.to_string().contains("bytes"),
            "{error}"
        ),
    }
});

/// The decoder and `serde_json::Value` agree on lines that the latter accepts. It
/// rejects 1e400 and half surrogate pairs.
fn compare(line: &[u8], decoded: &Result<Update, BadLine>) {
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return;
    };
    let brackets = line.iter().filter(|byte| b"{[".contains(byte)).count();
    assert_eq!(repair_json(line).as_bytes(), line);
    if value["timestamp"].is_number() {
        return;
    }
    let timestamp = value["timestamp"].as_str().and_then(parse_timestamp);
    let good = value.is_object() && timestamp.is_some() && value["status"].is_string();
    assert!(
        decoded.is_ok() == good || brackets > MAX_DEPTH,
        "{decoded:?}, but {value}"
    );
    if let Ok(update) = decoded {
        assert_eq!(Some(update.timestamp), timestamp);
        assert_eq!(Some(update.status.as_str()), value["status"].as_str());
        assert_eq!(
            update.message,
            value["message"].as_str().unwrap_or_default()
        );
        assert_eq!(update.metadata.is_some(), value["metadata"].is_object());
    }
}
