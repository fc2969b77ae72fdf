//! Session names, their files, and natural order.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::text::{escape_invalid_utf8, truncate, unprintable};

/// The suffix of every status file's name.
pub const FILE_SUFFIX: &str = "_status.json";

/// The length limit of a name in bytes: with [`FILE_SUFFIX`] it reaches the 255
/// bytes that file systems allow.
pub const MAX_NAME_BYTES: usize = 243;

/// A valid session name: 1 to 243 bytes of UTF-8 without `/`, `\`, control and
/// invisible characters, without a leading `.` or `-`, and without white space at
/// the ends.
///
/// On Windows also without `: < > " | ? *`, a trailing dot, and the names of
/// devices (`CON`, `NUL.x`).
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
    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::Name`] with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match broken_rule(&name, cfg!(windows)) {
            None => Ok(Self(name)),
            Some(reason) => Err(Error::Name { name, reason }),
        }
    }

    /// Makes a valid name of any text: removes white space at the ends, replaces
    /// each character that is not allowed by `_`, and truncates to 243 bytes.
    ///
    /// A valid name stays as it is. Different texts can get the same name.
    ///
    /// ```
    /// use sstat::SessionName;
    /// assert_eq!(SessionName::from_text(" feature/login\n")?.as_str(), "feature_login");
    /// assert!(SessionName::from_text(" ").is_err());
    /// # Ok::<(), sstat::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`] if the text is blank.
    pub fn from_text(text: &str) -> Result<Self> {
        Self::new(name_of_text(text, cfg!(windows)))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the session's file in a status directory.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}{FILE_SUFFIX}", self.0)
    }
}

fn broken_rule(name: &str, on_windows: bool) -> Option<&'static str> {
    if name.is_empty() {
        return Some("must not be empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return Some("must not be longer than 243 bytes");
    }
    if name.starts_with(['.', '-']) {
        return Some("must not begin with '.' or '-'");
    }
    if name.contains(['/', '\\']) {
        return Some("must not contain a slash or backslash");
    }
    if name.contains(char::is_control) {
        return Some("must not contain a control character");
    }
    if unprintable(name).next().is_some() {
        return Some("must not contain an invisible character");
    }
    if name.trim() != name {
        return Some("must not begin or end with white space");
    }
    if on_windows && (name.contains(WINDOWS_FORBIDDEN) || name.ends_with('.') || is_device(name)) {
        return Some("must be a valid file name on Windows");
    }
    None
}

/// Characters that no file name has on Windows. A path with `:` or `\\` can leave the
/// directory.
const WINDOWS_FORBIDDEN: [char; 7] = [':', '<', '>', '"', '|', '?', '*'];

/// Returns true if a file name can contain the text.
pub(crate) fn fits_in_file_name(text: &str) -> bool {
    let forbidden = |c| matches!(c, '/' | '\0');
    let on_windows = |c| c == '\\' || WINDOWS_FORBIDDEN.contains(&c);
    !text.contains(|c| forbidden(c) || (cfg!(windows) && on_windows(c)))
}

/// Returns true for a name that Windows reserves, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let numbered = |device: &str| {
        stem.get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case(device))
            && matches!(stem[3..].parse(), Ok('0'..='9' | '¹' | '²' | '³'))
    };
    let devices = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let is_named = devices
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device));
    is_named || numbered("com") || numbered("lpt")
}

fn name_of_text(text: &str, on_windows: bool) -> String {
    let text = text.trim();
    let mut name = String::with_capacity(text.len() + 1);
    if on_windows && is_device(text) {
        name.push('_');
    }
    let mut hidden = unprintable(text).map(|(at, _)| at).peekable();
    for (at, c) in text.char_indices() {
        let is_forbidden = hidden.next_if_eq(&at).is_some()
            || matches!(c, '/' | '\\')
            || (at == 0 && matches!(c, '.' | '-'))
            || (on_windows && WINDOWS_FORBIDDEN.contains(&c));
        name.push(if is_forbidden { '_' } else { c });
    }
    let mut name = truncate(&name, MAX_NAME_BYTES).trim_end().to_owned();
    if on_windows && name.ends_with('.') {
        name.pop();
        name.push('_');
    }
    name
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

/// Returns the session of a status file, or `None` for another file. Invalid
/// UTF-8 is escaped as `\xNN`, so that readers also list files whose name is not
/// a valid [`SessionName`].
#[must_use]
pub fn session_of_file(file_name: &OsStr) -> Option<String> {
    let stem = file_name
        .as_encoded_bytes()
        .strip_suffix(FILE_SUFFIX.as_bytes())?;
    (!stem.is_empty()).then(|| escape_invalid_utf8(stem))
}

/// Compares names in natural order: runs of digits compare as numbers, so that
/// `worker2` comes before `worker10`. Different names never compare equal.
#[must_use]
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    // Texts whose units are equal differ in leading zeros only.
    natural_units(a)
        .cmp(natural_units(b))
        .then_with(|| a.cmp(b))
}

