//! The pictures in docs/images/ show what the binary prints on a terminal.

use chrono::{SecondsFormat, TimeDelta};
use serde_json::json;
use std::fmt::Write as _;

use crate::check;
use crate::support::tmux::Tmux;
use crate::support::{NOW, Sandbox, have};

/// A session: name, status, seconds since its status began and since its last update,
/// progress, task and message.
type Session = (
    &'static str,
    &'static str,
    i64,
    i64,
    f64,
    &'static str,
    &'static str,
);

const SESSIONS: [Session; 22] = [
    (
        "api-1",
        "working",
        1104,
        25,
        0.82,
        "160",
        "Compiling status report",
    ),
    (
        "api-2",
        "blocked",
        2380,
        68,
        0.3,
        "164",
        "Needs a decision on the API",
    ),
    (
        "api-3",
        "working",
        640,
        12,
        0.63,
        "162",
        "Running integration tests",
    ),
    ("api-4", "completed", 9000, 8407, 1.0, "158", "Merged"),
    (
        "billing-1",
        "working",
        300,
        40,
        0.4,
        "170",
        "Indexing the invoices",
    ),
    (
        "billing-2",
        "working",
        2000,
        4,
        0.95,
        "171",
        "Writing the migration",
    ),
    ("billing-3", "idle", 700, 131, -1.0, "", "Waiting for tasks"),
    (
        "billing-4",
        "completed",
        88_000,
        86_000,
        1.0,
        "169",
        "All 214 tests pass",
    ),
    (
        "docs-1",
        "working",
        500,
        30,
        0.55,
        "175",
        "README and man pages",
    ),
    (
        "docs-2",
        "completed",
        15_000,
        14_000,
        1.0,
        "174",
        "Links checked",
    ),
    (
        "search-1",
        "error",
        137,
        137,
        0.9,
        "180",
        "cargo test: 3 failed",
    ),
    (
        "search-2",
        "working",
        3000,
        20,
        0.58,
        "181",
        "Rebuilding the index",
    ),
    (
        "search-3",
        "working",
        5200,
        991,
        0.5,
        "182",
        "Fixing flaky tests",
    ),
    (
        "search-4",
        "blocked",
        5400,
        240,
        0.1,
        "183",
        "Waiting for a review",
    ),
    (
        "search-5",
        "completed",
        30_000,
        29_000,
        1.0,
        "179",
        "Released 2.4",
    ),
    (
        "web-1",
        "working",
        3900,
        379,
        0.5,
        "190",
        "Checking the layout at 320 px",
    ),
    ("web-2", "working", 90, 8, 0.15, "191", "Reading the design"),
    ("web-3", "idle", 240, 45, -1.0, "", "Waiting for tasks"),
    (
        "web-4",
        "working",
        812,
        17,
        0.71,
        "192",
        "Translating the forms",
    ),
    ("web-5", "completed", 51_000, 50_500, 1.0, "188", "Deployed"),
    ("web-6", "completed", 70_000, 69_000, 1.0, "187", "Deployed"),
    (
        "web-7",
        "working",
        1500,
        33,
        0.44,
        "193",
        "Upgrading the router",
    ),
];

fn fleet() -> Sandbox {
    let sandbox = Sandbox::new();
    let now = sstat::parse_timestamp(NOW).unwrap();
    for (name, status, held, age, progress, task, message) in SESSIONS {
        let mut lines = String::new();
        let mut add = |status: &str, seconds: i64, progress: f64| {
            let time = now - TimeDelta::seconds(seconds);
            let mut update = json!({
                "timestamp": time.to_rfc3339_opts(SecondsFormat::Secs, true),
                "session": name, "status": status, "message": message,
            });
            if progress >= 0.0 {
                update["progress"] = progress.into();
                update["task_id"] = task.into();
            }
            writeln!(lines, "{update}").unwrap();
        };
        // The history that is plotted.
        if name == "search-2" {
            (0..30).for_each(|step| add("working", 8000 - 80 * step, 0.01 * step as f64));
            add("blocked", 5600, 0.3);
            (0..20).for_each(|step| add("working", 3000 - 140 * step, 0.3 + 0.014 * step as f64));
        } else {
            add(status, held, progress / 2.0);
        }
        add(status, age, progress);
        sandbox.write(name, lines);
    }
    sandbox
}

#[test]
fn pictures_show_real_output() {
    if !have("tmux") {
        return;
    }
    let sandbox = fleet();
    let command = |line: &str| format!("printf '$ {line}\\n'; {line}; printf '$ '; exec cat");
    let ends_with_prompt = |text: &str| text.trim_end().ends_with("\n$");
    for (name, size, line) in [
        ("list", (104, 30), "sstat list \"api-*\" \"search-*\""),
        ("summary", (104, 30), "sstat summary --by prefix"),
        ("plot", (92, 30), "sstat history search-2 --plot"),
    ] {
        let text = capture(&sandbox, name, size, &command(line), &[], ends_with_prompt);
        let text = text.trim_end();
        draw(name, text.strip_suffix('$').unwrap_or(text).trim_end());
    }
    // The time in the status is read last.
    let screen = capture(&sandbox, "screen", (100, 20), "sstat watch", &[], |text| {
        text.contains("2m17s   2m17s") && text.contains("4m     45s")
    });
    draw("screen", &screen);
    let keys = ["b", "Down", "Enter", "Down"];
    let groups = capture(
        &sandbox,
        "groups",
        (100, 13),
        "sstat watch",
        &keys,
        |text| text.contains("› ") && text.contains("39m40s"),
    );
    draw("groups", &groups);
}

