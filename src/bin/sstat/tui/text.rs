//! Text of a predictable width.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sstat::{escape, format_duration};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::render::local;

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

/// Returns the width of [`steady`] text.
pub fn columns(text: &str) -> usize {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.len();
    }
    steady(text).width()
}

/// Splits text into lines of at most `columns` columns, between words where
/// possible.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let solid = word.trim_end().width();
        if used > 0 && used + solid > columns {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let width = c.width().unwrap_or(0);
            if used + width > columns {
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += width;
        }
    }
    lines
}

/// Formats a duration, without its smaller unit if it does not fit otherwise.
pub fn short_duration(duration: Duration, columns: usize) -> String {
    let text = format_duration(duration);
    if text.len() <= columns {
        return text;
    }
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(unit) => text[..=unit].to_owned(),
        None => text,
    }
}

/// Formats a time in the user's time zone without its day if that is today, otherwise
/// without its seconds.
pub fn short_time(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let (time, now) = (local(time), local(now));
    let is_today = time.date_naive() == now.date_naive();
    let format = if is_today { "%H:%M:%S" } else { "%m-%d %H:%M" };
    time.format(format).to_string()
}
