//! Updates as lines of text.

use std::io::{self, Write};

use sstat::{Update, escape};
use unicode_width::UnicodeWidthStr;

use crate::render::local_time;
use crate::render::style::{Role, Span, Style, percent};

/// Columns of the longest status that sstat writes.
const STATUS: usize = 9;

/// Writes an update on one line, with the session's name if given, padded to a width.
pub fn write_update(
    out: &mut dyn Write,
    update: &Update,
    name: Option<(&str, usize)>,
    style: &Style,
) -> io::Result<()> {
    let time = local_time(update.timestamp);
    writeln!(out, "{}", style.paint_all(&line(&time, update, name)))
}

/// Formats an update with its formatted time.
pub fn line(time: &str, update: &Update, name: Option<(&str, usize)>) -> Vec<Span> {
    let mut spans = vec![Span::of(Role::Faint, time), Span::plain("  ")];
    if let Some((name, width)) = name {
        let name = Span::of(Role::Heading, escape(name));
        let gap = width.saturating_sub(name.text.width()) + 2;
        spans.extend([name, Span::plain(" ".repeat(gap))]);
    }
    let status = Span::of_status(&update.status);
    let gap = STATUS.saturating_sub(status.text.width());
    spans.push(status);
    let percent = update.progress.map(percent).unwrap_or_default();
    let mut rest = format!("{:gap$} {percent:>4}", "");
    if let Some(task) = &update.task_id {
        rest += &format!("  [{}]", escape(task));
    }
    if !update.message.is_empty() {
        rest += &format!("  {}", escape(&update.message));
    }
    spans.push(Span::plain(rest.trim_end().to_owned()));
    spans
}
