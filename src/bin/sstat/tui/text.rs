//! Text of a predictable width.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sstat::{escape, format_duration, truncate_by};
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
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let fitting = truncate_by(rest, columns, |c| c.width().unwrap_or(0));
        let ends_word = rest[fitting.len()..].starts_with(' ') || fitting.len() == rest.len();
        let end = match fitting.rfind(' ') {
            Some(space) if !ends_word => space,
            _ => fitting.len(),
        };
        lines.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches(' ');
        if rest.is_empty() {
            return lines;
        }
    }
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
