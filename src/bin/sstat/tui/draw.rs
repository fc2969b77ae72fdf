//! The screen's looks: the model laid out on however many columns and lines
//! the terminal has.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style as Paint};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use sstat::format_duration;
use unicode_width::UnicodeWidthStr;

use crate::render::detail::{Fact, facts};
use crate::render::style::{Role, Span as TextSpan, Style, percent, worst_issue};
use crate::render::timeline;
use crate::tui::attention::{attention_of, worst_word};
use crate::tui::keys::{HELP, HELP_HINTS, HINTS, Mode};
use crate::tui::model::{Entry, Screen, Since, Sort, Totals};
use crate::tui::text::steady;

/// From this width on the detail stands beside the table.
const BESIDE: u16 = 120;

/// Below this height the detail takes the table's place.
const LOW: u16 = 16;

/// From this width on there is room for both what a session says and what is
/// wrong with it.
const ROOMY: usize = 100;

/// Columns of a duration.
const SHORT: usize = 6;

/// Columns of the labels in the detail.
const LABEL: usize = 10;

/// Draws all of it. `empty` says why there is no session at all.
pub fn draw(frame: &mut Frame, screen: &mut Screen, style: &Style, empty: &str) {
    screen.refresh();
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    let looks = Renderer { style };
    let buffer = frame.buffer_mut();
    let [top, middle, bottom] = rows(area);
    looks.top_line(buffer, top, screen);
    let has_pane = screen.pane().is_some();
    match split(middle) {
        _ if !has_pane => looks.table(buffer, middle, screen, empty),
        Split::Beside(left, right) => {
            looks.table(buffer, left, screen, empty);
            looks.pane_beside(buffer, right, screen);
        }
        Split::Below(above, below) => {
            looks.table(buffer, above, screen, empty);
            looks.pane_below(buffer, below, screen);
        }
        Split::Instead => {
            // The cursor moves by what the table would show.
            let _ = screen.rows(usize::from(middle.height.saturating_sub(1)));
            looks.pane_below(buffer, middle, screen);
        }
    }
    looks.bottom_line(buffer, bottom, screen);
    if screen.mode() == Mode::Help {
        looks.help(buffer, middle, screen);
    }
    if screen.mode() == Mode::Filter && bottom.width > 0 {
        let column = 1 + steady(screen.filter()).width();
        let column = u16::try_from(column)
            .unwrap_or(u16::MAX)
            .min(bottom.width - 1);
        frame.set_cursor_position((bottom.x + column, bottom.y));
    }
}

/// The first line, the last line and what is between. A terminal of one line
/// shows the counts.
fn rows(area: Rect) -> [Rect; 3] {
    let line = |y: u16| Rect::new(area.x, area.y + y, area.width, 1);
    match area.height {
        0 | 1 => [line(0), Rect::ZERO, Rect::ZERO],
        height => [
            line(0),
            Rect::new(area.x, area.y + 1, area.width, height - 2),
            line(height - 1),
        ],
    }
}

enum Split {
    Beside(Rect, Rect),
    Below(Rect, Rect),
    Instead,
}

fn split(area: Rect) -> Split {
    if area.width >= BESIDE {
        let right = (area.width * 2 / 5).min(100);
        let left = area.width - right;
        Split::Beside(
            Rect::new(area.x, area.y, left, area.height),
            Rect::new(area.x + left, area.y, right, area.height),
        )
    } else if area.height >= LOW {
        let below = area.height * 2 / 3;
        let above = area.height - below;
        Split::Below(
            Rect::new(area.x, area.y, area.width, above),
            Rect::new(area.x, area.y + above, area.width, below),
        )
    } else {
        Split::Instead
    }
}

/// How many columns each part of a row has; none for one that has no room.
#[derive(Debug, PartialEq, Eq)]
struct Columns {
    name: usize,
    status: usize,
    /// Whether the status and its trouble fit side by side.
    both: bool,
    held: usize,
    age: usize,
    /// Of the bar, and of the percentage behind it.
    bar: usize,
    percent: usize,
    task: usize,
    message: usize,
}

/// Before the name: the cursor.
const GUTTER: usize = 2;

/// The message gets no column that would show no more than a word of it.
const LEAST_MESSAGE: usize = 12;

/// Before the message gets so much there is no column for the time in a
/// status, which the detail says, too.
const ENOUGH_MESSAGE: usize = 16;

