//! Session names, the files they live in and the order people expect them in.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::text::escape_invalid_utf8;

/// What every status file's name ends in.
pub const FILE_SUFFIX: &str = "_status.json";

/// The longest name in bytes: with [`FILE_SUFFIX`] it makes the 255 that
/// file systems allow.
pub const MAX_NAME_BYTES: usize = 243;

/// A session name that can be written: 1 to 243 bytes of UTF-8, no `/`, no
/// `\`, no control character, no leading `.` or `-`.
///
/// ```
/// use sstat::SessionName;
/// let name: SessionName = "my_status_bot".parse()?;
/// assert_eq!(name.file_name(), "my_status_bot_status.json");
/// assert!("../etc/passwd".parse::<SessionName>().is_err());
/// # Ok::<(), sstat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName(String);

impl SessionName {
    /// Takes a name that follows the rules.
    ///
    /// # Errors
    /// [`Error::Name`] with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match broken_rule(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(Error::Name { name, reason }),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the session's file in a status directory.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}{FILE_SUFFIX}", self.0)
    }
}

fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return Some("is longer than 243 bytes");
    }
    if name.starts_with(['.', '-']) {
        return Some("begins with '.' or '-'");
    }
    if name.contains(['/', '\\']) {
        return Some("contains a slash or backslash");
    }
    if name.contains(char::is_control) {
        return Some("contains a control character");
    }
    None
}

impl FromStr for SessionName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl AsRef<str> for SessionName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The session that a file belongs to; `None` for a file that is no status
/// file. Bytes that are no UTF-8 stand as `\xNN`, so that even a file that
/// no [`SessionName`] could have made has a name to be listed by.
#[must_use]
pub fn session_of_file(file_name: &OsStr) -> Option<String> {
    name_of_file(file_name).map(Cow::into_owned)
}

/// [`session_of_file`] without a copy where the name can be taken as it is.
pub(crate) fn name_of_file(file_name: &OsStr) -> Option<Cow<'_, str>> {
    let stem = file_name
        .as_encoded_bytes()
        .strip_suffix(FILE_SUFFIX.as_bytes())?;
    if stem.is_empty() {
        return None;
    }
    Some(match str::from_utf8(stem) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) => Cow::Owned(escape_invalid_utf8(stem)),
    })
}

/// Natural order: runs of digits compare as numbers, so `worker2` comes
/// before `worker10`. It is total: names that differ never compare equal.
#[must_use]
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = (0, 0);
    loop {
        let common = a[at.0..]
            .iter()
            .zip(&b[at.1..])
            .take_while(|(x, y)| x == y)
            .count();
        let (i, j) = (at.0 + common, at.1 + common);
        // The digits just before the difference belong to the same numbers.
        let digits_before = a[at.0..i]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (x, y) = (
            digits(&a[i - digits_before..]),
            digits(&b[j - digits_before..]),
        );
        if x.is_empty() || y.is_empty() {
            let order = a[i..].first().cmp(&b[j..].first());
            return order.then_with(|| same_numbers(a, b));
        }
        let (p, q) = (without_zeros(x), without_zeros(y));
        let order = p.len().cmp(&q.len()).then_with(|| p.cmp(q));
        if order.is_ne() {
            return order;
        }
        at = (i - digits_before + x.len(), j - digits_before + y.len());
        if i >= a.len() && j >= b.len() {
            return same_numbers(a, b);
        }
    }
}

/// The order of names that differ in leading zeros only.
fn same_numbers(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn digits(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    &bytes[..end]
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for good in [
            "w",
            "my_status_bot",
            "größe 7",
            "a.b",
            "日本",
            "a-b",
            "a status",
        ] {
            assert!(SessionName::new(good).is_ok(), "{good}");
        }
        assert!(SessionName::new("x".repeat(243)).is_ok());
        for bad in [
            "", ".", "..", ".hid", "-w", "a/b", "a\\b", "a\nb", "a\u{85}b", "a\u{7f}",
        ] {
            assert!(SessionName::new(bad).is_err(), "{bad:?}");
        }
        assert!(SessionName::new("x".repeat(244)).is_err());
    }

    #[test]
    fn a_name_comes_back_from_its_file() {
        let of = |name: &str| session_of_file(OsStr::new(name));
        assert_eq!(
            of("my_status_bot_status.json").as_deref(),
            Some("my_status_bot")
        );
        assert_eq!(
            of("a_status.json_status.json").as_deref(),
            Some("a_status.json")
        );
        assert_eq!(of(".hid_status.json").as_deref(), Some(".hid"));
        assert_eq!(of("_status.json"), None);
        assert_eq!(of("notes.json"), None);
        assert_eq!(of("w_status.json.tmp"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_utf8_is_still_listed() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"w\xff\xfe_status.json");
        assert_eq!(session_of_file(name).as_deref(), Some("w\\xff\\xfe"));
    }

    #[test]
    fn natural_order_is_total_and_numeric() {
        let sorted = [
            "",
            "1",
            "01",
            "2",
            "10",
            "a",
            "a0",
            "a00",
            "a1b",
            "a01b",
            "a1c",
            "a2",
            "a10",
            "ab",
            "worker",
            "worker2",
            "worker10",
            "worker10a",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                let expected = if matches!((*a, *b), ("1", "01") | ("01", "1"))
                    || matches!((*a, *b), ("a1b", "a01b") | ("a01b", "a1b"))
                {
                    // Equal as numbers: the shorter one comes first.
                    a.len().cmp(&b.len())
                } else {
                    i.cmp(&j)
                };
                assert_eq!(natural_cmp(a, b), expected, "{a} {b}");
            }
        }
    }
}
