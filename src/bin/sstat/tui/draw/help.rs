//! The help, in place of the table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Clear, Paragraph};

use super::paint::Painter;
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
    let max_top = lines.len().saturating_sub(usize::from(area.height));
    screen.help_top = screen.help_top.min(max_top);
    let text = Paragraph::new(Text::from(lines)).scroll((screen.help_top as u16, 0));
    frame.render_widget(Clear, area);
    frame.render_widget(text, area);
}
