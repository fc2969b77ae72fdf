//! Durations: the parser does not panic, and reads each formatted duration.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sstat::{format_duration, parse_duration};

fuzz_target!(|data: &[u8]| {
    if let Some(seconds) = data.first_chunk() {
        let duration = Duration::from_secs(u64::from_le_bytes(*seconds));
        let printed = format_duration(duration);
        match parse_duration(&printed) {
            // Two units at most: days leave out minutes and seconds.
            Ok(read) => {
                assert!(read <= duration && duration - read < Duration::from_secs(3600));
                assert_eq!(format_duration(read), printed);
            }
            Err(_) => assert!(duration.as_secs() > 1_000 * 365 * 86_400),
        }
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(duration) = parse_duration(text) {
        assert!(duration.as_secs() <= 1_000 * 365 * 86_400);
        assert!(text.bytes().any(|byte| byte.is_ascii_digit()));
        assert!(parse_duration(&format_duration(duration)).is_ok());
    }
});
