//! Maps keys to actions, and lists them for the help and the bottom line.

use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Position;

use crate::tui::rows::Only;

/// The input mode, which decides what a key means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Browse,
    /// The user types the filter.
    Filter,
    Help,
    /// The user chooses the columns.
    Columns,
}

/// An action that a key or the mouse starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Quit,
    Suspend,
    Redraw,
    /// Leaves the innermost view, never the screen.
    Back,
    Help,
    /// Moves by rows. [`FIRST`] and [`LAST`] move to an end.
    Move(isize),
    MoveHalfPages(isize),
    MovePages(isize),
    NextSort,
    Reverse,
    Show(Only),
    NextGrouping,
    /// Opens or closes the detail of a session; folds or unfolds a group.
    Enter,
    /// Opens the detail of a session; unfolds a group.
    Open,
    /// Closes the detail; folds a group.
    Close,
    ChooseColumns,
    ToggleColumn,
    Acknowledge,
    ToggleMouse,
    Click(Position),
    /// Scrolls the part of the screen under the mouse by rows.
    Scroll(isize, Position),
    /// Moves within the detail by lines.
    MoveDetail(isize),
    Pause,
    Jump,
    StartFilter,
    Type(char),
    Erase,
    EraseWord,
    EraseAll,
    Accept,
}

pub const FIRST: Action = Action::Move(isize::MIN);
pub const LAST: Action = Action::Move(isize::MAX);

/// The rows by which the mouse wheel moves.
const WHEEL: isize = 3;

/// Returns the action of a key; `None` for a key without one.
pub fn action(mode: Mode, key: KeyEvent) -> Option<Action> {
    use KeyCode::Char;
    if key.kind == KeyEventKind::Release || key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let is_filter = mode == Mode::Filter;
    let is_columns = mode == Mode::Columns;
    Some(if key.modifiers.contains(KeyModifiers::CONTROL) {
        match key.code {
            Char('c') => Action::Quit,
            Char('z') => Action::Suspend,
            Char('l') => Action::Redraw,
            // Some terminals send Ctrl-h for Backspace.
            Char('h') if is_filter => Action::Erase,
            Char('w') if is_filter => Action::EraseWord,
            Char('u') if is_filter => Action::EraseAll,
            Char('u') => Action::MoveHalfPages(-1),
            Char('d') => Action::MoveHalfPages(1),
            Char('b') => Action::MovePages(-1),
            Char('f') => Action::MovePages(1),
            Char('p') => Action::Move(-1),
            Char('n') => Action::Move(1),
            _ => return None,
        }
    } else {
        match key.code {
            KeyCode::Esc => Action::Back,
            KeyCode::Up => Action::Move(-1),
            KeyCode::Down => Action::Move(1),
            KeyCode::PageUp => Action::MovePages(-1),
            KeyCode::PageDown => Action::MovePages(1),

            Char(c) if is_filter => Action::Type(c),
            KeyCode::Backspace if is_filter => Action::Erase,
            KeyCode::Enter if is_filter => Action::Accept,
            _ if is_filter => return None,

            Char(' ' | 'x') if is_columns => Action::ToggleColumn,
            KeyCode::Enter | Char('c' | 'q') if is_columns => Action::Back,
            Char('q') => Action::Quit,
            Char('?') => Action::Help,
            Char('k') => Action::Move(-1),
            Char('j') => Action::Move(1),
            Char('g') | KeyCode::Home => FIRST,
            Char('G') | KeyCode::End => LAST,
            // The other keys change what the help covers.
            _ if mode == Mode::Help => return None,

            Char('s') => Action::NextSort,
            Char('S') => Action::Reverse,
            _ if is_columns => return None,

            Char('w') => Action::Show(Only::Waiting),
            Char('a') => Action::Show(Only::Attention),
            Char('f') => Action::Show(Only::Finished),
            Char('b') => Action::NextGrouping,
            Char('c') => Action::ChooseColumns,
            Char('x') => Action::Acknowledge,
            Char('m') => Action::ToggleMouse,
            KeyCode::Enter => Action::Enter,
            Char('l') | KeyCode::Right => Action::Open,
            Char('h') | KeyCode::Left => Action::Close,
            Char('K') => Action::MoveDetail(-1),
            Char('J') => Action::MoveDetail(1),
            Char(' ' | 'p') => Action::Pause,
            Char('t') => Action::Jump,
            Char('/') => Action::StartFilter,
            _ => return None,
        }
    })
}

