//! Text that is safe to print. Escaped text cannot move the cursor, change a
//! colour, or hide or reverse the text beside it.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns true if a character is invisible, changes the direction of text or
/// controls a terminal: C0, DEL, C1 and Unicode's format characters.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Escapes control characters and invisible characters, as in `\n`, `\x1b` and
/// `\u{202e}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x7f' if is_unprintable(c) => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            _ if is_unprintable(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Returns bytes as text, with invalid UTF-8 escaped as `\xNN`.
#[must_use]
pub fn escape_invalid_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Returns the longest start of a text that has at most `max_bytes` bytes.
#[must_use]
pub fn truncate(text: &str, max_bytes: usize) -> &str {
    truncate_by(text, max_bytes, char::len_utf8)
}

/// Returns the longest start of a text whose characters' sizes add up to at most
/// `limit`.
pub fn truncate_by(text: &str, limit: usize, size: impl Fn(char) -> usize) -> &str {
    let mut left = limit;
    let cut = text.char_indices().find(|&(_, c)| {
        let rest = left.checked_sub(size(c));
        left = rest.unwrap_or(0);
        rest.is_none()
    });
    &text[..cut.map_or(text.len(), |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_is_printable() {
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!escape(&all).chars().any(is_unprintable));
        assert_eq!(
            escape("a\tb\x1b[31m\u{9b}\u{202e}"),
            "a\\tb\\x1b[31m\\u{9b}\\u{202e}"
        );
        assert_eq!(escape("größe 日本 👩\u{200d}💻"), "größe 日本 👩\u{200d}💻");
    }

    #[test]
    fn truncated_text_ends_between_characters() {
        assert_eq!(truncate("größe", 3), "gr");
        assert_eq!(truncate("größe", 4), "grö");
        assert_eq!(truncate("größe", 7), "größe");
        assert_eq!(truncate("größe", 0), "");
        assert_eq!(truncate_by("aöb", 2, |_| 1), "aö");
    }
}
