//! Sleeping until something happens: a descriptor has something to read,
//! somebody calls, the reader of the output is gone, or the time is up.

use std::io;
use std::time::Duration;

#[cfg(unix)]
pub use self::descriptors::{Poller, Waker};
#[cfg(not(unix))]
pub use self::threads::{Poller, Waker};

#[cfg(unix)]
mod descriptors {
    use super::{Duration, io};
    use std::io::{PipeReader, PipeWriter, Read, Write};
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::sync::Arc;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    /// What to sleep on besides the descriptors given each time.
    pub struct Poller {
        calls: PipeReader,
        waker: Waker,
        inputs: Vec<OwnedFd>,
        output: Option<OwnedFd>,
        output_closed: bool,
    }

    /// Ends a sleep from another thread.
    #[derive(Clone)]
    pub struct Waker(Arc<PipeWriter>);

    impl Waker {
        /// Ends the sleep that is on, or the next one.
        pub fn wake(&self) {
            let _ = (&*self.0).write(b"!");
        }
    }

    impl Poller {
        pub fn new() -> io::Result<Self> {
            let (calls, waker) = io::pipe()?;
            Ok(Self {
                calls,
                waker: Waker(Arc::new(waker)),
                inputs: Vec::new(),
                output: None,
                output_closed: false,
            })
        }

        pub fn waker(&self) -> Waker {
            self.waker.clone()
        }

        /// From now on a sleep also ends while there is something to read
        /// here.
        pub fn wake_on(&mut self, input: OwnedFd) {
            self.inputs.push(input);
        }

        /// From now on a sleep also ends when nobody reads this any more.
        pub fn wake_on_close(&mut self, output: OwnedFd) {
            self.output = Some(output);
        }

        /// Whether nobody reads the output any more.
        pub fn output_closed(&self) -> bool {
            self.output_closed
        }

        /// Sleeps. True if it was ended by a call, an input, the output or a
        /// signal; false if by one of `sources` or the time.
        pub fn sleep(
            &mut self,
            sources: [Option<BorrowedFd<'_>>; 2],
            limit: Duration,
        ) -> io::Result<bool> {
            let mut fds = vec![PollFd::new(&self.calls, PollFlags::IN)];
            let inputs = self.inputs.iter();
            fds.extend(inputs.map(|input| PollFd::new(input, PollFlags::IN)));
            let callers = fds.len();
            let output = self.output.as_ref().filter(|_| !self.output_closed);
            // Asked for nothing, poll(2) tells of errors and hang-ups alone.
            fds.extend(output.map(|output| PollFd::new(output, PollFlags::empty())));
            let outputs = fds.len();
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
                let _ = self.calls.read(&mut [0; 64]);
            }
            self.output_closed |= ready[callers..outputs].contains(&true);
            Ok(ready[..outputs].contains(&true))
        }
    }
}

#[cfg(not(unix))]
mod threads {
    use super::{Duration, io};
    use std::thread::{self, Thread};

    /// The thread that sleeps.
    pub struct Poller(Thread);

    /// Ends a sleep from another thread.
    #[derive(Clone)]
    pub struct Waker(Thread);

    impl Waker {
        /// Ends the sleep that is on, or the next one.
        pub fn wake(&self) {
            self.0.unpark();
        }
    }

    impl Poller {
        pub fn new() -> io::Result<Self> {
            Ok(Self(thread::current()))
        }

        pub fn waker(&self) -> Waker {
            Waker(self.0.clone())
        }

        /// Whether nobody reads the output any more; not known here.
        pub fn output_closed(&self) -> bool {
            false
        }

        /// Sleeps until called or the time is up; does not know which.
        pub fn sleep(&mut self, limit: Duration) -> io::Result<bool> {
            thread::park_timeout(limit);
            Ok(false)
        }
    }
}
