//! A plot of the histories of sessions: one lane each on a common time axis,
//! with the statuses and, below them, the progress.

use std::io::{self, Write};
use std::iter;

use chrono::{DateTime, Offset, TimeDelta, Utc};
use sstat::{
    Health, HealthRules, Liveness, ProcessState, Query, Status, Update, escape, format_duration,
};
use unicode_width::UnicodeWidthStr;

use crate::render::style::{Role, Style};
use crate::render::{local, local_time};

/// The width when piped.
const PIPE_WIDTH: usize = 80;

/// The minimum columns of a lane, however narrow the terminal is.
const MIN_COLUMNS: usize = 16;

/// Rows of the progress if the plot has one session; with several each has one
/// row.
const ROWS_OF_SINGLE: usize = 4;

/// The time that a plot shows, at least one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl TimeRange {
    /// Returns the range of a query's plot, given the times of its first and
    /// last update. Without an end in the query the range extends to now, but
    /// beyond the last update by at most half of its length until then, or by the
    /// staleness threshold, so that a long silence leaves room for the updates.
    pub fn new(
        query: &Query,
        first: DateTime<Utc>,
        last: DateTime<Utc>,
        rules: &HealthRules,
    ) -> Self {
        let from = query.since.unwrap_or(first);
        let stale = TimeDelta::from_std(rules.thresholds.stale).unwrap_or_default();
        let rest = ((last - from) / 2).max(stale);
        let to = match (query.until, query.since) {
            (Some(until), _) => until,
            (None, Some(_)) => rules.now,
            (None, None) => rules.now.min(last.checked_add_signed(rest).unwrap_or(last)),
        };
        Self {
            from,
            to: to.max(from + TimeDelta::seconds(1)),
        }
    }

    fn seconds(self) -> f64 {
        (self.to - self.from).as_seconds_f64()
    }
}

/// The layout of a plot.
pub struct Plot<'a> {
    range: TimeRange,
    rules: &'a HealthRules,
    style: &'a Style,
    /// Columns of the names.
    label: usize,
    /// Columns of the lanes, after the names and a space.
    columns: usize,
    /// Rows of the progress.
    rows: usize,
    /// The marks drawn so far, for the legend.
    used: Vec<Mark>,
}

/// The state that one column of a lane shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    In(Status),
    /// The session was stale.
    Silent,
    /// The state is unknown, completed since an earlier column, or excluded by
    /// the query.
    Blank,
}

impl Mark {
    fn symbol(&self, style: &Style) -> char {
        let (unicode, ascii) = match self {
            Self::Blank => (' ', ' '),
            Self::Silent => ('·', '.'),
            Self::In(Status::Working) => ('█', '#'),
            Self::In(Status::Blocked) => ('▒', '%'),
            Self::In(Status::Error) => ('×', 'x'),
            Self::In(Status::Idle) => ('─', '-'),
            Self::In(Status::Completed) => ('✓', '+'),
            Self::In(_) => ('◇', '?'),
        };
        if style.unicode { unicode } else { ascii }
    }

    fn role(&self) -> Role {
        match self {
            Self::Blank | Self::Silent => Role::Faint,
            Self::In(status) => Role::of_status(status),
        }
    }

    fn word(&self) -> &str {
        match self {
            Self::Blank => "",
            Self::Silent => "silent",
            Self::In(Status::Other(_)) => "other",
            Self::In(status) => status.as_str(),
        }
    }

    /// The weight of a state. A column with several states shows that of the highest
    /// weight, so that a short error is visible among hours of work.
    fn weight(&self) -> u8 {
        match self {
            Self::In(Status::Error) => 4,
            Self::In(Status::Blocked) => 3,
            Self::In(Status::Completed) => 2,
            Self::In(_) => 1,
            Self::Blank | Self::Silent => 0,
        }
    }
}

