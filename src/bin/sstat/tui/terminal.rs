//! The terminal. It is restored when the screen ends, after an error, in a panic
//! and before a signal stops or ends the process.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, Thread};

use crossterm::cursor::Show;
use crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
    Event,
};
use crossterm::style::{Print, force_color_output};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, TerminalOptions, Viewport};

use super::platform;
use crate::render::style::Palette;
use crate::watch::poller::Waker;

/// The size of a terminal that does not report one, e.g. on a serial line.
const DEFAULT_SIZE: Rect = Rect::new(0, 0, 80, 24);

/// Has the terminal report buttons and the wheel, not every movement.
const ONLY_BUTTONS: &str = "\x1b[?1003l\x1b[?1002l\x1b[?1000h";

/// Whether the terminal is set up. It is static because the panic hook needs it.
static IS_SET_UP: AtomicBool = AtomicBool::new(false);

/// The terminal, set up for the screen until it is dropped.
pub struct Terminal {
    /// Never dropped: its own `drop` would write errors to stderr, and panic if
    /// stderr is closed. [`restore`] does all that is needed.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Output<io::Stdout>>>>,
    reader: Thread,
    events: Receiver<Event>,
    /// Whether the terminal reports the mouse, instead of selecting text with it.
    has_mouse: bool,
}

impl Terminal {
    /// Sets up the terminal, with or without colors. Each event wakes the watcher.
    ///
    /// # Errors
    /// If the terminal cannot be set up. It is restored then.
    pub fn new(color: Option<Palette>, waker: Waker) -> io::Result<Self> {
        // Otherwise crossterm reads NO_COLOR itself.
        force_color_output(color.is_some());
        let previous_hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            previous_hook(panic);
        }));
        let out = Output {
            palette: color,
            frame: Vec::new(),
            out: io::stdout(),
        };
        // With another viewport ratatui would use a size of 0 columns. `draw`
        // reads the size before each frame.
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::ZERO),
        };
        let inner = ratatui::Terminal::with_options(CrosstermBackend::new(out), options)?;
        let (reader, events) = start_reader(waker)?;
        let mut terminal = Self {
            inner: ManuallyDrop::new(inner),
            reader,
            events,
            has_mouse: true,
        };
        terminal.set_up()?;
        Ok(terminal)
    }

    /// Sets up the terminal, also if another program has changed it since.
    pub fn set_up(&mut self) -> io::Result<()> {
        IS_SET_UP.store(true, Ordering::SeqCst);
        // `enable_raw_mode` does nothing if it was called before.
        disable_raw_mode()?;
        enable_raw_mode()?;
        let out = self.inner.backend_mut();
        execute!(out, EnterAlternateScreen, EnableBracketedPaste)?;
        self.reader.unpark();
        self.set_mouse(self.has_mouse)?;
        self.clear()
    }

    /// Has the terminal report the mouse, or select text with it. Returns which.
    pub fn toggle_mouse(&mut self) -> io::Result<bool> {
        self.set_mouse(!self.has_mouse)?;
        Ok(self.has_mouse)
    }

    fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.has_mouse = on;
        let out = self.inner.backend_mut();
        match on {
            // The console of Windows has no such mode.
            true if cfg!(windows) => execute!(out, EnableMouseCapture),
            true => execute!(out, EnableMouseCapture, Print(ONLY_BUTTONS)),
            false => execute!(out, DisableMouseCapture),
        }
    }

    /// Makes the next frame redraw everything. ratatui's `clear` would wait for
    /// the terminal to report its cursor.
    pub fn clear(&mut self) -> io::Result<()> {
        let area = self.area()?;
        self.inner.resize(area)
    }

    fn area(&self) -> io::Result<Rect> {
        let area = Rect::from(self.inner.size()?);
        Ok(if area.is_empty() { DEFAULT_SIZE } else { area })
    }

    /// Draws the changes since the last frame, as one synchronized update.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(self.inner.backend_mut(), BeginSynchronizedUpdate)?;
        if self.inner.get_frame().area() != self.area()? {
            self.clear()?;
        }
        self.inner.draw(draw)?;
        execute!(self.inner.backend_mut(), EndSynchronizedUpdate)
    }

    /// Returns the next pending key, paste or change of the size.
    pub fn event(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}

/// An output in the colors of the terminal, to which a whole frame is written at once.
/// crossterm writes the first 8 colors as those of a palette of 256, too.
struct Output<W> {
    palette: Option<Palette>,
    frame: Vec<u8>,
    out: W,
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        if self.palette == Some(Palette::Ansi) {
            let text = String::from_utf8_lossy(&frame);
            frame = text.replace("\x1b[38;5;", "\x1b[3").into_bytes();
        }
        self.out.write_all(&frame)?;
        self.out.flush()
    }
}

/// Reads events in a thread of its own, because crossterm's reader blocks in the
/// middle of a paste. It reads only while the terminal is set up: other input
/// belongs to the shell.
fn start_reader(waker: Waker) -> io::Result<(Thread, Receiver<Event>)> {
    let (sender, events) = mpsc::channel();
    let read = move || loop {
        if !IS_SET_UP.load(Ordering::SeqCst) {
            thread::park();
            continue;
        }
        let Ok(event) = event::read() else { return };
        if sender.send(event).is_err() {
            return;
        }
        waker.wake();
    };
    let thread = thread::Builder::new()
        .name("input".to_owned())
        .spawn(read)?;
    Ok((thread.thread().clone(), events))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the terminal if it is set up. Errors are ignored, because there is
/// no place left to print them.
pub fn restore() {
    if IS_SET_UP.swap(false, Ordering::SeqCst) {
        platform::end_read();
        let mut out = io::stdout();
        let _ = execute!(
            out,
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture
        );
        platform::discard_input();
        let _ = disable_raw_mode();
        let _ = execute!(out, LeaveAlternateScreen, Show);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_color_of_a_large_frame_is_one_of_the_terminal() {
        let mut output = Output {
            palette: Some(Palette::Ansi),
            frame: Vec::new(),
            out: Vec::new(),
        };
        const COUNT: usize = 100_000;
        for _ in 0..COUNT {
            // crossterm writes an escape sequence in parts.
            for part in ["\x1b[", "38;5;", "3", "m"] {
                output.write_all(part.as_bytes()).unwrap();
            }
        }
        output.flush().unwrap();
        assert!(output.out == "\x1b[33m".repeat(COUNT).into_bytes());
    }
}
