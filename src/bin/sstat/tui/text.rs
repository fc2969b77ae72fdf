//! Text of a predictable width.

use std::borrow::Cow;

use sstat::escape;

/// Escapes text and removes joiners, variation selectors and skin tones.
/// Terminals disagree on the width of a character that has them.
pub fn steady(text: &str) -> Cow<'_, str> {
    let escaped = escape(text);
    if !escaped.contains(is_joiner) {
        return escaped;
    }
    Cow::Owned(escaped.chars().filter(|&c| !is_joiner(c)).collect())
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}