impl Columns {
    fn fit(totals: &Totals, width: usize) -> Self {
        let gap = Self::gap(width);
        let mut left = width.saturating_sub(GUTTER);
        // In the order of their weight: what comes later gets what is left.
        let mut take = |wanted: usize, least_width: usize, keep: usize| {
            if wanted == 0 || width < least_width || wanted + gap + keep > left {
                return 0;
            }
            left -= wanted + gap;
            wanted
        };
        let both = width >= ROOMY;
        let longest = (width / if both { 5 } else { 4 }).max("SESSION".len());
        let name = take(totals.widths.name.clamp("SESSION".len(), longest), 0, 0);
        let status = if both {
            totals.widths.status
        } else {
            totals.widths.word
        };
        let longest = if both { 20 } else { 12 };
        let status = take(status.clamp("STATUS".len(), longest), 0, 0);
        let age = take(SHORT, 24, 0);
        let percent = take(if totals.any_progress { 4 } else { 0 }, 30, 0);
        let bar = match (percent, width) {
            (0, _) | (_, ..70) => 0,
            (_, 70..ROOMY) => take(6, 0, 0),
            _ => take(10, 0, 0),
        };
        let task = match totals.widths.task {
            0 => 0,
            task => task.clamp("TASK".len(), if both { 16 } else { 8 }),
        };
        let task = take(task, 60, 0);
        let held = take(SHORT, 80, ENOUGH_MESSAGE);
        let (name, message) = match left {
            LEAST_MESSAGE.. => (name, left),
            _ => (totals.widths.name.clamp(name, name + left), 0),
        };
        Self {
            name,
            status,
            both,
            held,
            age,
            bar,
            percent,
            task,
            message,
        }
    }

    fn gap(width: usize) -> usize {
        if width >= 60 { 2 } else { 1 }
    }
}

/// A row while it is filled from left to right.
struct Row {
    spans: Vec<Span<'static>>,
    gap: usize,
}

struct Renderer<'a> {
    style: &'a Style,
}

