//! Text that is safe to print. Escaped text cannot move the cursor, change a
//! color, or hide or reverse the text beside it.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns true if a character is never printed raw: C0, DEL, C1, line and
/// paragraph separators, interlinear annotations, and Unicode's
/// Default_Ignorable_Code_Point without joiners and variation selectors.
///
/// Joiners and variation selectors are printed only after some characters, which
/// [`unprintable`] checks.
pub fn is_unprintable(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        // Soft hyphen, combining grapheme joiner, Arabic letter mark.
        | '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Hangul fillers, Khmer inherent vowels, Mongolian vowel separator.
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
        // Zero width space, direction marks, separators, direction overrides.
        | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // Invisible operators, direction isolates, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        // Shorthand and musical format characters.
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags, and the reserved characters around the variation selectors.
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// Returns the characters of a text that are not printed raw, each with its
/// position in bytes: [`is_unprintable`] ones, and joiners and variation selectors
/// after a character that they do not modify.
pub fn unprintable(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut previous = '\0';
    text.char_indices().filter(move |&(_, c)| {
        let is_hidden = is_unprintable(c) || !modifies(c, previous);
        previous = if is_hidden { '\0' } else { c };
        is_hidden
    })
}

/// Returns false for a joiner or variation selector that is invisible after
/// `base`, going by the blocks whose characters they modify.
fn modifies(c: char, base: char) -> bool {
    let is_ideograph = matches!(base, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    let is_symbol =
        matches!(base, '\u{a9}' | '\u{ae}' | '\u{2010}'..='\u{33ff}' | '\u{1f000}'..='\u{1faff}');
    match c {
        // Joiners: scripts from Arabic to Myanmar and from Tagalog to Vedic, their
        // extensions, and emoji, also after their own variation selector.
        '\u{200c}' | '\u{200d}' => {
            is_symbol
                || matches!(base, '\u{600}'..='\u{109f}' | '\u{1700}'..='\u{1cff}' | '\u{a800}'..='\u{abff}'
                    | '\u{fb50}'..='\u{fdff}' | '\u{fe0f}' | '\u{fe70}'..='\u{fefc}' | '\u{10a00}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}')
        }
        // Text and emoji presentation; keycaps are digits.
        '\u{fe0e}' | '\u{fe0f}' => is_symbol || matches!(base, '0'..='9' | '#' | '*'),
        '\u{fe00}'..='\u{fe0d}' => {
            is_ideograph
                || is_symbol
                || matches!(base, '0' | '\u{1000}'..='\u{109f}' | '\u{a840}'..='\u{a87f}' | '\u{ff01}'..='\u{ff1f}')
        }
        '\u{e0100}'..='\u{e01ef}' => is_ideograph,
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(base, '\u{1820}'..='\u{18aa}'),
        _ => true,
    }
}

/// Escapes control characters and invisible characters, as in `\n`, `\x1b` and
/// `\u{202e}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    replace_unprintable(text, |c, out| {
        let _ = match c {
            '\t' => out.write_str("\\t"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\0'..='\x7f' => write!(out, "\\x{:02x}", u32::from(c)),
            _ => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    })
}

/// Replaces each character of [`unprintable`] by the text that `write` appends.
pub(crate) fn replace_unprintable(text: &str, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    for (at, c) in unprintable(text) {
        out.push_str(&text[copied..at]);
        copied = at + c.len_utf8();
        write(c, &mut out);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Returns bytes as text, with invalid UTF-8 escaped as `\xNN`.
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
    fn default_ignorable_characters_are_escaped() {
        // DerivedCoreProperties.txt of Unicode 17, Default_Ignorable_Code_Point.
        let ranges = [
            (0xad, 0xad),
            (0x34f, 0x34f),
            (0x61c, 0x61c),
            (0x115f, 0x1160),
            (0x17b4, 0x17b5),
            (0x180b, 0x180f),
            (0x200b, 0x200f),
            (0x202a, 0x202e),
            (0x2060, 0x206f),
            (0x3164, 0x3164),
            (0xfe00, 0xfe0f),
            (0xfeff, 0xfeff),
            (0xffa0, 0xffa0),
            (0xfff0, 0xfff8),
            (0x1_bca0, 0x1_bca3),
            (0x1_d173, 0x1_d17a),
            (0xe_0000, 0xe_0fff),
        ];
        for c in ranges.iter().flat_map(|&(first, last)| first..=last) {
            let text = format!("a{}", char::from_u32(c).unwrap());
            assert_eq!(escape(&text), format!("a\\u{{{c:x}}}"));
        }
    }

    #[test]
    fn joiners_and_variation_selectors_stay_where_they_modify() {
        for text in [
            "❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}💻",
            "1\u{fe0f}\u{20e3}",
            "©\u{fe0f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "葛\u{e0100}",
            "≨\u{fe00}",
            "ᠠ\u{180b}",
        ] {
            assert_eq!(escape(text), text);
        }
        for (text, escaped) in [
            ("a\u{200d}", "a\\u{200d}"),
            ("ö\u{fe0f}", "ö\\u{fe0f}"),
            ("\u{200d}", "\\u{200d}"),
            ("1\u{200d}", "1\\u{200d}"),
            ("👩\u{200d}\u{200d}", "👩\u{200d}\\u{200d}"),
            ("a\u{fe0f}\u{200d}", "a\\u{fe0f}\\u{200d}"),
            ("日\u{180b}", "日\\u{180b}"),
        ] {
            assert_eq!(escape(text), escaped);
        }
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
