//! Roles of text and their colors, and the abilities of a stream.

use std::borrow::Cow;

use owo_colors::{AnsiColors, OwoColorize, Style as Paint, XtermColors};
use sstat::{Attention, Health, Liveness, Staleness, Status, escape, truncate_by};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How to format text for one stream.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// `None` for text without colors.
    pub color: Option<Palette>,
    /// The terminal's columns; `None` for a pipe or a file.
    pub width: Option<usize>,
    /// Whether to print characters other than ASCII.
    pub unicode: bool,
}

/// The colors that a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// 8 or 16 colors of the terminal's own choice.
    Ansi,
    /// 256 colors.
    Xterm,
}

/// The meaning of a piece of text, which decides its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Heading,
    Working,
    Blocked,
    Error,
    Idle,
    Completed,
    /// A status that sstat does not know.
    Other,
    Stale,
    VeryStale,
    Dead,
    /// Less important than the text beside it.
    Faint,
}

/// A color of the 256-color palette. The terminal's own 16 colors are used only if
/// there are no others, because some are illegible on a light or on a dark background.
#[derive(Clone, Copy, Debug)]
pub struct Color {
    pub index: u8,
    /// The name of a similar color among the terminal's own, and in tmux, whose
    /// status line has a background of its own.
    pub name: &'static str,
}

impl Role {
    pub fn of_status(status: &Status) -> Self {
        match status {
            Status::Working => Self::Working,
            Status::Blocked => Self::Blocked,
            Status::Error => Self::Error,
            Status::Idle => Self::Idle,
            Status::Completed => Self::Completed,
            _ => Self::Other,
        }
    }

    pub fn of_attention(attention: Attention) -> Self {
        match attention {
            Attention::Failed => Self::Error,
            Attention::Blocked => Self::Blocked,
            Attention::Stopped | Attention::Stale => Self::Stale,
            _ => Self::Faint,
        }
    }

    pub fn color(self) -> Option<Color> {
        let (index, name) = match self {
            Self::Working => (28, "green"),
            Self::Blocked | Self::Stale => (130, "yellow"),
            Self::Error | Self::VeryStale | Self::Dead => (160, "red"),
            Self::Idle => (27, "blue"),
            Self::Completed => (30, "cyan"),
            Self::Other => (133, "magenta"),
            Self::Heading | Self::Faint => return None,
        };
        Some(Color { index, name })
    }

    /// Returns the name of one of the terminal's own colors.
    pub fn ansi_color(self) -> Option<&'static str> {
        // The blue of many terminals is illegible on black.
        let name = self.color()?.name;
        (name != "blue").then_some(name)
    }

    pub fn is_bold(self) -> bool {
        matches!(self, Self::Heading | Self::Error | Self::Dead)
    }

    pub fn is_dim(self) -> bool {
        self == Self::Faint
    }

    fn paint(self, palette: Palette) -> Paint {
        let mut paint = Paint::new();
        match (palette, self.color(), self.ansi_color()) {
            (Palette::Xterm, Some(color), _) => {
                paint = paint.color(XtermColors::from(color.index));
            }
            (Palette::Ansi, _, Some(name)) => paint = paint.color(AnsiColors::from(name)),
            _ => {}
        }
        if self.is_bold() {
            paint = paint.bold();
        }
        if self.is_dim() {
            paint = paint.dimmed();
        }
        paint
    }
}

/// Returns a session's worst issue in one or two words, and its role; `None` for
/// a healthy session.
pub fn worst_issue(health: &Health) -> Option<(&'static str, Role)> {
    match (health.liveness, health.staleness) {
        (Liveness::Dead, _) => Some(("dead", Role::Dead)),
        _ if health.is_stopped => Some(("stopped", Role::Stale)),
        (_, Staleness::VeryStale) => Some(("very stale", Role::VeryStale)),
        (_, Staleness::Stale) => Some(("stale", Role::Stale)),
        _ => None,
    }
}

/// Text that is safe to print, and its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub role: Option<Role>,
    pub text: String,
}

impl Span {
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            role: None,
            text: text.into(),
        }
    }

    pub fn of(role: Role, text: impl Into<String>) -> Self {
        Self {
            role: Some(role),
            text: text.into(),
        }
    }

    pub fn of_status(status: &Status) -> Self {
        Self::of(Role::of_status(status), escape(status.as_str()))
    }
}

impl Style {
    /// For messages before the configuration is known.
    pub const PLAIN: Self = Self {
        color: None,
        width: None,
        unicode: true,
    };

    /// Joins spans, each in its color.
    pub fn paint_all(&self, spans: &[Span]) -> String {
        let painted = spans.iter().map(|span| match span.role {
            Some(role) => self.paint(role, span.text.as_str()),
            None => Cow::Borrowed(span.text.as_str()),
        });
        painted.collect()
    }