/// Runs a command in a terminal, presses keys, and returns the text with its colors
/// once the expected text is there.
fn capture(
    sandbox: &Sandbox,
    name: &str,
    (width, height): (u16, u16),
    command: &str,
    keys: &[&str],
    is_complete: impl Fn(&str) -> bool,
) -> String {
    let tmux = Tmux::running(sandbox, name, width, height, command);
    tmux.ok(&["set", "status", "off"]);
    for key in keys {
        let before = tmux.wait("screen", |text| {
            text.contains("SESSION") || text.contains("▸")
        });
        tmux.keys(&[key]);
        tmux.wait("effect of the key", |text| text != before);
    }
    tmux.wait(name, is_complete);
    // With the spaces at the ends of lines, which can be reversed.
    tmux.ok(&["capture-pane", "-p", "-e", "-N"])
}

/// Compares a picture for each background with the committed file.
fn draw(name: &str, text: &str) {
    for (theme, foreground, background) in [
        ("light", "#1f2328", "#ffffff"),
        ("dark", "#e6edf3", "#0d1117"),
    ] {
        let svg = svg(text, foreground, background);
        check(&format!("docs/images/{name}-{theme}.svg"), &svg);
    }
}

/// The size of a character cell.
const CELL: (f64, f64) = (8.4, 19.0);

/// The space around the text.
const MARGIN: f64 = 12.0;

/// The style of a character, as the codes of `ESC [ ... m` set it.
#[derive(Clone, Copy, Default, PartialEq)]
struct Style {
    color: Option<u8>,
    bold: bool,
    dim: bool,
    reversed: bool,
}

impl Style {
    fn apply(&mut self, codes: &str) {
        let mut codes = codes.split(';').map(|code| code.parse().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                7 => self.reversed = true,
                22 => (self.bold, self.dim) = (false, false),
                27 => self.reversed = false,
                38 => self.color = codes.nth(1),
                39 => self.color = None,
                // The default background.
                49 => {}
                code => panic!("the pictures do not support the style {code}"),
            }
        }
    }
}

/// Converts a terminal's text to a picture.
fn svg(text: &str, foreground: &str, background: &str) -> String {
    let mut lines: Vec<_> = text.lines().map(cells).collect();
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (
        columns as f64 * CELL.0 + 2.0 * MARGIN,
        lines.len() as f64 * CELL.1 + 2.0 * MARGIN,
    );
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">
<rect x=".5" y=".5" width="{:.0}" height="{:.0}" rx="6" fill="{background}" stroke="{foreground}" stroke-opacity=".25"/>
"#,
        width - 1.0,
        height - 1.0
    );
    for (row, line) in lines.iter().enumerate() {
        let top = MARGIN + row as f64 * CELL.1;
        let mut column = 0;
        for run in line.chunk_by(|a, b| a.1 == b.1) {
            let left = MARGIN + column as f64 * CELL.0;
            let width = run.len() as f64 * CELL.0;
            column += run.len();
            let style = run[0].1;
            let color = style.color.map_or(foreground.to_owned(), rgb);
            let (color, behind) = match style.reversed {
                true => (background.to_owned(), Some(color)),
                false => (color, None),
            };
            if let Some(behind) = behind {
                writeln!(svg, r#"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{}" fill="{behind}" shape-rendering="crispEdges"/>"#, CELL.1).unwrap();
            }
            let text: String = run.iter().map(|cell| cell.0).collect();
            if text.trim().is_empty() {
                continue;
            }
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let bold = if style.bold {
                r#" font-weight="bold""#
            } else {
                ""
            };
            let dim = if style.dim {
                r#" fill-opacity=".65""#
            } else {
                ""
            };
            let base = top + 14.0;
            writeln!(svg, r#"<text x="{left:.1}" y="{base:.1}" textLength="{width:.1}" fill="{color}"{bold}{dim}>{text}</text>"#).unwrap();
        }
    }
    svg + "</svg>\n"
}

/// Splits a line into characters and their styles, without spaces at its end.
fn cells(line: &str) -> Vec<(char, Style)> {
    let mut style = Style::default();
    let mut cells = Vec::new();
    for (index, part) in line.split("\x1b[").enumerate() {
        let mut text = part;
        if index > 0 {
            let (codes, rest) = part.split_once('m').expect("only styles");
            style.apply(codes);
            text = rest;
        }
        cells.extend(text.chars().map(|c| match c {
            // The other styles of a space are invisible.
            ' ' if !style.reversed => (c, Style::default()),
            _ => (c, style),
        }));
    }
    let is_blank = |(c, style): &(char, Style)| *c == ' ' && !style.reversed;
    let end = cells.iter().rposition(|cell| !is_blank(cell));
    cells.truncate(end.map_or(0, |end| end + 1));
    cells
}

/// Returns a color of the 6x6x6 cube of the 256-color palette.
fn rgb(index: u8) -> String {
    let index = index.checked_sub(16).expect("a color of the cube");
    let level = |digit: u8| if digit == 0 { 0 } else { 55 + 40 * digit };
    let [red, green, blue] = [index / 36, index / 6 % 6, index % 6].map(level);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
