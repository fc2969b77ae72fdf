//! Updates one below the other.

use std::io::{self, Write};

use sstat::Update;

use crate::render::local_time;
use crate::render::style::{Role, Span, Style, percent};
use sstat::escape;

/// One update on one line; with a name where several sessions are mixed.
pub fn write_update(
    out: &mut dyn Write,
    update: &Update,
    name: Option<&str>,
    style: &Style,
) -> io::Result<()> {
    let time = local_time(update.timestamp);
    writeln!(out, "{}", style.paint_all(&line(&time, update, name)))
}

/// An update's line in its pieces, with its time as it is to be shown.
pub fn line(time: &str, update: &Update, name: Option<&str>) -> Vec<Span> {
    let mut spans = vec![Span::of(Role::Faint, time), Span::plain("  ")];
    if let Some(name) = name {
        spans.push(Span::of(Role::Heading, escape(name)));
        spans.push(Span::plain("  "));
    }
    let status = format!("{:9}", escape(update.status.as_str()));
    spans.push(Span::of(Role::of_status(&update.status), status));
    let mut rest = format!(" {:>4}", update.progress.map(percent).unwrap_or_default());
    if let Some(task) = &update.task_id {
        rest += &format!("  [{}]", escape(task));
    }
    if !update.message.is_empty() {
        rest += &format!("  {}", escape(&update.message));
    }
    spans.push(Span::plain(rest.trim_end().to_owned()));
    spans
}