impl<'a> Plot<'a> {
    pub fn new(
        range: TimeRange,
        rules: &'a HealthRules,
        names: impl ExactSizeIterator<Item: AsRef<str>>,
        style: &'a Style,
    ) -> Self {
        let width = style.width.unwrap_or(PIPE_WIDTH);
        let rows = if names.len() == 1 { ROWS_OF_SINGLE } else { 1 };
        let longest = names
            .map(|name| escape(name.as_ref()).width())
            .max()
            .unwrap_or(0);
        let label = longest.min(width / 3).max("100%".len());
        Self {
            range,
            rules,
            style,
            label,
            columns: width.saturating_sub(label + 1).max(MIN_COLUMNS),
            rows,
            used: Vec::new(),
        }
    }

    /// Writes the start and the end of the range and the duration of one column.
    pub fn write_title(&self, out: &mut dyn Write) -> io::Result<()> {
        let (from, to) = (local_time(self.range.from), local_time(self.range.to));
        let column = (self.time(1) - self.time(0)).to_std().unwrap_or_default();
        let mut title = format!("{from} to {to}");
        if column.as_secs() > 0 {
            title += &format!(", {} a column", format_duration(column));
        }
        writeln!(out, "{}", self.style.paint(Role::Faint, title))
    }

    /// Returns an empty lane. It stays blank before `from` and where the
    /// session's last update does not match `wanted`.
    pub fn lane(&self, wanted: &Query, from: DateTime<Utc>) -> Lane {
        let mut wanted = wanted.clone();
        // The range of the axis decides which times are shown.
        (wanted.since, wanted.until) = (None, None);
        Lane {
            wanted,
            from: from.max(self.range.from),
            marks: vec![(Mark::Blank, 0.0); self.columns],
            progress: vec![None; self.columns],
            last: None,
        }
    }

    /// Adds the session's next update, in the order of the file.
    pub fn add(&self, lane: &mut Lane, update: Update) {
        let end = update.timestamp;
        if let Some(last) = lane.last.replace(update) {
            // Another update followed, so the process was running until then.
            self.draw(lane, &last, end, ProcessState::Running);
        }
    }

    /// Writes the statuses and, if there is any, the progress.
    pub fn write_lane(
        &mut self,
        out: &mut dyn Write,
        name: &str,
        mut lane: Lane,
    ) -> io::Result<()> {
        if let Some(last) = lane.last.take() {
            let process = match self.rules.health(&last).liveness {
                Liveness::Alive => ProcessState::Running,
                _ => ProcessState::Unknown,
            };
            self.draw(&mut lane, &last, self.range.to, process);
        }
        let style = self.style;
        let name = escape(name);
        let name = style.fit(&name, self.label);
        let gap = " ".repeat((self.label + 1).saturating_sub(name.width()));
        write!(out, "{}", style.paint(Role::Heading, name))?;
        let mut cells = Vec::with_capacity(self.columns);
        for (mark, _) in &lane.marks {
            cells.push((mark.symbol(style), mark.role()));
            // All unknown statuses have the same word.
            if *mark != Mark::Blank && !self.used.iter().any(|used| used.word() == mark.word()) {
                self.used.push(mark.clone());
            }
        }
        write_cells(out, &gap, &cells, style)?;
        if lane.progress.iter().all(Option::is_none) {
            return Ok(());
        }
        for row in (0..self.rows).rev() {
            let label = match row {
                0 if self.rows > 1 => "0%",
                1.. if row + 1 == self.rows => "100%",
                _ => "",
            };
            let mut gap = " ".repeat(self.label - label.len());
            if !label.is_empty() {
                write!(out, "{gap}{}", style.paint(Role::Faint, label))?;
                gap.clear();
            }
            gap.push(' ');
            let columns = lane.progress.iter().zip(&lane.marks);
            let levels = columns.map(|(progress, (mark, _))| {
                let symbol = progress.map_or(' ', |progress| self.level(progress, row));
                (symbol, mark.role())
            });
            write_cells(out, &gap, &levels.collect::<Vec<_>>(), style)?;
        }
        Ok(())
    }

