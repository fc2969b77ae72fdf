//! Windows: the console has Ctrl-Break and Ctrl-C, but no job control. A closed
//! console ends its processes.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use winsafe::{HSTD, co};

use crate::watch::Watcher;

/// These never arrive.
pub const SIGCONT: i32 = 18;
pub const SIGHUP: i32 = 1;
pub const SIGTSTP: i32 = 20;

const SIGINT: i32 = 2;

/// The exit code of a program that Ctrl-C has ended.
const CONTROL_C_EXIT: u32 = 0xC000_013A;

/// The pause in the input that ends a paste.
const SILENCE: Duration = Duration::from_millis(20);

/// Makes Ctrl-Break end the watcher's waits. Ctrl-C is a key of the screen.
pub fn listen(watcher: &mut Watcher, sender: Sender<i32>) -> io::Result<()> {
    let waker = watcher.poller.waker();
    let handler = move || {
        if sender.send(SIGINT).is_err() {
            act_by_default(SIGINT);
        }
        waker.wake();
    };
    ctrlc::set_handler(handler).map_err(io::Error::other)
}

/// Ends this process.
pub fn act_by_default(_signal: i32) {
    winsafe::ExitProcess(CONTROL_C_EXIT);
}

pub fn has_job_control() -> bool {
    false
}

pub fn stop_job() {}

pub fn wait_for_foreground() {}

pub fn is_terminal_gone() -> bool {
    false
}

pub fn end_read() {}

/// Discards pending input, so that the shell does not run the rest of a paste.
pub fn discard_input() {
    thread::sleep(SILENCE);
    if let Ok(stdin) = HSTD::GetStdHandle(co::STD_HANDLE::INPUT) {
        let _ = stdin.FlushConsoleInputBuffer();
        // Dropping it would close stdin.
        std::mem::forget(stdin);
    }
}
