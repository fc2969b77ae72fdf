//! The list of columns to choose from, over the right end of the table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Stylize;
use ratatui::text::Line;
use ratatui::widgets::Clear;

use super::paint::{Painter, draw_lines};
use crate::render::style::Role;
use crate::tui::model::Screen;

/// The columns of the list.
const WIDTH: u16 = 32;

pub fn draw(frame: &mut Frame, area: Rect, painter: &Painter, screen: &Screen) {
    let width = WIDTH.min(area.width);
    let area = Rect {
        x: area.right() - width,
        width,
        ..area
    };
    let mut lines = vec![Line::from(painter.span(Role::Heading, " Columns"))];
    for (row, column) in screen.choosable.iter().enumerate() {
        let is_shown = screen.choice.columns.contains(column);
        let mark = if is_shown { "x" } else { " " };
        let name = painter.fit(&column.to_string(), usize::from(width).saturating_sub(6));
        let line = Line::from(format!(" [{mark}] {name} "));
        lines.push(match row == screen.chooser_row {
            true => line.reversed(),
            false => line,
        });
    }
    // The cursor stays in the middle of a list that does not fit.
    let mut top = (screen.chooser_row + 1).saturating_sub(usize::from(area.height) / 2);
    frame.render_widget(Clear, area);
    draw_lines(frame, area, lines, &mut top);
}
