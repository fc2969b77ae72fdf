//! A time limit for calls that may block for ever.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `work` on a thread of its own. Returns `None` if it takes longer than
/// `timeout` or if the thread cannot be started.
pub fn run_with_timeout<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::Builder::new().spawn(move || sender.send(work()));
    worker.ok()?;
    receiver.recv_timeout(timeout).ok()
}
