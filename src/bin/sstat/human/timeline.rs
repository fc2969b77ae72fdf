//! Updates one below the other.

use std::io::{self, Write};

use sstat::Update;

use crate::human::escape::escape;
use crate::human::local_time;
use crate::human::style::{Role, Style, percent};

/// One update on one line; with a name where several sessions are mixed.
pub fn write_update(
    out: &mut dyn Write,
    update: &Update,
    name: Option<&str>,
    style: &Style,
) -> io::Result<()> {
    let status = format!("{:9}", escape(update.status.as_str()));
    write!(
        out,
        "{}  ",
        style.paint(Role::Faint, local_time(update.timestamp))
    )?;
    if let Some(name) = name {
        write!(out, "{}  ", style.paint(Role::Heading, escape(name)))?;
    }
    write!(
        out,
        "{} {:>4}",
        style.paint(Role::of_status(&update.status), status),
        update.progress.map(percent).unwrap_or_default()
    )?;
    if let Some(task) = &update.task_id {
        write!(out, "  [{}]", escape(task))?;
    }
    if !update.message.is_empty() {
        write!(out, "  {}", escape(&update.message))?;
    }
    writeln!(out)
}
