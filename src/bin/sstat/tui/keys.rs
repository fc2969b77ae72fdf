//! Maps keys to actions, and lists them for the help and the bottom line.

use crate::tui::input::Key;

/// The input mode, which decides what a key means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Browse,
    /// The user types the filter.
    Filter,
    Help,
}

/// An action that a key starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Quit,
    Suspend,
    Redraw,
    /// Leaves the help, the filter, the detail or the attention view, in this
    /// order; never the screen.
    Back,
    Help,
    Up(usize),
    Down(usize),
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    First,
    Last,
    NextSort,
    Reverse,
    OnlyAttention,
    /// Opens the detail pane, or closes it.
    Open,
    Close,
    PaneUp,
    PaneDown,
    Pause,
    Jump,
    StartFilter,
    Type(char),
    Erase,
    EraseWord,
    EraseAll,
    Accept,
}

/// Returns the action of a key; `None` for a key without one.
pub fn action(mode: Mode, key: Key) -> Option<Action> {
    let is_filter = mode == Mode::Filter;
    Some(match key {
        Key::Esc => Action::Back,
        Key::Up | Key::Control('p') => Action::Up(1),
        Key::Down | Key::Control('n') => Action::Down(1),
        Key::PageUp | Key::Control('b') => Action::PageUp,
        Key::PageDown | Key::Control('f') => Action::PageDown,
        Key::Control('c') => Action::Quit,
        Key::Control('z') => Action::Suspend,
        Key::Control('l') => Action::Redraw,
        Key::Control('d') => Action::HalfDown,

        Key::Char(c) if is_filter => Action::Type(c),
        // Some terminals send Ctrl-h for Backspace.
        Key::Backspace | Key::Control('h') if is_filter => Action::Erase,
        Key::Control('w') if is_filter => Action::EraseWord,
        Key::Control('u') if is_filter => Action::EraseAll,
        Key::Enter if is_filter => Action::Accept,
        _ if is_filter => return None,

        Key::Control('u') => Action::HalfUp,
        Key::Char('q') => Action::Quit,
        Key::Char('?') => Action::Help,
        Key::Char('k') => Action::Up(1),
        Key::Char('j') => Action::Down(1),
        Key::Char('g') | Key::Home => Action::First,
        Key::Char('G') | Key::End => Action::Last,
        Key::Char('s') => Action::NextSort,
        Key::Char('S') => Action::Reverse,
        Key::Char('a') => Action::OnlyAttention,
        Key::Enter | Key::Char('l') | Key::Right => Action::Open,
        Key::Char('h') | Key::Left => Action::Close,
        Key::Char('K') => Action::PaneUp,
        Key::Char('J') => Action::PaneDown,
        Key::Char(' ' | 'p') => Action::Pause,
        Key::Char('t') => Action::Jump,
        Key::Char('/') => Action::StartFilter,
        _ => return None,
    })
}

/// The help: keys and their actions.
pub const HELP: [(&str, &str); 15] = [
    ("j k, arrows", "move; with Ctrl-d Ctrl-u by half a page"),
    ("PageUp PageDown", "move by a page"),
    ("g G, Home End", "to the first, the last session"),
    ("Enter, l", "detail of the session, and back"),
    ("h", "close the detail"),
    ("J K", "move within the detail"),
    ("/", "filter as you type; Enter keeps it, Esc clears it"),
    ("a", "only sessions that need attention"),
    ("s", "sort by attention, name, status, age, progress, task"),
    ("S", "reverse the order"),
    ("t", "go to the session's tmux pane (inside tmux)"),
    ("Space, p", "pause: freeze the screen"),
    ("Ctrl-l", "redraw"),
    ("Esc", "back: out of help, filter, detail, attention"),
    ("q, Ctrl-c", "quit; Ctrl-z suspends"),
];

/// The keys in the bottom line, by importance: a narrow terminal shows the first
/// ones.
pub const HINTS: [(&str, &str); 9] = [
    ("q", "quit"),
    ("?", "help"),
    ("/", "filter"),
    ("Enter", "detail"),
    ("a", "attention"),
    ("s", "sort"),
    ("Space", "pause"),
    ("t", "tmux"),
    ("j k", "move"),
];

/// The keys in the bottom line while the help is open.
pub const HELP_HINTS: [(&str, &str); 3] = [("j k", "scroll"), ("Esc", "back"), ("q", "quit")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_is_text_only_in_the_filter() {
        let (q, space) = (Key::Char('q'), Key::Char(' '));
        assert_eq!(action(Mode::Browse, q), Some(Action::Quit));
        assert_eq!(action(Mode::Help, q), Some(Action::Quit));
        assert_eq!(action(Mode::Filter, q), Some(Action::Type('q')));
        assert_eq!(action(Mode::Browse, space), Some(Action::Pause));
        assert_eq!(action(Mode::Filter, space), Some(Action::Type(' ')));
        assert_eq!(action(Mode::Filter, Key::Down), Some(Action::Down(1)));
        assert_eq!(action(Mode::Browse, Key::Backspace), None);
    }

    #[test]
    fn control_key_is_never_text() {
        for mode in [Mode::Browse, Mode::Filter, Mode::Help] {
            assert_eq!(action(mode, Key::Control('c')), Some(Action::Quit));
            assert_eq!(action(mode, Key::Control('z')), Some(Action::Suspend));
            assert_eq!(action(mode, Key::Control('x')), None);
        }
        let u = Key::Control('u');
        assert_eq!(action(Mode::Filter, u), Some(Action::EraseAll));
        assert_eq!(action(Mode::Browse, u), Some(Action::HalfUp));
    }
}