/// Returns bytes that are in the natural order of the names of files. Comparing them
/// takes a tenth of the time of [`natural_cmp`], and sorting was a fifth of `summary`.
pub(crate) fn natural_key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(3 * name.len());
    for (byte, length, digits) in natural_units(name) {
        key.push(byte);
        if byte == b'0' {
            // The name of a file has at most 255 bytes.
            key.push(length as u8);
            key.extend(digits);
        }
    }
    // NUL is in no file's name, and sorts the shorter one of two names first.
    key.push(0);
    key.extend(name.bytes());
    key
}

/// Splits a text into the units that natural order compares: numbers, each as `0` with
/// its length and its digits without leading zeros, and other single bytes.
fn natural_units(text: &str) -> impl Iterator<Item = (u8, usize, &[u8])> {
    let bytes = text.as_bytes();
    let units = bytes.chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit());
    units.map(|unit| match unit[0] {
        b'0'..=b'9' => {
            let zeros = unit.iter().take_while(|&&byte| byte == b'0').count();
            (b'0', unit.len() - zeros, &unit[zeros..])
        }
        byte => (byte, 0, &unit[..0]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_breaks_a_rule_is_invalid() {
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
    fn invisible_characters_and_outer_white_space_are_invalid() {
        for bad in [
            "a\u{3164}",
            "a\u{ad}b",
            "a ",
            " a",
            "a\u{a0}",
            "a\u{200d}",
            "\u{115f}",
        ] {
            assert!(SessionName::new(bad).is_err(), "{bad:?}");
        }
        assert!(SessionName::new("👩\u{200d}💻").is_ok());
    }

    #[test]
    fn windows_has_more_rules() {
        for bad in [
            "a:b", "a?", "a.", "con", "NUL", "Aux.txt", "com1", "LPT9.x", "com¹", "nul .x",
        ] {
            assert!(broken_rule(bad, true).is_some(), "{bad}");
            assert!(broken_rule(bad, false).is_none(), "{bad}");
            let name = name_of_text(bad, true);
            assert_eq!(broken_rule(&name, true), None, "{name}");
        }
        for good in ["com", "com10", "console", "null", "a.b"] {
            assert!(broken_rule(good, true).is_none(), "{good}");
        }
        assert_eq!(name_of_text("nul.txt", true), "_nul.txt");
    }

    #[test]
    fn any_text_but_a_blank_one_has_a_name() {
        for (text, name) in [
            ("w 1", "w 1"),
            (" w\n", "w"),
            ("feature/login", "feature_login"),
            ("../etc", "_._etc"),
            ("-x", "_x"),
            ("a\u{3164}", "a_"),
            ("a\tb\u{1b}c", "a_b_c"),
            ("C:\\x", "C:_x"),
        ] {
            assert_eq!(name_of_text(text, false), name, "{text:?}");
        }
        let long = SessionName::from_text(&format!("{} b", "x".repeat(242))).unwrap();
        assert_eq!(long.as_str(), "x".repeat(242));
        for blank in ["", " ", "\n\t"] {
            assert!(SessionName::from_text(blank).is_err());
        }
    }

    #[test]
    fn session_of_file_inverts_file_name() {
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
    fn file_name_with_invalid_utf8_is_listed() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"w\xff\xfe_status.json");
        assert_eq!(session_of_file(name).as_deref(), Some("w\\xff\\xfe"));
    }

    #[test]
    fn natural_order_is_numeric_and_total() {
        let sorted = [
            "",
            "01",
            "1",
            "2",
            "10",
            "a",
            "a-1",
            "a0",
            "a00",
            "a01b",
            "a1b",
            "a1c",
            "a2",
            "a10",
            "a:1",
            "ab",
            "worker",
            "worker2",
            "worker10",
            "worker10a",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(natural_cmp(a, b), i.cmp(&j), "{a} {b}");
                assert_eq!(natural_key(a).cmp(&natural_key(b)), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
