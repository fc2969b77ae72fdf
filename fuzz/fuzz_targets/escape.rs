//! Escaping: escaped text is printable, and printable text stays unchanged.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use sstat::{escape, escape_invalid_utf8, escape_json, is_unprintable};

fuzz_target!(|data: &[u8]| {
    let text = escape_invalid_utf8(data);
    let shown = escape(&text);
    assert!(!shown.chars().any(is_unprintable), "{shown:?}");
    assert!(shown.len() >= text.len());
    if !text.chars().any(is_unprintable) {
        assert!(matches!(shown, Cow::Borrowed(_)) && *shown == text);
    }

    let lossy = String::from_utf8_lossy(data);
    let json = serde_json::to_string(&lossy).unwrap();
    let mut escaped = Vec::new();
    escape_json(&json, &mut escaped);
    let escaped = String::from_utf8(escaped).unwrap();
    assert!(!escaped.chars().any(is_unprintable), "{escaped:?}");
    assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), lossy);

    // Text that is not JSON.
    let mut escaped = Vec::new();
    escape_json(&lossy, &mut escaped);
    assert!(
        !String::from_utf8(escaped)
            .unwrap()
            .chars()
            .any(is_unprintable)
    );
});