impl Renderer<'_> {
    fn paint(&self, role: impl Into<Option<Role>>) -> Paint {
        let mut paint = Paint::default();
        let Some(role) = role.into() else {
            return paint;
        };
        if role.is_bold() {
            paint = paint.add_modifier(Modifier::BOLD);
        }
        if !self.style.color {
            return paint;
        }
        if let Some(color) = role.color() {
            paint = paint.fg(color.tui);
        }
        if role.is_dim() {
            paint = paint.add_modifier(Modifier::DIM);
        }
        paint
    }

    fn span(
        &self,
        role: impl Into<Option<Role>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Span<'static> {
        Span::styled(text, self.paint(role))
    }

    fn spans(&self, parts: Vec<TextSpan>) -> Vec<Span<'static>> {
        parts
            .into_iter()
            .map(|part| self.span(part.role, steady(&part.text).into_owned()))
            .collect()
    }

    /// A line of so many columns at most, with an ellipsis where something is
    /// missing.
    fn fit(&self, spans: Vec<Span<'static>>, columns: usize) -> Line<'static> {
        let whole = Line::from(spans);
        if whole.width() <= columns {
            return whole;
        }
        let mut cut = Line::default();
        let mut left = columns;
        for span in whole {
            let width = span.width();
            if width < left {
                left -= width;
                cut.push_span(span);
                continue;
            }
            // Something follows even where this one alone would fit.
            let text = format!("{} ", span.content);
            let text = self.style.fit(&text, left).into_owned();
            cut.push_span(Span::styled(text, span.style));
            break;
        }
        cut
    }

    /// Text in exactly so many columns.
    fn cell(&self, text: &str, columns: usize, right: bool) -> String {
        let text = self.style.fit(text, columns);
        let blank = " ".repeat(columns.saturating_sub(text.width()));
        if right {
            blank + &text
        } else {
            text.into_owned() + &blank
        }
    }

    /// The counts, and how the rows are ordered.
    fn top_line(&self, buffer: &mut Buffer, area: Rect, screen: &Screen) {
        let width = usize::from(area.width);
        let totals = screen.totals();
        let mut counts: Vec<(usize, String, Role)> = totals
            .by_status
            .iter()
            .map(|(status, &count)| {
                let word = steady(status.as_str()).into_owned();
                (count, word, Role::of_status(status))
            })
            .collect();
        let troubles = [
            (totals.stale, "stale", Role::Stale),
            (totals.dead, "dead", Role::Dead),
        ];
        for (count, word, role) in troubles {
            if count > 0 {
                counts.push((count, word.to_owned(), role));
            }
        }
        let noun = match totals.sessions {
            1 => "session",
            _ => "sessions",
        };
        let mut all = format!("{} {noun}", totals.sessions);
        let words: usize = counts
            .iter()
            .map(|(count, word, _)| 2 + count.to_string().len() + 1 + word.width())
            .sum();
        let needed = |all: &str| 1 + all.width() + words;
        if needed(&all) > width {
            all = totals.sessions.to_string();
            // The most urgent counts come first, because the last are cut off.
            counts.sort_by_key(|&(_, _, role)| attention_of(role));
        }
        let mut used = 1 + all.width();
        let mut spans = vec![Span::raw(" "), self.span(Role::Heading, all)];
        for (count, word, role) in counts {
            let text = format!("{count} {word}");
            used += 2 + text.width();
            if used > width {
                break;
            }
            spans.push(Span::raw("  "));
            spans.push(self.span(role, text));
        }
        Line::from(spans).render(area, buffer);

        let order = format!("by {}", screen.order_in_words());
        let clock = local(screen.now(), "%H:%M:%S");
        let (state, role) = match screen.is_paused() {
            true => (format!("PAUSED at {clock}"), Role::Heading),
            false => (clock, Role::Faint),
        };
        let mut right = area.right().saturating_sub(1);
        for (text, role) in [(state, role), (order, Role::Faint)] {
            let length = text.width();
            if used + 2 + length < width {
                used += 2 + length;
                right = right.saturating_sub(u16::try_from(length).unwrap_or(0));
                buffer.set_string(right, area.y, &text, self.paint(role));
                right = right.saturating_sub(2);
            } else if screen.is_paused() {
                // That must be seen in any case.
                let x = area.right().saturating_sub(7);
                buffer.set_stringn(x, area.y, " PAUSED", 7, self.paint(Role::Heading));
                break;
            }
        }
    }

    fn table(&self, buffer: &mut Buffer, area: Rect, screen: &mut Screen, empty: &str) {
        if area.is_empty() {
            return;
        }
        let width = usize::from(area.width);
        let columns = Columns::fit(screen.totals(), width);
        let now = screen.now();
        let page = usize::from(area.height - 1);
        let mut y = area.y;
        for (selected, entry) in screen.rows(page) {
            y += 1;
            let line = self.row(entry, selected, &columns, width, now);
            line.render(Rect::new(area.x, y, area.width, 1), buffer);
            if selected {
                let row = Rect::new(area.x, y, area.width, 1);
                buffer.set_style(row, Paint::default().add_modifier(Modifier::REVERSED));
            }
        }
        self.header(buffer, Rect { height: 1, ..area }, &columns, screen);
        if screen.shown() == 0 {
            let why = match screen.totals().sessions {
                0 => empty.to_owned(),
                _ if !screen.filter().is_empty() => "nothing matches the filter".to_owned(),
                _ => "nobody needs attention".to_owned(),
            };
            let below = Rect::new(area.x, area.y + 1, area.width, area.height - 1);
            self.wrapped(buffer, below, &why);
        }
    }

    /// Text that may need more than one line, a little inside.
    fn wrapped(&self, buffer: &mut Buffer, area: Rect, text: &str) {
        let room = usize::from(area.width).saturating_sub(2 * GUTTER);
        let lines = wrap(&steady(text), room);
        for (y, line) in (area.y..area.bottom()).skip(1).zip(lines) {
            buffer.set_string(area.x + GUTTER as u16, y, line, self.paint(Role::Faint));
        }
    }

    fn header(&self, buffer: &mut Buffer, area: Rect, columns: &Columns, screen: &Screen) {
        let width = usize::from(area.width);
        let mut row = Row::new(width);
        let sort = screen.sort();
        let mut add = |text: &str, columns: usize, right: bool, sorts: Option<Sort>| {
            let role = match sorts {
                Some(sorts) if sorts == sort => Role::Heading,
                _ => Role::Faint,
            };
            row.add(columns, |columns| {
                vec![self.span(role, self.cell(text, columns, right))]
            });
        };
        add("SESSION", columns.name, false, Some(Sort::Name));
        add("STATUS", columns.status, false, Some(Sort::Status));
        add("FOR", columns.held, true, None);
        add("AGE", columns.age, true, Some(Sort::Age));
        let progress = match columns.bar {
            0 => ("PROG", columns.percent),
            bar => ("PROGRESS", bar + 1 + columns.percent),
        };
        add(progress.0, progress.1, false, Some(Sort::Progress));
        add("TASK", columns.task, false, Some(Sort::Task));
        add("MESSAGE", columns.message, false, None);
        Line::from(row.spans).render(area, buffer);
        let (visible, all) = (screen.visible(), screen.shown());
        if visible.len() < all {
            let place = format!(" {}-{} of {all}", visible.start + 1, visible.end);
            if let Some(start) = width.checked_sub(place.len() + 1)
                && start > width - columns.message + "MESSAGE".len()
            {
                let x = area.x + u16::try_from(start).unwrap_or(0);
                buffer.set_string(x, area.y, place, self.paint(Role::Faint));
            }
        }
    }

    fn row(
        &self,
        entry: &Entry,
        selected: bool,
        columns: &Columns,
        width: usize,
        now: DateTime<Utc>,
    ) -> Line<'static> {
        let session = &entry.session;
        let (update, health) = (&session.update, &session.health);
        let status_role = Role::of_status(&update.status);
        let trouble = worst_issue(health);
        let mut row = Row::new(width);
        if selected {
            row.spans[0] = Span::raw(if self.style.unicode { "› " } else { "> " });
        }
        let name = steady(session.name());
        row.add(columns.name, |room| {
            vec![Span::raw(self.cell(&name, room, false))]
        });
        row.add(columns.status, |room| {
            let word = steady(update.status.as_str());
            match trouble {
                Some((trouble, role)) if columns.both => {
                    let word = self
                        .style
                        .fit(&word, room.saturating_sub(1 + trouble.len()));
                    let rest = room.saturating_sub(word.width() + 1);
                    vec![
                        self.span(status_role, format!("{word} ")),
                        self.span(role, self.cell(trouble, rest, false)),
                    ]
                }
                _ => {
                    let (word, role) = worst_word(session);
                    vec![self.span(role, self.cell(&steady(word), room, false))]
                }
            }
        });
        row.add(columns.held, |room| {
            let held = entry.since.map(|since| self.held(since, now));
            let held = held.unwrap_or_default();
            vec![Span::raw(self.cell(&held, room, true))]
        });
        row.add(columns.age, |room| {
            let (age, role) = match health.clock_skew {
                Some(ahead) => (format!("+{}", short(ahead, SHORT - 1)), Role::Stale),
                None => (
                    short(health.age, SHORT),
                    trouble.map_or(Role::Faint, |(_, role)| role),
                ),
            };
            vec![self.span(role, self.cell(&age, room, true))]
        });
        let far = update.progress;
        if columns.bar > 0 {
            row.add(columns.bar + 1 + columns.percent, |room| match far {
                None => vec![Span::raw(" ".repeat(room))],
                Some(far) => vec![
                    self.span(status_role, self.style.bar(far, columns.bar)),
                    Span::raw(format!(" {:>1$}", percent(far), columns.percent)),
                ],
            });
        } else {
            row.add(columns.percent, |room| {
                let far = far.map(percent).unwrap_or_default();
                vec![Span::raw(self.cell(&far, room, true))]
            });
        }
        let task = steady(update.task_id.as_deref().unwrap_or_default());
        row.add(columns.task, |room| {
            vec![Span::raw(self.cell(&task, room, false))]
        });
        let message = steady(&update.message);
        row.add(columns.message, |room| {
            vec![Span::raw(self.style.fit(&message, room).into_owned())]
        });
        Line::from(row.spans)
    }

    fn held(&self, since: Since, now: DateTime<Utc>) -> String {
        let held = (now - since.at).to_std().unwrap_or_default();
        let mark = if since.at_least { ">" } else { "" };
        format!("{mark}{}", short(held, SHORT - mark.len()))
    }

    fn pane_beside(&self, buffer: &mut Buffer, area: Rect, screen: &mut Screen) {
        let line = if self.style.unicode { "│" } else { "|" };
        for y in area.y..area.bottom() {
            buffer.set_string(area.x, y, line, self.paint(Role::Faint));
        }
        let inner = Rect {
            x: area.x + 2,
            width: area.width.saturating_sub(3),
            ..area
        };
        self.pane(buffer, inner, screen);
    }

    fn pane_below(&self, buffer: &mut Buffer, area: Rect, screen: &mut Screen) {
        if area.is_empty() {
            return;
        }
        let line = if self.style.unicode { "─" } else { "-" };
        let rule = line.repeat(usize::from(area.width));
        buffer.set_string(area.x, area.y, rule, self.paint(Role::Faint));
        let inner = Rect {
            x: area.x + 1,
            y: area.y + 1,
            width: area.width.saturating_sub(2),
            height: area.height - 1,
        };
        self.pane(buffer, inner, screen);
    }

    /// All about the selected session.
    fn pane(&self, buffer: &mut Buffer, area: Rect, screen: &mut Screen) {
        if area.is_empty() {
            return;
        }
        let width = usize::from(area.width);
        let name = steady(screen.selected_name().unwrap_or_default()).into_owned();
        let name = self.style.fit(&name, width).into_owned();
        let mut lines = vec![Line::from(self.span(Role::Heading, name))];
        match screen.detail() {
            Some(detail) => {
                let mut facts = facts(detail, self.style);
                // What is looked at least stands below the updates.
                let file = facts.pop_if(|fact| fact.label == "File");
                for Fact { label, value } in facts {
                    lines.extend(self.fact(label, &value, width));
                }
                lines.push(Line::default());
                let title = self.span(Role::Heading, "Last updates");
                lines.push(Line::from(vec![
                    title,
                    self.span(Role::Faint, ", newest first"),
                ]));
                let today = local(detail.now, "%F");
                for update in detail.recent.iter().rev() {
                    let at = update.timestamp;
                    let time = match local(at, "%F") == today {
                        true => local(at, "%H:%M:%S"),
                        false => local(at, "%m-%d %H:%M"),
                    };
                    let spans = self.spans(timeline::line(&time, update, None));
                    lines.push(self.fit(spans, width));
                }
                if let Some(Fact { label, value }) = file {
                    lines.push(Line::default());
                    lines.extend(self.fact(label, &value, width));
                }
            }
            None => lines.push(Line::from(self.span(Role::Faint, "not read"))),
        }
        let page = usize::from(area.height);
        let Some(pane) = screen.pane() else { return };
        pane.top = pane.top.min(lines.len().saturating_sub(page));
        for (y, line) in (area.y..area.bottom()).zip(lines.into_iter().skip(pane.top)) {
            line.render(
                Rect {
                    y,
                    height: 1,
                    ..area
                },
                buffer,
            );
        }
    }

    /// A label and its value, which goes on below where it is long.
    fn fact(&self, label: &str, value: &[TextSpan], width: usize) -> Vec<Line<'static>> {
        let room = width.saturating_sub(LABEL + 1);
        let text: String = value.iter().map(|part| part.text.as_str()).collect();
        let mut lines = wrap(&steady(&text), room).into_iter();
        // What is more than plain text comes first and is short.
        let mut spans = vec![self.span(Role::Faint, format!("{label:LABEL$} "))];
        let mut first = lines.next().unwrap_or_default();
        if let Some(TextSpan { role, text }) = value.first()
            && let Some(rest) = first.strip_prefix(text.as_str())
        {
            spans.push(self.span(*role, text.clone()));
            first = rest.to_owned();
        }
        spans.push(Span::raw(first));
        let indent = " ".repeat(LABEL + 1);
        std::iter::once(Line::from(spans))
            .chain(lines.map(|line| Line::from(format!("{indent}{line}"))))
            .collect()
    }

    /// What is being typed, what was noted, or what keys there are.
    fn bottom_line(&self, buffer: &mut Buffer, area: Rect, screen: &Screen) {
        if area.is_empty() {
            return;
        }
        let room = usize::from(area.width);
        let found = format!("{} of {}", screen.shown(), screen.totals().sessions);
        let filter = steady(screen.filter());
        if screen.mode() == Mode::Filter {
            let line = Line::from(vec![
                self.span(Role::Heading, format!("/{filter}")),
                Span::raw("   "),
                self.span(
                    Role::Faint,
                    format!("{found}   Enter keeps it, Esc clears it"),
                ),
            ]);
            return line.render(area, buffer);
        }
        if let Some(note) = screen.noted() {
            let note = self.span(Role::Heading, format!(" {}", steady(note)));
            return Line::from(note).render(area, buffer);
        }
        let is_help = screen.mode() == Mode::Help;
        let changes: &[(&str, &str)] = if is_help { &HELP_HINTS } else { &HINTS };
        let mut spans = vec![Span::raw(" ")];
        let mut used = 1;
        let mut restrictions = Vec::new();
        if !is_help && !screen.filter().is_empty() {
            restrictions.push(format!("/{}", self.style.fit(&filter, room / 3)));
        }
        if !is_help && screen.only_attention() {
            restrictions.push("attention".to_owned());
        }
        if !restrictions.is_empty() {
            let text = format!("{} {found}", restrictions.join(" "));
            used += text.width() + 3;
            spans.push(self.span(Role::Heading, text));
            spans.push(Span::raw("   "));
        }
        for &(key, meaning) in changes {
            let width = key.len() + 1 + meaning.len() + 2;
            if used + width > room + 2 {
                break;
            }
            used += width;
            spans.push(self.span(Role::Heading, key));
            spans.push(self.span(Role::Faint, format!(" {meaning}  ")));
        }
        Line::from(spans).render(area, buffer);
    }

    /// The keys, over the table.
    fn help(&self, buffer: &mut Buffer, area: Rect, screen: &mut Screen) {
        Clear.render(area, buffer);
        let keys = HELP.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        let room = usize::from(area.width).saturating_sub(GUTTER);
        let mut lines = vec![
            Line::from(self.span(Role::Heading, "  Keys")),
            Line::default(),
        ];
        for (key, meaning) in HELP {
            let indent = keys + 2;
            // Side by side, or the meaning below the key.
            if room > indent + 20 {
                let mut label = format!("  {key:keys$}  ");
                for text in wrap(meaning, room - indent) {
                    lines.push(Line::from(vec![
                        self.span(Role::Heading, std::mem::take(&mut label)),
                        Span::raw(text),
                    ]));
                    label = " ".repeat(GUTTER + indent);
                }
            } else {
                lines.push(Line::from(self.span(Role::Heading, format!("  {key}"))));
                let texts = wrap(meaning, room.saturating_sub(2));
                lines.extend(
                    texts
                        .into_iter()
                        .map(|text| Line::from(format!("    {text}"))),
                );
            }
        }
        let page = usize::from(area.height);
        screen.help_top = screen.help_top.min(lines.len().saturating_sub(page));
        let visible = lines.into_iter().skip(screen.help_top);
        for (y, line) in (area.y..area.bottom()).zip(visible) {
            line.render(
                Rect {
                    y,
                    height: 1,
                    ..area
                },
                buffer,
            );
        }
    }
}

