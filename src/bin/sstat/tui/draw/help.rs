//! The help, in place of the table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::paint::{Painter, draw_lines};
use crate::render::style::{Role, Span as TextSpan};
use crate::tui::keys::HELP;
use crate::tui::model::Screen;

/// Draws the keys and their actions.
pub fn draw(frame: &mut Frame, area: Rect, painter: &Painter, screen: &mut Screen) {
    let keys = HELP.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let heading = Line::from(painter.span(Role::Heading, "  Keys"));
    let mut lines = vec![heading, Line::default()];
    for (key, action) in HELP {
        let label = painter.span(Role::Heading, format!("  {key}"));
        let action = [TextSpan::plain(action)];
        let width = usize::from(area.width);
        lines.extend(painter.labelled(label, 2 + keys + 2, &action, width));
    }
    draw_lines(frame, area, lines, &mut screen.help_top);
}
