//! Meaning to colour, and what a stream can show.

use std::borrow::Cow;

use owo_colors::{AnsiColors, OwoColorize, Style as Paint};
use sstat::{Health, Liveness, Staleness, Status};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How text on one stream looks.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    /// The terminal's columns; none for a pipe.
    pub width: Option<usize>,
    /// Whether the stream shows more than ASCII.
    pub unicode: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Heading,
    Working,
    Blocked,
    Error,
    Idle,
    Completed,
    /// A status of somebody's own.
    Other,
    Stale,
    VeryStale,
    Dead,
    /// What matters less than what stands beside it.
    Faint,
}

impl Role {
    pub fn of_status(status: &Status) -> Self {
        match status {
            Status::Working => Self::Working,
            Status::Blocked => Self::Blocked,
            Status::Error => Self::Error,
            Status::Idle => Self::Idle,
            Status::Completed => Self::Completed,
            Status::Other(_) => Self::Other,
        }
    }

    /// The worst of what a condition says; `None` where all is well.
    pub fn of_health(health: &Health) -> Option<Self> {
        match (health.liveness, health.staleness) {
            (Liveness::Dead, _) => Some(Self::Dead),
            (_, Staleness::VeryStale) => Some(Self::VeryStale),
            (_, Staleness::Stale) => Some(Self::Stale),
            _ => None,
        }
    }

    /// One of the terminal's own 16 colours, which its theme keeps readable
    /// on light and dark; never white or black.
    pub fn color(self) -> Option<AnsiColors> {
        match self {
            Self::Working => Some(AnsiColors::Green),
            Self::Blocked | Self::Stale => Some(AnsiColors::Yellow),
            Self::Error | Self::VeryStale | Self::Dead => Some(AnsiColors::Red),
            Self::Idle => Some(AnsiColors::Blue),
            Self::Completed => Some(AnsiColors::Cyan),
            Self::Other => Some(AnsiColors::Magenta),
            Self::Heading | Self::Faint => None,
        }
    }

    pub fn is_bold(self) -> bool {
        matches!(self, Self::Heading | Self::Error | Self::Dead)
    }

    fn paint(self) -> Paint {
        let mut paint = Paint::new();
        if let Some(color) = self.color() {
            paint = paint.color(color);
        }
        if self.is_bold() {
            paint = paint.bold();
        }
        if self == Self::Faint {
            paint = paint.dimmed();
        }
        paint
    }
}

/// A piece of text, safe to print, and what it means.
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
}

impl Style {
    /// For what must be said before it is known how.
    pub const PLAIN: Self = Self {
        color: false,
        width: None,
        unicode: true,
    };

    /// Pieces one after the other.
    pub fn paint_all(&self, spans: &[Span]) -> String {
        let painted = spans.iter().map(|span| match span.role {
            Some(role) => self.paint(role, span.text.as_str()),
            None => Cow::Borrowed(span.text.as_str()),
        });
        painted.collect()
    }

    pub fn paint<'a>(&self, role: Role, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let text = text.into();
        if self.color && !text.is_empty() {
            Cow::Owned(text.style(role.paint()).to_string())
        } else {
            text
        }
    }

    /// A bar of `width` columns, filled as far as the progress is.
    pub fn bar(&self, progress: f64, width: usize) -> String {
        let (full, empty) = if self.unicode {
            ('█', '░')
        } else {
            ('#', '-')
        };
        // Full only when it is: 99.9% is not done.
        let filled = ((progress * width as f64) as usize).min(width);
        std::iter::repeat_n(full, filled)
            .chain(std::iter::repeat_n(empty, width - filled))
            .collect()
    }

    /// A part of a whole as one character: `eighths` from 1 to 8.
    pub fn level(&self, eighths: usize) -> char {
        let levels = if self.unicode {
            ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            ['.', ':', '-', '=', '+', '*', '%', '#']
        };
        levels[eighths.clamp(1, levels.len()) - 1]
    }

    /// Text cut to a number of columns, with an ellipsis where something is
    /// missing.
    pub fn fit<'a>(&self, text: &'a str, columns: usize) -> Cow<'a, str> {
        if text.width() <= columns {
            return Cow::Borrowed(text);
        }
        let ellipsis = if self.unicode { "…" } else { "~" };
        let room = columns.saturating_sub(1);
        let mut used = 0;
        let end = text
            .char_indices()
            .find(|(_, c)| {
                used += c.width().unwrap_or(0);
                used > room
            })
            .map_or(text.len(), |(end, _)| end);
        Cow::Owned(format!("{}{ellipsis}", &text[..end]))
    }
}

/// A fraction as a percentage without decimals, as Python rounds it.
pub fn percent(progress: f64) -> String {
    format!("{:.0}%", progress * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::PLAIN;

    #[test]
    fn a_bar_is_full_only_at_the_end() {
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

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(PLAIN.fit("日本語", 6), "日本語");
        assert_eq!(PLAIN.fit("日本語", 5), "日本…");
        assert_eq!(PLAIN.fit("日本語", 4), "日…");
        assert_eq!(PLAIN.fit("abc", 0), "…");
    }

    #[test]
    fn without_color_text_is_left_alone() {
        assert_eq!(PLAIN.paint(Role::Error, "x"), "x");
        assert!(
            Style {
                color: true,
                ..PLAIN
            }
            .paint(Role::Error, "x")
            .contains("\x1b[")
        );
    }
}
