//! Unix: poll(2).

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The descriptors that end every sleep.
pub struct Poller {
    wakes: PipeReader,
    waker: Waker,
    output: Option<OwnedFd>,
    output_closed: bool,
}

/// Ends the sleep from another thread.
#[derive(Clone)]
pub struct Waker(Arc<PipeWriter>);

impl Waker {
    /// Ends the current sleep, or else the next one.
    pub fn wake(&self) {
        let _ = (&*self.0).write(b"!");
    }
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        let (wakes, waker) = io::pipe()?;
        Ok(Self {
            wakes,
            waker: Waker(Arc::new(waker)),
            output: None,
            output_closed: false,
        })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Ends every sleep when the reader of `output` has closed it.
    pub fn wake_on_close(&mut self, output: OwnedFd) {
        self.output = Some(output);
    }

    /// Returns true if the output is closed.
    pub fn output_closed(&self) -> bool {
        self.output_closed
    }

    /// Sleeps at most `limit`. Returns true if a waker, the output or a
    /// signal has ended the sleep, and false for `sources` and the time.
    pub fn sleep(
        &mut self,
        sources: [Option<BorrowedFd<'_>>; 2],
        limit: Duration,
    ) -> io::Result<bool> {
        let mut fds = vec![PollFd::new(&self.wakes, PollFlags::IN)];
        let output = self.output.as_ref().filter(|_| !self.output_closed);
        // macOS reports a hang-up only if it is requested.
        fds.extend(output.map(|output| PollFd::new(output, PollFlags::HUP)));
        let first_source = fds.len();
        let sources = sources.into_iter().flatten();
        fds.extend(sources.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)));
        let limit = Timespec::try_from(limit).ok();
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[0] {
            let _ = self.wakes.read(&mut [0; 64]);
        }
        self.output_closed |= ready[1..first_source].contains(&true);
        Ok(ready[..first_source].contains(&true))
    }
}