/// Returns the action of the mouse; `None` for a movement.
pub fn mouse_action(mouse: MouseEvent) -> Option<Action> {
    let at = Position::new(mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Action::Click(at)),
        MouseEventKind::ScrollUp => Some(Action::Scroll(-WHEEL, at)),
        MouseEventKind::ScrollDown => Some(Action::Scroll(WHEEL, at)),
        _ => None,
    }
}

/// The help: keys and their actions, separated by two spaces. It fits a terminal of
/// 80x24.
pub const HELP: &str = "\
j k, arrows  move; with Ctrl-d Ctrl-u by half a page
PageUp PageDown  move by a page
g G, Home End  to the first, the last row
Enter, click  detail of the session, and back; fold or unfold a group
l h, Right Left  open and close the detail; unfold and fold a group
J K  move within the detail
/  filter as you type; Enter keeps it, Esc clears it
a  only sessions that need attention
w  those of them that have waited longest first
f  only finished sessions, which can be cleared away
b  group by directory, prefix, task, status, host, metadata
x  acknowledge what needs attention, or withdraw that
c  choose the columns
s S  sort by the next column; reverse the order
t  go to the session's tmux pane (inside tmux)
m  mouse off, so that text can be selected, and on
Space, p  pause: freeze the screen
Ctrl-l  redraw
Esc  back: out of help, filter, detail, a or w or f, groups
q, Ctrl-c  quit; Ctrl-z suspends";

/// The keys in the bottom line and their actions, by importance: a narrow terminal
/// shows the first ones.
pub const HINTS: &str = "q quit|/ filter|Enter detail|a attention|x ack|b group|w waiting|s sort\
    |f finished|c columns|Space pause";
pub const DETAIL_HINTS: &str = "Esc close|J/K scroll|/ filter|a attention|x ack|q quit";
pub const HELP_HINTS: &str = "j/k scroll|Esc back|q quit";
pub const COLUMN_HINTS: &str = "Space show or hide|s sort by it|S reverse|Enter done";

#[cfg(test)]
mod tests {
    use super::*;

    fn press(mode: Mode, code: KeyCode) -> Option<Action> {
        action(mode, KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn letter_is_text_only_in_the_filter() {
        let (q, space) = (KeyCode::Char('q'), KeyCode::Char(' '));
        assert_eq!(press(Mode::Browse, q), Some(Action::Quit));
        assert_eq!(press(Mode::Help, q), Some(Action::Quit));
        assert_eq!(press(Mode::Filter, q), Some(Action::Type('q')));
        assert_eq!(press(Mode::Browse, space), Some(Action::Pause));
        assert_eq!(press(Mode::Filter, space), Some(Action::Type(' ')));
        assert_eq!(press(Mode::Filter, KeyCode::Down), Some(Action::Move(1)));
        assert_eq!(press(Mode::Browse, KeyCode::Backspace), None);
        // Nothing happens to a session behind the help or the list of columns.
        let x = KeyCode::Char('x');
        assert_eq!(press(Mode::Browse, x), Some(Action::Acknowledge));
        assert_eq!(press(Mode::Help, x), None);
        assert_eq!(press(Mode::Columns, x), Some(Action::ToggleColumn));
        assert_eq!(press(Mode::Columns, KeyCode::Char('t')), None);
    }

    #[test]
    fn control_key_is_never_text() {
        let control =
            |mode, c| action(mode, KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
        for mode in [Mode::Browse, Mode::Filter, Mode::Help] {
            assert_eq!(control(mode, 'c'), Some(Action::Quit));
            assert_eq!(control(mode, 'z'), Some(Action::Suspend));
            assert_eq!(control(mode, 'x'), None);
        }
        assert_eq!(control(Mode::Filter, 'u'), Some(Action::EraseAll));
        assert_eq!(control(Mode::Browse, 'u'), Some(Action::MoveHalfPages(-1)));
    }
}
