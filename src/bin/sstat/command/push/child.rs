//! Runs a child process transparently: it has the terminal, the process group and
//! the signals of this process.

#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod tail;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(unix)]
mod witness;

use std::io;

#[cfg(unix)]
pub use signals::Signals;
#[cfg(unix)]
pub use unix::{LAUNCHER, await_wrapper, command, die_by, exec, is_limit, run};
#[cfg(windows)]
pub use windows::{Signals, command, exit, run};
#[cfg(unix)]
pub use witness::{WITNESS, run_witness};

/// How a command ended.
#[derive(Debug)]
pub enum Ending {
    /// It exited with this code: on Unix one byte.
    Exited(i32),
    /// A signal killed it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Killed(i32),
    /// It could not be started.
    NotStarted(io::ErrorKind),
}

/// Returns the name of a signal, such as `SIGTERM`.
pub fn signal_name(signal: i32) -> String {
    #[cfg(unix)]
    if let Some(name) = signal_hook::low_level::signal_name(signal) {
        return name.to_owned();
    }
    format!("signal {signal}")
}

/// Returns the last lines of a text without escape sequences and control
/// characters.
pub fn last_lines(bytes: &[u8], count: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end();
    let start = text.rmatch_indices('\n').nth(count.saturating_sub(1));
    let mut characters = text[start.map_or(0, |(at, _)| at + 1)..].chars();
    let mut plain = String::new();
    while let Some(c) = characters.next() {
        match c {
            // ESC [ parameters and a final byte, or ESC and one character.
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    characters.find(|c| ('@'..='~').contains(c));
                }
            }
            '\n' | '\t' => plain.push(c),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines_are_plain_text() {
        let text = b"one\ntwo\n\x1b[1;31mthree\x1b[0m\r\n\x1b(Bfo\xffur\n\n";
        assert_eq!(last_lines(text, 2), "three\nBfo\u{fffd}ur");
        assert_eq!(last_lines(text, 9), "one\ntwo\nthree\nBfo\u{fffd}ur");
        assert_eq!(last_lines(b"", 3), "");
    }
}
