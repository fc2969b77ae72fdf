//! Waiting for what may never come.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What some work comes to, on a thread of its own: nothing if it takes longer,
/// or if there can be no thread.
pub fn run_with_timeout<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::Builder::new().spawn(move || sender.send(work()));
    worker.ok()?;
    receiver.recv_timeout(patience).ok()
}
