//! Hostile text made visible: nothing that is printed for people can move the
//! cursor, change a colour, hide or turn around what stands beside it.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character is hidden, changes the direction of text or steers a
/// terminal: C0, DEL, C1 and the format characters of Unicode that can make a
/// line look like something else.
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

/// Control characters and invisible format characters as `\n`, `\x1b`,
/// `\u{202e}`; all else as it is.
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

/// Bytes as text, those that are no UTF-8 as `\xNN`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unprintable_is_left() {
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!escape(&all).chars().any(is_unprintable));
        assert_eq!(
            escape("a\tb\x1b[31m\u{9b}\u{202e}"),
            "a\\tb\\x1b[31m\\u{9b}\\u{202e}"
        );
        assert_eq!(escape("größe 日本 👩\u{200d}💻"), "größe 日本 👩\u{200d}💻");
    }
}