    /// Writes the time axis and the legend.
    pub fn write_axis(&self, out: &mut dyn Write) -> io::Result<()> {
        let style = self.style;
        let (line, tick) = if style.unicode {
            ('─', '┴')
        } else {
            ('-', '+')
        };
        let mut rule = vec![(line, Role::Faint); self.columns];
        let mut labels = String::new();
        for (column, label) in axis_labels(self.range, self.columns) {
            rule[column].0 = tick;
            labels.push_str(&" ".repeat(column - labels.len()));
            labels.push_str(&label);
        }
        let indent = " ".repeat(self.label + 1);
        write_cells(out, &indent, &rule, style)?;
        let labels = format!("{indent}{labels}");
        writeln!(out, "{}", style.paint(Role::Faint, labels.trim_end()))?;

        let mut used: Vec<&Mark> = self.used.iter().collect();
        used.sort();
        let mut room = self.columns;
        write!(out, "{indent}")?;
        for (index, mark) in used.into_iter().enumerate() {
            let symbol = mark.symbol(style).to_string();
            let width = 1 + 1 + mark.word().len();
            let gap = if index == 0 { "" } else { "  " };
            if gap.len() + width <= room {
                write!(out, "{gap}")?;
                room -= gap.len() + width;
            } else {
                write!(out, "\n{indent}")?;
                room = self.columns.saturating_sub(width);
            }
            let symbol = style.paint(mark.role(), symbol);
            write!(out, "{symbol} {}", mark.word())?;
        }
        writeln!(out)
    }

    /// Draws the state that an update set and that lasted until `end`.
    fn draw(&self, lane: &mut Lane, update: &Update, end: DateTime<Utc>, process: ProcessState) {
        let (begin, end) = (update.timestamp, end.min(self.range.to));
        if end < lane.from || begin > self.range.to || !lane.wanted.matches(update) {
            return;
        }
        let begin = begin.max(lane.from);
        let first = self.column(begin);
        // A state is visible however short it was.
        let last = self.column(end).max(first);
        for column in first..=last {
            let (from, to) = (self.time(column), self.time(column + 1));
            let covered = (end.min(to) - begin.max(from)).as_seconds_f64().max(0.0);
            let here = begin >= from && begin < to;
            if covered == 0.0 && !here && first != last {
                continue;
            }
            // The state at the beginning of the column, or when it was set.
            let at = from.max(begin);
            let health = Health::of(update, process, at, &self.rules.thresholds);
            let mark = match &update.status {
                _ if health.is_stale() => Mark::Silent,
                // The end of the work is one column wide.
                Status::Completed if column != first || begin > update.timestamp => Mark::Blank,
                status => Mark::In(status.clone()),
            };
            let old = &mut lane.marks[column];
            if (mark.weight(), covered) >= (old.0.weight(), old.1) {
                *old = (mark, covered);
            }
            if let Some(progress) = update.progress
                && (here || update.status != Status::Completed)
                && !health.is_stale()
            {
                lane.progress[column] = Some(progress);
            }
        }
    }

    /// Returns the column of a time, the nearest one if it is out of range.
    fn column(&self, at: DateTime<Utc>) -> usize {
        let part = (at - self.range.from).as_seconds_f64() / self.range.seconds();
        let column = (part * self.columns as f64).max(0.0) as usize;
        column.min(self.columns - 1)
    }

    /// Returns the time at which a column begins.
    fn time(&self, column: usize) -> DateTime<Utc> {
        let millis = self.range.seconds() * 1000.0 * column as f64 / self.columns as f64;
        self.range.from + TimeDelta::milliseconds(millis.ceil() as i64)
    }

    /// Returns the part of a progress that a row shows, row 0 at the bottom.
    fn level(&self, progress: f64, row: usize) -> char {
        let all = (progress * (self.rows * LEVELS) as f64) as usize;
        // A progress of 0 looks different from no progress.
        match all.max(1).saturating_sub(row * LEVELS).min(LEVELS) {
            0 => ' ',
            level => self.style.level(level),
        }
    }
}

/// The number of levels that one character can show.
const LEVELS: usize = 8;