impl Row {
    fn new(width: usize) -> Self {
        Self {
            spans: vec![Span::raw(" ".repeat(GUTTER))],
            gap: Columns::gap(width),
        }
    }

    /// Adds a column, if it has any room, and the gap behind it.
    fn add(&mut self, columns: usize, spans: impl FnOnce(usize) -> Vec<Span<'static>>) {
        if columns > 0 {
            self.spans.extend(spans(columns));
            self.spans.push(Span::raw(" ".repeat(self.gap)));
        }
    }
}

/// Text in lines of so many columns, broken between words where that is
/// possible.
fn wrap(text: &str, columns: usize) -> Vec<String> {
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
            let mut bytes = [0; 4];
            let width = c.encode_utf8(&mut bytes).width();
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

/// A duration in so many columns, without its smaller unit where that does not
/// fit.
fn short(duration: Duration, columns: usize) -> String {
    let text = format_duration(duration);
    if text.len() <= columns {
        return text;
    }
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(unit) => text[..=unit].to_owned(),
        None => text,
    }
}

fn local(time: DateTime<Utc>, form: &str) -> String {
    time.with_timezone(&Local).format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;
    use sstat::{HealthRules, Session, Thresholds, Update};

    use crate::tui::keys::Action;

    const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (300, 80)];

    fn now() -> DateTime<Utc> {
        sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap()
    }

    fn session(name: &str, status: &str, age: i64, keys: &str) -> Session {
        let then = (now() - TimeDelta::seconds(age)).to_rfc3339();
        let line = format!(r#"{{"timestamp":"{then}","status":"{status}"{keys}}}"#);
        let mut update = Update::decode(line.as_bytes()).unwrap();
        update.session = name.to_owned();
        HealthRules::new(now(), Thresholds::default()).evaluate(update)
    }

    fn sessions() -> Vec<Session> {
        vec![
            session(
                "manager1",
                "working",
                12,
                r#","progress":0.45,"task_id":"160","message":"Querying the database""#,
            ),
            session(
                "worker2",
                "blocked",
                3700,
                r#","task_id":"161","message":"Needs a review""#,
            ),
            session(
                "worker10",
                "error",
                70,
                r#","progress":0.6,"message":"cargo test: 3 failed""#,
            ),
            session(
                "研究者一号",
                "working",
                372,
                r#","progress":0.5,"message":"日本語 👩‍💻⚠️ wide""#,
            ),
            session("idler", "idle", 200, r#","message":"Waiting for tasks""#),
        ]
    }

    fn screen(sessions: Vec<Session>) -> Screen {
        let mut screen = Screen::new(sessions, now(), Thresholds::default());
        screen.refresh();
        screen
    }

    const STYLE: Style = Style {
        color: true,
        width: None,
        unicode: true,
    };

    fn drawn(screen: &mut Screen, (width, height): (u16, u16), style: &Style) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame, screen, style, "no sessions in here"))
            .unwrap();
        terminal.backend().buffer().clone()
    }

    fn lines(buffer: &Buffer) -> Vec<String> {
        let width = usize::from(buffer.area.width);
        let mut skip = 0;
        let rows = buffer.content.chunks(width).map(|row| {
            let mut line = String::new();
            for cell in row {
                // A wide character covers the cell behind it.
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                line += cell.symbol();
                skip = cell.symbol().width().saturating_sub(1);
            }
            line.trim_end().to_owned()
        });
        rows.collect()
    }

    #[test]
    fn every_size_shows_what_matters_most() {
        for size in SIZES {
            let buffer = drawn(&mut screen(sessions()), size, &STYLE);
            let lines = lines(&buffer);
            assert_eq!(lines.len(), usize::from(size.1));
            assert!(lines[0].starts_with(" 5"), "{size:?}: {}", lines[0]);
            assert!(lines[0].contains("1 error"), "{size:?}: {}", lines[0]);
            assert!(lines[1].starts_with("  SESSION"), "{size:?}: {}", lines[1]);
            assert!(lines[2].starts_with("› worker10"), "{size:?}: {}", lines[2]);
            assert!(lines[2].contains("error"), "{size:?}: {}", lines[2]);
            let last = lines.last().unwrap();
            assert!(last.starts_with(" q quit"), "{size:?}: {last}");
        }
    }

    fn assert_drawn(buffer: &Buffer, expected: &[&str]) {
        let lines = lines(buffer);
        let end = lines.iter().rposition(|line| !line.is_empty());
        // The last line has been looked at elsewhere, the clock is local.
        let table = &lines[1..end.unwrap_or(1)];
        let table: Vec<&str> = table.iter().map(String::as_str).collect();
        let table = table.split(|line| line.is_empty()).next().unwrap();
        assert_eq!(table, expected, "{}", lines.join("\n"));
    }

    #[test]
    fn columns_come_and_go_with_the_width() {
        let mut screen = screen(sessions());
        let begun = Since {
            at: now() - TimeDelta::hours(26),
            at_least: true,
        };
        screen.set_since("worker10", begun);
        assert_drawn(
            &drawn(&mut screen, (40, 10), &STYLE),
            &[
                "  SESSION    STATUS     AGE PROG",
                "› worker10   error    1m10s  60%",
                "  worker2    blocked   1h1m",
                "  研究者一号 stale    6m12s  50%",
                "  idler      idle     3m20s",
                "  manager1   working    12s  45%",
            ],
        );
        assert_drawn(
            &drawn(&mut screen, (80, 24), &STYLE),
            &[
                "  SESSION     STATUS      FOR     AGE  PROGRESS     TASK  MESSAGE",
                "› worker10    error     >1d2h   1m10s  ███░░░  60%        cargo test: 3 failed",
                "  worker2     blocked            1h1m               161   Needs a review",
                "  研究者一号  stale             6m12s  ███░░░  50%        日本語 👩💻⚠ wide",
                "  idler       idle              3m20s                     Waiting for tasks",
                "  manager1    working             12s  ██░░░░  45%  160   Querying the database",
            ],
        );
        assert_drawn(
            &drawn(&mut screen, (120, 40), &STYLE),
            &[
                "  SESSION     STATUS                 FOR     AGE  PROGRESS         TASK  MESSAGE",
                "› worker10    error                >1d2h   1m10s  ██████░░░░  60%        cargo test: 3 failed",
                "  worker2     blocked very stale            1h1m                   161   Needs a review",
                "  研究者一号  working stale                6m12s  █████░░░░░  50%        日本語 👩💻⚠ wide",
                "  idler       idle                         3m20s                         Waiting for tasks",
                "  manager1    working                        12s  ████░░░░░░  45%  160   Querying the database",
            ],
        );
    }

    #[test]
    fn without_colour_and_beyond_ascii() {
        let style = Style {
            color: false,
            unicode: false,
            ..STYLE
        };
        let plain = || {
            sessions()
                .into_iter()
                .filter(|session| session.name().is_ascii())
        };
        let mut screen = screen(plain().collect());
        for mode in [None, Some(Action::Open), Some(Action::Help)] {
            mode.map(|action| screen.act(action));
            for size in SIZES {
                let buffer = drawn(&mut screen, size, &style);
                let cells = &buffer.content;
                assert!(
                    cells.iter().all(|cell| cell.symbol().is_ascii()),
                    "{size:?}"
                );
                assert!(cells.iter().all(|cell| cell.fg == Color::Reset), "{size:?}");
                // The cursor's row is known without them.
                let reversed =
                    |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
                let table = mode.is_none();
                assert!(!table || cells.iter().any(reversed), "{size:?}");
            }
        }
        let buffer = drawn(&mut self::screen(sessions()), (80, 24), &STYLE);
        let red = |cell: &&ratatui::buffer::Cell| cell.fg == Color::Red;
        let error: String = buffer.content[160..240]
            .iter()
            .filter(red)
            .map(|cell| cell.symbol())
            .collect();
        assert!(error.starts_with("error"), "{error}");
    }

    #[test]
    fn the_detail_is_beside_below_or_instead() {
        let mut screen = screen(sessions());
        screen.act(Action::Open);
        screen.set_detail(Some(Box::new(detail())));
        let text = |screen: &mut Screen, size| lines(&drawn(screen, size, &STYLE));
        let wide = text(&mut screen, (120, 40));
        assert!(wide[1].contains("SESSION") && wide[1].contains("│ worker10"));
        let tall = text(&mut screen, (80, 24));
        assert!(tall[1].contains("SESSION"));
        assert!(tall.iter().any(|line| line.starts_with("─────")));
        let place = |text: &[String], label: &str| {
            text.iter()
                .position(|line| line.contains(label))
                .unwrap_or(usize::MAX)
        };
        for shown in [&wide, &tall] {
            let labels = ["Status ", "Progress ", "ETA ", "Metadata ", "Last updates"];
            let places = labels.map(|label| place(shown, label));
            assert!(places.is_sorted() && places[4] < 40, "{places:?}");
            assert!(shown[place(shown, "ETA ")].contains("in 25m to 40m"));
            assert!(shown[place(shown, "Progress ")].contains("▃▅"));
            assert!(shown[place(shown, "Metadata ")].contains("phase = one"));
        }
        let low = text(&mut screen, (40, 10));
        assert_eq!(place(&low, "SESSION"), usize::MAX);
        assert_eq!(low[2], " worker10");
        assert_eq!(place(&low, "Last updates"), usize::MAX);
        // The rest of it is a few keys away.
        for _ in 0..30 {
            screen.act(Action::PaneDown);
        }
        let low = text(&mut screen, (40, 10));
        assert_ne!(place(&low, "Last updates"), usize::MAX);
        assert_ne!(place(&low, "cargo test:"), usize::MAX);
    }

    #[test]
    fn updates_in_the_detail_are_cut_where_it_ends() {
        let mut screen = screen(sessions());
        screen.act(Action::Open);
        screen.set_detail(Some(Box::new(detail())));
        let mut update = |width: u16| {
            let text = lines(&drawn(&mut screen, (width, 60), &STYLE));
            let title = text.iter().position(|line| line.contains("Last updates"));
            text[title.unwrap() + 1].clone()
        };
        let whole = update(80);
        assert!(whole.ends_with("error      60%  cargo test: 3 failed"));
        // A blank column on both sides.
        let least = u16::try_from(whole.width()).unwrap() + 1;
        assert_eq!(update(least), whole);
        for width in 20..least {
            let cut = update(width);
            let kept = cut.strip_suffix('…').unwrap();
            assert!(whole.starts_with(kept), "{width}: {cut}");
            assert_eq!(cut.width(), usize::from(width) - 1);
        }
        let style = Style {
            unicode: false,
            ..STYLE
        };
        let ascii = lines(&drawn(&mut screen, (least - 1, 60), &style));
        assert!(ascii.iter().any(|line| line.ends_with("3 fail~")));
    }

    fn detail() -> crate::view::Detail {
        let updates = [
            session(
                "worker10",
                "working",
                1000,
                r#","progress":0.3,"message":"begun""#,
            ),
            session(
                "worker10",
                "error",
                70,
                r#","progress":0.6,"message":"cargo test: 3 failed","metadata":{"phase":"one"}"#,
            ),
        ];
        let [first, last] = updates;
        crate::view::Detail {
            now: now(),
            status_since: last.update.timestamp,
            status_since_is_exact: true,
            progress: vec![(first.update.timestamp, 0.3), (last.update.timestamp, 0.6)],
            remaining: Some(crate::view::Remaining {
                soonest: Duration::from_secs(1500),
                latest: Duration::from_secs(2400),
            }),
            recent: vec![first.update, last.update.clone()],
            pane: None,
            path: "/status/worker10_status.json".into(),
            session: last,
        }
    }

    #[test]
    fn no_size_and_no_text_is_too_much() {
        let hostile = "\u{1b}[2J\u{202e}\u{9b}31m\u{200b}\n\r\t\u{7f}日👩‍💻e\u{301}";
        let mut all = sessions();
        let json = serde_json::to_string(hostile).unwrap();
        let mut nasty = session(
            "x",
            "error",
            -999,
            &format!(r#","message":{json},"task_id":{json}"#),
        );
        nasty.update.session = hostile.repeat(5);
        all.push(nasty);
        let mut screen = screen(all);
        let modes = [
            Action::Open,
            Action::StartFilter,
            Action::Type('x'),
            Action::Accept,
            Action::Help,
        ];
        for mode in modes {
            screen.act(mode);
            for width in (0..30).chain([79, 119, 120, 301]) {
                for height in (0..12).chain([16, 17, 50]) {
                    let buffer = drawn(&mut screen, (width, height), &STYLE);
                    let control = |cell: &ratatui::buffer::Cell| {
                        cell.symbol().contains(sstat::is_unprintable)
                    };
                    assert!(!buffer.content.iter().any(control), "{width}x{height}");
                }
            }
        }
    }

    #[test]
    fn help_names_every_key_and_can_be_moved() {
        let mut screen = screen(sessions());
        screen.act(Action::Help);
        let wide = lines(&drawn(&mut screen, (80, 24), &STYLE)).join("\n");
        for (keys, _) in HELP {
            assert!(wide.contains(keys), "{keys}\n{wide}");
        }
        for action in [Action::Back, Action::OnlyAttention, Action::Help] {
            screen.act(action);
        }
        let top = lines(&drawn(&mut screen, (40, 10), &STYLE));
        assert_eq!(top[9], " j k scroll  Esc back  q quit");
        screen.act(Action::Down(100));
        let end = lines(&drawn(&mut screen, (40, 10), &STYLE)).join("\n");
        assert!(
            top[1].contains("Keys") && end.contains("q, Ctrl-c"),
            "{end}"
        );
    }

    #[test]
    fn of_ten_thousand_sessions_a_page_is_shown() {
        let many = (0..10_000).map(|number| {
            session(
                &format!("w{number}"),
                "working",
                number % 250,
                r#","progress":0.5,"message":"m""#,
            )
        });
        let mut screen = screen(many.collect());
        screen.act(Action::Last);
        let text = lines(&drawn(&mut screen, (80, 24), &STYLE));
        assert!(text[0].starts_with(" 10000 sessions  10000 working"));
        assert!(text[22].starts_with("› w9999"), "{}", text[22]);
        assert!(text[1].ends_with("9980-10000 of 10000"), "{}", text[1]);
        screen.act(Action::PageUp);
        let text = lines(&drawn(&mut screen, (80, 24), &STYLE));
        assert!(text[2].starts_with("› w9978"), "{}", text[2]);
    }

    /// Says how long a frame takes:
    /// `cargo test --release --bin sstat frame_time -- --ignored --nocapture`.
    #[test]
    #[ignore = "measures, and proves nothing"]
    fn frame_time() {
        for count in [39, 10_000, 100_000] {
            let statuses = ["working", "idle", "blocked", "error", "completed"];
            let many = (0..count).map(|number: i64| {
                let keys = format!(r#","progress":0.5,"task_id":"{}","message":"step {number} of many more to come""#, number % 50);
                session(&format!("worker{number}"), statuses[number as usize % 5], number % 1000, &keys)
            });
            let mut screen = screen(many.collect());
            let mut terminal = Terminal::new(TestBackend::new(300, 80)).unwrap();
            let mut time = |what: &str, change: &dyn Fn(&mut Screen, i64)| {
                let mut times: Vec<Duration> = (0..41)
                    .map(|round| {
                        change(&mut screen, round);
                        let begun = std::time::Instant::now();
                        terminal
                            .draw(|frame| draw(frame, &mut screen, &STYLE, ""))
                            .unwrap();
                        begun.elapsed()
                    })
                    .collect();
                times.sort();
                println!(
                    "{count:6} sessions, 300x80, {what}: median {:?}, worst {:?}",
                    times[20], times[40]
                );
            };
            time("a key", &|screen, _| {
                screen.act(Action::Down(1));
            });
            time("an update", &|screen, round| {
                screen.put(session("worker7", "working", 100 - round, ""), true);
            });
            time("a second later", &|screen, round| {
                screen.tick(now() + TimeDelta::seconds(round))
            });
            time("a letter of the filter", &|screen, round| {
                screen.act(if round % 2 == 0 {
                    Action::Type('s')
                } else {
                    Action::Erase
                });
            });
        }
    }
}
