//! Hostile text made visible: nothing that is printed for people can move the
//! cursor, change a colour, hide or turn around what stands beside it.

use std::borrow::Cow;
use std::fmt::Write;

use sstat::is_unprintable;

/// Control characters and invisible format characters as `\n`, `\x1b`,
/// `\u{202e}`; all else as it is.
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
