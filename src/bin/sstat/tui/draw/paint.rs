//! Roles as styles of the screen, and text that fits.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};

use crate::render::style::{Palette, Role, Span as TextSpan, Style as TextStyle};
use crate::tui::text::{steady, wrap};
use crate::watch::session_table::SessionTable;

/// The data of a frame besides the state of the screen.
pub struct Painter<'a> {
    pub style: &'a TextStyle,
    pub table: &'a SessionTable,
    /// The reason why there are no sessions.
    pub empty: &'a str,
}

impl Painter<'_> {
    /// Returns the symbol that the terminal can show.
    pub fn symbol(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.style.unicode { unicode } else { ascii }
    }

    pub fn role(&self, role: impl Into<Option<Role>>) -> Style {
        let mut style = Style::new();
        let Some(role) = role.into() else {
            return style;
        };
        style.fg = match self.style.color {
            Some(Palette::Xterm) => role.color().map(|color| Color::Indexed(color.index)),
            Some(Palette::Ansi) => role.ansi_color().and_then(|name| name.parse().ok()),
            None => None,
        };
        let modifier = &mut style.add_modifier;
        modifier.set(Modifier::BOLD, role.is_bold());
        modifier.set(Modifier::DIM, role.is_dim() && self.style.color.is_some());
        style
    }

    pub fn span<'t>(
        &self,
        role: impl Into<Option<Role>>,
        text: impl Into<Cow<'t, str>>,
    ) -> Span<'t> {
        Span::styled(text, self.role(role))
    }

    /// Returns a progress bar, which is not reversed in the selected row: it would show
    /// the rest instead of the progress.
    pub fn bar(&self, role: Role, progress: f64, columns: usize) -> Span<'static> {
        self.span(role, self.style.bar(progress, columns))
            .not_reversed()
    }

    /// Truncates text, with an ellipsis if something is missing.
    pub fn fit(&self, text: &str, columns: usize) -> String {
        self.style.fit(&steady(text), columns).into_owned()
    }

    /// Returns spans as a line.
    pub fn line(&self, spans: Vec<TextSpan>) -> Line<'static> {
        let span = |span: TextSpan| self.span(span.role, steady(&span.text).into_owned());
        spans.into_iter().map(span).collect()
    }

    /// Formats a label of `columns` columns and a value, whose lines are all
    /// indented by the label's width.
    pub fn labelled(
        &self,
        label: Span<'static>,
        columns: usize,
        value: &[TextSpan],
        width: usize,
    ) -> Vec<Line<'static>> {
        let text: String = value.iter().map(|span| span.text.as_str()).collect();
        let mut texts = wrap(&steady(&text), width.saturating_sub(columns)).into_iter();
        let blank = " ".repeat(columns.saturating_sub(label.width()));
        let mut first = Line::from(vec![label, Span::raw(blank)]);
        let mut text = texts.next().unwrap_or_default();
        // Only the beginning of a value has a role.
        if let Some(start) = value.first()
            && text.starts_with(&start.text)
        {
            first.push_span(self.span(start.role, start.text.clone()));
            text.drain(..start.text.len());
        }
        first.push_span(Span::raw(text));
        let indent = " ".repeat(columns);
        let rest = texts.map(|text| Line::from(format!("{indent}{text}")));
        std::iter::once(first).chain(rest).collect()
    }
}

/// Draws lines from the line `top` on, which it limits to the last page. Lines that
/// are too long end with an ellipsis.
pub fn draw_lines(
    frame: &mut Frame,
    area: Rect,
    painter: &Painter,
    lines: &[Line],
    top: &mut usize,
) {
    *top = (*top).min(lines.len().saturating_sub(usize::from(area.height)));
    for (line, mut area) in lines[*top..].iter().zip(area.rows()) {
        if line.width() > usize::from(area.width) {
            area.width = area.width.saturating_sub(1);
            let end = Rect::new(area.right(), area.y, 1, 1);
            frame.render_widget(painter.style.ellipsis(), end.intersection(frame.area()));
        }
        frame.render_widget(line, area);
    }
}
