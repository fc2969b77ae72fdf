//! The terminal while the screen has it, and its way back: on the way out,
//! after an error, in a panic, and before a signal does what it does.

use std::io::{self, BufWriter, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{self, Event};
use crossterm::style::force_color_output;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A frame of the largest terminals goes out in one piece.
const BUFFER: usize = 256 * 1024;

/// What a terminal has that does not know its size, as on a serial line.
const USUAL: Rect = Rect::new(0, 0, 80, 24);

/// Whether the terminal is ours. Static, because a panic knows no values.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, taken for as long as this lives.
pub struct Terminal {
    /// Never dropped: its own end would complain on stderr, and panic when
    /// that is gone, too. [`give_back`] does all that it would do.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
}

impl Terminal {
    /// Takes the terminal, to draw on it with or without colours.
    ///
    /// # Errors
    /// When it cannot be had; it is then as it was.
    pub fn take(color: bool) -> io::Result<Self> {
        // It has been decided; crossterm must not look at NO_COLOR again.
        force_color_output(color);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        let out = BufWriter::with_capacity(BUFFER, io::stdout());
        // Fixed, because ratatui takes a size of nothing at its word; it is
        // asked for before every frame.
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::ZERO),
        };
        let inner = ratatui::Terminal::with_options(CrosstermBackend::new(out), options)?;
        let mut terminal = Self {
            inner: ManuallyDrop::new(inner),
        };
        terminal.retake()?;
        // The first question sets up how changes of the size are noticed.
        event::poll(Duration::ZERO)?;
        Ok(terminal)
    }

    /// Takes the terminal again after [`give_back`].
    pub fn retake(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(self.inner.backend_mut(), EnterAlternateScreen)?;
        self.clear()
    }

    /// Forgets what the terminal shows: the next frame is drawn whole. ratatui
    /// would ask the terminal where its cursor is, and wait for the answer.
    pub fn clear(&mut self) -> io::Result<()> {
        let area = self.area()?;
        self.inner.resize(area)
    }

    fn area(&self) -> io::Result<Rect> {
        let area = Rect::from(self.inner.size()?);
        Ok(if area.is_empty() { USUAL } else { area })
    }

    /// Draws what has changed since the last frame, in one piece.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(self.inner.backend_mut(), BeginSynchronizedUpdate)?;
        if self.inner.get_frame().area() != self.area()? {
            self.clear()?;
        }
        self.inner.draw(draw)?;
        execute!(self.inner.backend_mut(), EndSynchronizedUpdate)
    }

    /// Whether nobody sits before it any more.
    pub fn is_gone(&self) -> bool {
        let stdin = io::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let now = Timespec::default();
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(gone)
    }

    /// The next key or change of size that is there already; none of a
    /// terminal that is gone, because crossterm reads the end of its input for
    /// ever.
    pub fn event(&mut self) -> io::Result<Option<Event>> {
        if !self.is_gone() && event::poll(Duration::ZERO)? {
            event::read().map(Some)
        } else {
            Ok(None)
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was, if it is taken. What goes wrong with
/// that cannot be told to anybody.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = execute!(out, EndSynchronizedUpdate, LeaveAlternateScreen, Show);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}