/// The columns of one session.
pub struct Lane {
    wanted: Query,
    from: DateTime<Utc>,
    /// Each with the seconds of the column that it covers.
    marks: Vec<(Mark, f64)>,
    progress: Vec<Option<f64>>,
    last: Option<Update>,
}

/// Writes a line of cells without trailing blanks, with one escape sequence for
/// each run of a role.
fn write_cells(
    out: &mut dyn Write,
    before: &str,
    cells: &[(char, Role)],
    style: &Style,
) -> io::Result<()> {
    let last = cells.iter().rposition(|(symbol, _)| *symbol != ' ');
    let end = last.map_or(0, |last| last + 1);
    if end > 0 {
        write!(out, "{before}")?;
    }
    for run in cells[..end].chunk_by(|a, b| a.1 == b.1) {
        let text: String = run.iter().map(|(symbol, _)| symbol).collect();
        write!(out, "{}", style.paint(run[0].1, text))?;
    }
    writeln!(out)
}

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// The possible distances of two labels: units in seconds, and their multiples.
const STEPS: [(i64, &[i64]); 4] = [
    (1, &[1, 2, 5, 10, 15, 30]),
    (60, &[1, 2, 5, 10, 15, 30]),
    (HOUR, &[1, 2, 3, 6, 12]),
    (DAY, &[1, 2, 7, 14, 28, 91, 365]),
];

