//! The detail pane: everything about the selected session.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Padding};

use super::bars::statuses;
use super::paint::{Painter, draw_lines};
use crate::render::detail::{Fact, facts};
use crate::render::style::{Role, Span as TextSpan};
use crate::render::timeline;
use crate::tui::model::Screen;
use crate::tui::text::{short_time, steady};
use crate::view::Detail;

/// The columns of the labels and a space.
const LABEL: usize = 11;

/// Draws the pane with a border on one side, which separates it from the table.
pub fn draw(
    frame: &mut Frame,
    area: Rect,
    painter: &Painter,
    screen: &mut Screen,
    border: Borders,
) {
    let set = border::Set {
        vertical_left: painter.symbol("│", "|"),
        horizontal_top: painter.symbol("─", "-"),
        ..border::PLAIN
    };
    let block = Block::new()
        .borders(border)
        .border_set(set)
        .border_style(painter.role(Role::Faint))
        .padding(Padding::horizontal(1));
    let inner = block.inner(area);
    let width = usize::from(inner.width);
    screen.areas.pane = area;
    let group = screen.selected_group();
    let name = match group {
        Some(group) => group.name.as_str().into(),
        None => (screen.selected_session(painter.table))
            .map_or("".into(), |session| session.display_name()),
    };
    let name = painter.span(Role::Heading, steady(&name).into_owned());
    let mut lines = vec![Line::from(name)];
    if let Some(group) = group {
        for (role, status, count) in statuses(group) {
            let text = format!("{count} {}", steady(status.as_str()));
            lines.push(Line::from(painter.span(role, text)));
        }
    } else {
        match screen.shown_detail(painter.table) {
            Some(detail) => lines.extend(content(detail, painter, width)),
            None => lines.push(Line::from(painter.span(Role::Faint, "not read"))),
        }
    }
    frame.render_widget(block, area);
    draw_lines(frame, inner, painter, &lines, &mut screen.detail_top);
}

fn content(detail: &Detail, painter: &Painter, width: usize) -> Vec<Line<'static>> {
    let fact = |Fact { label, value }: Fact| {
        painter.labelled(painter.span(Role::Faint, label), LABEL, &value, width)
    };
    let mut facts = facts(detail, painter.style);
    let file = facts.pop_if(|fact| fact.label == "File");
    let mut lines: Vec<Line> = facts.into_iter().flat_map(fact).collect();
    lines.push(Line::default());
    let title = [
        TextSpan::of(Role::Heading, "Last updates"),
        TextSpan::of(Role::Faint, ", newest first"),
    ];
    lines.push(painter.line(title.into()));
    for update in detail.recent.iter().rev() {
        let time = short_time(update.timestamp, detail.now);
        let spans = timeline::line(&time, update, None);
        lines.push(painter.line(spans));
    }
    if let Some(file) = file {
        lines.push(Line::default());
        lines.extend(fact(file));
    }
    lines
}
