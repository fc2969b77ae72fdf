//! Escaping: escaped text is printable, and printable text stays unchanged.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use sstat::{escape, escape_invalid_utf8, escape_json, unprintable};

fuzz_target!(|data: &[u8]| {
    let text = escape_invalid_utf8(data);
    let shown = escape(&text);
    assert!(unprintable(&shown).next().is_none(), "{shown:?}");
    assert!(shown.len() >= text.len());
    if unprintable(&text).next().is_none() {
        assert!(matches!(shown, Cow::Borrowed(_)) && *shown == text);
    }

    let lossy = String::from_utf8_lossy(data);
    let json = serde_json::to_string(&lossy).unwrap();
    let escaped = escape_json(&json);
    assert!(unprintable(&escaped).next().is_none(), "{escaped:?}");
    assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), lossy);

    // Text that is not JSON.
    let escaped = escape_json(&lossy);
    assert!(unprintable(&escaped).next().is_none());
});
