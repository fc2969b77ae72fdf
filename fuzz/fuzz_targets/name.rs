//! Names: a valid name is read back from its file name, every status file has a
//! name, and natural order is total.
#![no_main]

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use libfuzzer_sys::fuzz_target;
use sstat::{SessionName, natural_cmp, session_of_file};

fuzz_target!(|data: &[u8]| {
    if let Some(session) = session_of_file(OsStr::from_bytes(data)) {
        assert!(!session.is_empty());
    }
    let text = String::from_utf8_lossy(data);
    if let Ok(name) = SessionName::new(&*text) {
        let file = name.file_name();
        assert!(file.len() <= 255 && !file.contains(['/', '\\', '\0', '\n']));
        assert!(!file.starts_with(['.', '-']));
        assert_eq!(session_of_file(OsStr::new(&file)).as_deref(), Some(&*text));
    }
    match SessionName::from_text(&text) {
        Ok(name) => assert_eq!(SessionName::from_text(name.as_str()).unwrap(), name),
        Err(_) => assert!(text.trim().is_empty()),
    }
    let mut parts = text.split('\n');
    let mut part = || parts.next().unwrap_or_default();
    let (a, b, c) = (part(), part(), part());
    assert_eq!(natural_cmp(a, b), natural_cmp(b, a).reverse());
    assert_eq!(natural_cmp(a, b) == Ordering::Equal, a == b);
    let mut sorted = [a, b, c];
    sorted.sort_by(|a, b| natural_cmp(a, b));
    assert!(natural_cmp(sorted[0], sorted[2]).is_le());
    assert!(natural_cmp(sorted[0], sorted[1]).is_le());
    assert!(natural_cmp(sorted[1], sorted[2]).is_le());
});
