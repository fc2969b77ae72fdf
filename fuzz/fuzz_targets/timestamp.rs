//! Timestamps: the parser does not panic, and an accepted timestamp can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sstat::parse_timestamp;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Some(timestamp) = parse_timestamp(text) {
        assert_eq!(parse_timestamp(&timestamp.to_rfc3339()), Some(timestamp));
        assert!(text.bytes().any(|byte| byte.is_ascii_digit()));
    }
});