    pub fn paint<'a>(&self, role: Role, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let text = text.into();
        match self.color {
            Some(palette) if !text.is_empty() => {
                Cow::Owned(text.style(role.paint(palette)).to_string())
            }
            _ => text,
        }
    }

    /// A progress bar of `width` columns. It is full only at 1.0.
    pub fn bar(&self, progress: f64, width: usize) -> String {
        let (full, empty) = if self.unicode {
            ("█", "░")
        } else {
            ("#", "-")
        };
        let filled = ((progress * width as f64) as usize).min(width);
        full.repeat(filled) + &empty.repeat(width - filled)
    }

    /// A fraction as one character; `eighths` from 1 to 8.
    pub fn level(&self, eighths: usize) -> char {
        let levels = if self.unicode {
            ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            ['.', ':', '-', '=', '+', '*', '%', '#']
        };
        levels[eighths.clamp(1, levels.len()) - 1]
    }

    /// Truncates text to a number of columns, with an ellipsis at the end if
    /// something is missing.
    pub fn fit<'a>(&self, text: &'a str, columns: usize) -> Cow<'a, str> {
        // No character is wider than its bytes.
        if text.len() <= columns || text.width() <= columns {
            return Cow::Borrowed(text);
        }
        let room = columns.saturating_sub(1);
        let mut shown = truncate_by(text, room, |c| c.width().unwrap_or(0));
        // A variation selector can make the character before it wider.
        while shown.width() > room {
            let last = shown.chars().next_back().map_or(1, char::len_utf8);
            shown = &shown[..shown.len() - last];
        }
        Cow::Owned(format!("{shown}{}", self.ellipsis()))
    }

    /// Truncates text to a number of columns, with an ellipsis in the middle.
    pub fn fit_middle<'a>(&self, text: &'a str, columns: usize) -> Cow<'a, str> {
        if text.width() <= columns {
            return Cow::Borrowed(text);
        }
        let start = self.fit(text, columns - columns / 2);
        let mut end = text;
        while end.width() > columns / 2 {
            end = &end[end.chars().next().map_or(1, char::len_utf8)..];
        }
        Cow::Owned(format!("{start}{end}"))
    }

    /// The end of truncated text, one column wide.
    pub fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }
}

/// Returns a fraction as a percentage without decimals. Below 1.0 it is never
/// `100%`.
pub fn percent(progress: f64) -> String {
    let percent = rounded_percent(progress);
    if progress < 1.0 && percent == "100%" {
        return "99%".to_owned();
    }
    percent
}

/// Returns a fraction as a percentage without decimals, rounded half to even as
/// in Python.
pub fn rounded_percent(progress: f64) -> String {
    format!("{}%", (progress * 100.0).round_ties_even() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::PLAIN;

    #[test]
    fn bar_is_full_only_at_the_end() {
        assert_eq!(PLAIN.bar(0.0, 4), "░░░░");
        assert_eq!(PLAIN.bar(0.5, 4), "██░░");
        assert_eq!(PLAIN.bar(0.99, 4), "███░");
        assert_eq!(PLAIN.bar(1.0, 4), "████");
        assert_eq!(
            Style {
                unicode: false,
                ..PLAIN
            }
            .bar(0.5, 4),
            "##--"
        );
    }

    /// Returns the relative luminance of a color of the 6x6x6 cube, as in WCAG.
    fn luminance(index: u8) -> f64 {
        let level = |digit: u8| match digit {
            0 => 0.0,
            digit => (f64::from(55 + 40 * digit) / 255.0 + 0.055) / 1.055,
        };
        let index = index - 16;
        let [red, green, blue] =
            [index / 36, index / 6 % 6, index % 6].map(|digit| level(digit).powf(2.4));
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn color_is_legible_on_light_and_dark() {
        for role in [
            Role::Working,
            Role::Blocked,
            Role::Error,
            Role::Idle,
            Role::Completed,
            Role::Other,
            Role::Stale,
        ] {
            let luminance = luminance(role.color().unwrap().index);
            let on_white = 1.05 / (luminance + 0.05);
            let on_black = (luminance + 0.05) / 0.05;
            assert!(on_white > 3.8, "{role:?} on white: {on_white}");
            assert!(on_black > 3.8, "{role:?} on black: {on_black}");
        }
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(PLAIN.fit("日本語", 6), "日本語");
        assert_eq!(PLAIN.fit("日本語", 5), "日本…");
        assert_eq!(PLAIN.fit("日本語", 4), "日…");
        assert_eq!(PLAIN.fit("abc", 0), "…");
        assert_eq!(PLAIN.fit("a❤️❤️", 5), "a❤️❤️");
        assert_eq!(PLAIN.fit("a❤️❤️", 4), "a❤️…");
        assert_eq!(PLAIN.fit("a❤️❤️", 3), "a❤…");
    }

    #[test]
    fn name_is_truncated_in_the_middle() {
        assert_eq!(PLAIN.fit_middle("docs-writer12", 13), "docs-writer12");
        assert_eq!(PLAIN.fit_middle("docs-writer12", 9), "docs…er12");
        assert_eq!(PLAIN.fit_middle("docs-writer12", 8), "doc…er12");
        assert_eq!(PLAIN.fit_middle("日本語日本語9", 7), "日…語9");
    }

    #[test]
    fn color_is_one_of_the_terminal() {
        let paint = |color, role| Style { color, ..PLAIN }.paint(role, "x");
        assert_eq!(paint(None, Role::Error), "x");
        for (role, xterm, ansi) in [
            (Role::Error, "38;5;160;1", "31;1"),
            (Role::Blocked, "38;5;130", "33"),
            (Role::Faint, "2", "2"),
        ] {
            for (palette, code) in [(Palette::Xterm, xterm), (Palette::Ansi, ansi)] {
                assert_eq!(paint(Some(palette), role), format!("\x1b[{code}mx\x1b[0m"));
            }
        }
        assert_eq!(paint(Some(Palette::Ansi), Role::Idle), "x");
    }
}
