//! Every session of a directory, on as many threads as pay.

use std::ffi::OsStr;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;
use crate::name::{FILE_SUFFIX, session_of_file};
use crate::session::Session;
use crate::store::open::Directory;
use crate::store::{Problem, Store, Viewpoint};

/// From this many files on, threads are worth their start.
const THREADS_FROM: usize = 200;

/// How many files a thread takes at a time.
const CHUNK: usize = 64;

/// More threads than this only wait for each other in the kernel.
const MOST_THREADS: usize = 16;

/// What a scan found.
#[derive(Debug)]
pub struct Scan<T> {
    /// What was made of the sessions, in no order.
    pub found: Vec<T>,
    /// The files that were not all good, in no order.
    pub problems: Vec<Problem>,
}

impl Store {
    /// Looks at every session whose name is wanted and keeps what `keep` makes
    /// of it. One file a thread is open at a time, and nothing but what is
    /// kept stays in memory.
    ///
    /// A file that cannot be read or holds bad lines is a [`Problem`]; one that
    /// vanishes meanwhile is no session.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn scan<T: Send>(
        &self,
        viewpoint: &Viewpoint,
        wanted: impl Fn(&str) -> bool,
        keep: impl Fn(Session) -> Option<T> + Sync,
    ) -> Result<Scan<T>> {
        let directory = Directory::open(self.path())?;
        let mut names = FileNames::default();
        directory.names(|name| {
            if is_status_file(name) && session_of_file(name).is_some_and(|session| wanted(&session))
            {
                names.push(name);
            }
        })?;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut scan = Scan {
                found: Vec::new(),
                problems: Vec::new(),
            };
            let mut buffer = Vec::new();
            loop {
                let begin = next.fetch_add(CHUNK, Ordering::Relaxed);
                if begin >= names.len() {
                    return scan;
                }
                for index in begin..(begin + CHUNK).min(names.len()) {
                    let file_name = names.get(index);
                    let (session, problem) =
                        self.look(&directory, file_name, viewpoint, &mut buffer);
                    scan.found.extend(session.and_then(&keep));
                    scan.problems.extend(problem);
                }
            }
        };
        let threads = threads_for(names.len());
        if threads < 2 {
            return Ok(work());
        }
        Ok(thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut all = Scan {
                found: Vec::with_capacity(names.len()),
                problems: Vec::new(),
            };
            for worker in workers {
                match worker.join() {
                    Ok(part) => {
                        all.found.extend(part.found);
                        all.problems.extend(part.problems);
                    }
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        }))
    }

    /// One file of an open directory: its session, and what is wrong with it.
    fn look(
        &self,
        directory: &Directory,
        file_name: &OsStr,
        viewpoint: &Viewpoint,
        buffer: &mut Vec<u8>,
    ) -> (Option<Session>, Option<Problem>) {
        let open = || directory.open_read(file_name);
        let path = || directory.path_of(file_name);
        match super::read_session(open, path, file_name, viewpoint, buffer) {
            Ok((session, tail)) => (session, Problem::of_tail(path, &tail)),
            Err(error) if error.is_not_found() => (None, None),
            Err(error) => (None, Some(Problem::unreadable(path(), error))),
        }
    }

    /// The names of all sessions' files, good or bad, in no order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        Directory::open(self.path())?.names(|name| names.extend(session_of_file(name)))?;
        Ok(names)
    }
}

fn is_status_file(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(FILE_SUFFIX.as_bytes())
}

fn threads_for(files: usize) -> usize {
    if files < THREADS_FROM {
        return 1;
    }
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS)
}

/// Many file names in one allocation.
#[cfg(unix)]
#[derive(Default)]
struct FileNames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

#[cfg(unix)]
impl FileNames {
    fn push(&mut self, name: &OsStr) {
        self.bytes.extend_from_slice(name.as_encoded_bytes());
        self.ends.push(self.bytes.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> &OsStr {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::os::unix::ffi::OsStrExt::from_bytes(&self.bytes[begin..self.ends[index]])
    }
}

/// Many file names.
#[cfg(not(unix))]
#[derive(Default)]
struct FileNames(Vec<std::ffi::OsString>);

#[cfg(not(unix))]
impl FileNames {
    fn push(&mut self, name: &OsStr) {
        self.0.push(name.to_owned());
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> &OsStr {
        &self.0[index]
    }
}