/// Returns the columns of an axis that have a label, and their labels, from left
/// to right. No labels overlap.
fn axis_labels(range: TimeRange, columns: usize) -> Vec<(usize, String)> {
    let column = range.seconds() / columns as f64;
    let width = |step| match step {
        ..60 => "20:35:00".len(),
        60..DAY => "20:35".len().max("02-14".len()),
        _ => "2026-02-14".len(),
    };
    let steps = STEPS.iter();
    let steps = steps.flat_map(|(unit, counts)| counts.iter().map(move |count| unit * count));
    let ages = iter::successors(Some(3650 * DAY), |years| years.checked_mul(10));
    let mut steps = steps.chain(ages);
    let has_room = |step: &i64| *step as f64 / column >= (width(*step) + 2) as f64;
    let step = steps.find(has_room).unwrap_or(i64::MAX);

    // The labels are round in the user's time zone.
    let shift = i64::from(local(range.from).offset().fix().local_minus_utc());
    let first = (range.from.timestamp() + shift).div_euclid(step) * step - shift;
    let mut labels = Vec::new();
    let mut free = 0;
    let mut day = None;
    let times = iter::successors(Some(first), |time| time.checked_add(step));
    for time in times.take_while(|&time| time <= range.to.timestamp()) {
        let Some(at) = DateTime::from_timestamp(time, 0).filter(|at| *at >= range.from) else {
            continue;
        };
        // The first label of a day is its date.
        let date = local(at).date_naive();
        let is_new_day = day.replace(date) != Some(date);
        let form = match step {
            DAY.. => "%Y-%m-%d",
            60.. if is_new_day && !labels.is_empty() => "%m-%d",
            60.. => "%H:%M",
            _ => "%H:%M:%S",
        };
        let label = local(at).format(form).to_string();
        let at_column = ((at - range.from).as_seconds_f64() / column) as usize;
        if at_column < free || at_column + label.len() > columns {
            continue;
        }
        free = at_column + label.len() + 2;
        labels.push((at_column, label));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::Thresholds;

    fn at(text: &str) -> DateTime<Utc> {
        sstat::parse_timestamp(&format!("2026-02-14T{text}Z")).unwrap()
    }

    fn update(time: &str, status: &str, progress: Option<f64>) -> Update {
        let progress = progress.map_or("null".to_owned(), |far| far.to_string());
        let line = format!(
            r#"{{"timestamp":"2026-02-14T{time}Z","status":"{status}","progress":{progress},"task_id":"{status}"}}"#
        );
        Update::decode(line.as_bytes()).unwrap()
    }

    /// Draws a plot from 20:00 to 20:20 with one minute in each column.
    fn drawn(unicode: bool, wanted: &Query, updates: Vec<Update>) -> Vec<String> {
        let style = Style {
            color: None,
            width: Some(25),
            unicode,
        };
        let rules = HealthRules::new(at("20:20:00"), Thresholds::default());
        let range = TimeRange {
            from: at("20:00:00"),
            to: at("20:20:00"),
        };
        let mut plot = Plot::new(range, &rules, ["w1", "w2"].into_iter(), &style);
        let mut lane = plot.lane(wanted, DateTime::<Utc>::MIN_UTC);
        for update in updates {
            plot.add(&mut lane, update);
        }
        let mut out = Vec::new();
        plot.write_lane(&mut out, "w1", lane).unwrap();
        plot.write_axis(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lane_shows_the_status_of_each_time() {
        let lines = drawn(
            true,
            &Query::default(),
            vec![
                update("19:58:00", "idle", None),
                update("20:02:00", "working", Some(0.0)),
                update("20:04:00", "working", Some(0.5)),
                update("20:06:10", "error", Some(0.5)),
                update("20:06:20", "working", Some(0.5)),
                update("20:07:00", "completed", Some(1.0)),
                update("20:10:00", "working", Some(0.2)),
            ],
        );
        assert_eq!(lines[0], "w1   ──████×✓  ██████····");
        assert_eq!(lines[1], "       ▁▁▄▄▄█  ▁▁▁▁▁▁");
        assert_eq!(
            &lines[4..],
            [
                "     █ working  × error",
                "     ─ idle  ✓ completed",
                "     · silent"
            ]
        );
    }

    #[test]
    fn ascii_locale_gets_ascii() {
        let updates = vec![
            update("20:02:00", "working", Some(0.5)),
            update("20:04:00", "blocked", Some(1.0)),
            update("20:06:00", "mine", None),
        ];
        let lines = drawn(false, &Query::default(), updates);
        assert!(lines.iter().all(|line| line.is_ascii()));
        assert_eq!(lines[0], "w1     ##%%??????........");
        assert_eq!(lines[1], "       ==##");
    }

    #[test]
    fn updates_that_do_not_match_are_blank() {
        let mut wanted = Query::default();
        wanted.task = Some("working".to_owned());
        let updates = vec![
            update("20:00:00", "working", None),
            update("20:03:00", "idle", None),
            update("20:05:00", "working", None),
        ];
        let lines = drawn(true, &wanted, updates);
        assert_eq!(lines[0], "w1   ███  ██████·········");
    }

    #[test]
    fn labels_do_not_overlap() {
        for seconds in [1, 7, 59, 600, 3601, 86_400, 40 * 86_400, 4000 * 86_400_i64] {
            for columns in [16, 60, 280] {
                let range = TimeRange {
                    from: at("20:07:13"),
                    to: at("20:07:13") + TimeDelta::seconds(seconds),
                };
                let labels = axis_labels(range, columns);
                assert!(
                    labels.is_sorted_by(|a, b| a.0 + a.1.len() + 2 <= b.0),
                    "{seconds}s in {columns}: {labels:?}"
                );
                assert!(
                    labels
                        .iter()
                        .all(|(column, label)| column + label.len() <= columns)
                );
            }
        }
    }

    #[test]
    fn silence_before_now_is_limited() {
        let rules = |now| HealthRules::new(now, Thresholds::default());
        let query = Query::default();
        let (first, last) = (at("20:00:00"), at("20:20:00"));
        let to = |now, query| TimeRange::new(query, first, last, &rules(now)).to;
        assert_eq!(to(at("20:25:00"), &query), at("20:25:00"));
        assert_eq!(to(at("23:00:00"), &query), at("20:30:00"));
        let mut since = Query::default();
        since.since = Some(at("19:00:00"));
        assert_eq!(to(at("23:00:00"), &since), at("23:00:00"));
        assert_eq!(to(at("10:00:00"), &query), at("20:00:01"));
    }
}
