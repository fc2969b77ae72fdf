//! Every session of a directory, on as many threads as pay.

use std::ffi::OsStr;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;
use crate::name::{name_of_file, session_of_file};
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
        let add = |found: &mut Vec<T>, session| found.extend(keep(session));
        let scan = self.fold(viewpoint, wanted, Vec::new, add)?;
        let mut parts = scan.found.into_iter();
        let mut found = parts.next().unwrap_or_default();
        for part in parts {
            found.extend(part);
        }
        Ok(Scan {
            found,
            problems: scan.problems,
        })
    }

    /// As [`scan`](Self::scan), for what is smaller together than piece by
    /// piece: each thread adds its sessions to a `new` one, and what was found
    /// is one of these a thread, at least one.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn fold<A: Send>(
        &self,
        viewpoint: &Viewpoint,
        wanted: impl Fn(&str) -> bool,
        new: impl Fn() -> A + Sync,
        add: impl Fn(&mut A, Session) + Sync,
    ) -> Result<Scan<A>> {
        let directory = Directory::open(self.path())?;
        let mut names = FileNames::default();
        directory.names(|name| {
            if name_of_file(name).is_some_and(|session| wanted(&session)) {
                names.push(name);
            }
        })?;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut found = new();
            let mut problems = Vec::new();
            let mut buffer = Vec::new();
            loop {
                let chunk = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = names.chunk(chunk) else {
                    return (found, problems);
                };
                for file_name in chunk {
                    let (session, problem) =
                        self.look(&directory, file_name, viewpoint, &mut buffer);
                    if let Some(session) = session {
                        add(&mut found, session);
                    }
                    problems.extend(problem);
                }
            }
        };
        let threads = threads_for(names.len());
        let parts = if threads < 2 {
            vec![work()]
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                workers
                    .into_iter()
                    .map(|worker| {
                        worker
                            .join()
                            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    })
                    .collect()
            })
        };
        let mut scan = Scan {
            found: Vec::with_capacity(parts.len()),
            problems: Vec::new(),
        };
        for (found, problems) in parts {
            scan.found.push(found);
            scan.problems.extend(problems);
        }
        Ok(scan)
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

fn threads_for(files: usize) -> usize {
    if files < THREADS_FROM {
        return 1;
    }
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS)
}

/// Many file names, one byte each beside their own.
#[cfg(unix)]
#[derive(Default)]
struct FileNames {
    /// Each ends in a NUL, which stands in no file name.
    bytes: Vec<u8>,
    /// Where each chunk begins.
    chunks: Vec<usize>,
    len: usize,
}

#[cfg(unix)]
impl FileNames {
    fn push(&mut self, name: &OsStr) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(self.bytes.len());
        }
        self.bytes.extend_from_slice(name.as_encoded_bytes());
        self.bytes.push(0);
        self.len += 1;
    }

    fn len(&self) -> usize {
        self.len
    }

    fn chunk(&self, index: usize) -> Option<impl Iterator<Item = &OsStr>> {
        use std::os::unix::ffi::OsStrExt;
        let begin = *self.chunks.get(index)?;
        let end = self.chunks.get(index + 1).copied();
        let names = &self.bytes[begin..end.unwrap_or(self.bytes.len())];
        let names = names.split_inclusive(|&byte| byte == 0);
        Some(names.map(|name| OsStr::from_bytes(&name[..name.len() - 1])))
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

    fn chunk(&self, index: usize) -> Option<impl Iterator<Item = &OsStr>> {
        let chunk = self.0.chunks(CHUNK).nth(index)?;
        Some(chunk.iter().map(std::ffi::OsString::as_os_str))
    }
}
