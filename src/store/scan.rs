//! Every session of a directory, on as many threads as pay.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;
use crate::health::Session;
use crate::name::{NaturalPrefix, name_of_file, natural_cmp, session_of_file};
use crate::store::open::Directory;
use crate::store::{FileWarning, HealthRules, Store, read_session};

/// From this many files on, threads are worth their start.
const THREADS_FROM: usize = 200;

/// How many files a thread takes at a time.
const CHUNK: usize = 64;

/// More threads than this only wait for each other in the kernel.
const MOST_THREADS: usize = 16;

/// What a scan found.
#[derive(Debug)]
pub struct Scan<T> {
    /// What was made of the sessions, in natural order of their names.
    pub found: Vec<T>,
    /// The files that were not all good, in no order.
    pub warnings: Vec<FileWarning>,
}

impl Store {
    /// Renderer at every session whose name is wanted and keeps what `keep` makes
    /// of it. One file a thread is open at a time, and nothing but what is
    /// kept stays in memory.
    ///
    /// A file that cannot be read or holds bad lines is a [`FileWarning`]; one that
    /// vanishes meanwhile is no session.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn scan<T: Send>(
        &self,
        rules: &HealthRules,
        wanted: impl Fn(&str) -> bool,
        keep: impl Fn(Session) -> Option<T> + Sync,
    ) -> Result<Scan<T>> {
        let Scan { found, warnings } = self.scan_in_parts(rules, wanted, |sessions| {
            sessions.filter_map(&keep).collect::<Vec<_>>()
        })?;
        Ok(Scan {
            found: found.into_iter().flatten().collect(),
            warnings,
        })
    }

    /// As [`scan`](Self::scan), for what is smaller together than piece by
    /// piece: `collect` makes one thing of some sessions that follow each
    /// other in natural order, and so do the things found.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn scan_in_parts<C: Send>(
        &self,
        rules: &HealthRules,
        wanted: impl Fn(&str) -> bool,
        collect: impl Fn(&mut dyn Iterator<Item = Session>) -> C + Sync,
    ) -> Result<Scan<C>> {
        let directory = Directory::open(self.path())?;
        let mut names = FileNames::default();
        directory.names(|name| {
            if name_of_file(name).is_some_and(|session| wanted(&session)) {
                names.push(name);
            }
        })?;
        // Now, because names are far smaller than what will be found.
        let names = names.sorted();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut found = Vec::new();
            let mut warnings = Vec::new();
            let mut buffer = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = names.chunk(index) else {
                    return (found, warnings);
                };
                let mut sessions = chunk.filter_map(|file_name| {
                    let open = || directory.open_read(file_name);
                    let path = || directory.path_of(file_name);
                    let (session, warning) =
                        read_session(open, path, file_name, rules, &mut buffer);
                    warnings.extend(warning);
                    session
                });
                found.push((index, collect(&mut sessions)));
            }
        };
        let parts: Vec<_> = match threads_for(names.len()) {
            1 => vec![work()],
            threads => thread::scope(|scope| {
                let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
                let workers: Vec<_> = (0..threads).map_while(start).collect();
                // Where there can be no thread, this one does it.
                let own = workers.is_empty().then(work);
                let joined = workers.into_iter().map(|worker| {
                    let panicked = |panic| std::panic::resume_unwind(panic);
                    worker.join().unwrap_or_else(panicked)
                });
                joined.chain(own).collect()
            }),
        };
        let (found, warnings): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort_unstable_by_key(|&(index, _)| index);
        Ok(Scan {
            found: found.into_iter().map(|(_, collected)| collected).collect(),
            warnings: warnings.into_iter().flatten().collect(),
        })
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

/// File names in natural order of their sessions' names.
fn in_natural_order<N: AsRef<OsStr>>(names: impl Iterator<Item = N>) -> impl Iterator<Item = N> {
    fn session(name: &impl AsRef<OsStr>) -> Cow<'_, str> {
        name_of_file(name.as_ref()).unwrap_or_default()
    }
    let mut names: Vec<_> = names
        .map(|name| (NaturalPrefix::of(&session(&name)), name))
        .collect();
    names.sort_unstable_by(|(a, x), (b, y)| {
        let by_name = || natural_cmp(&session(x), &session(y));
        a.cmp(b).then_with(by_name)
    });
    names.into_iter().map(|(_, name)| name)
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

    /// In natural order of the sessions' names.
    fn sorted(self) -> Self {
        let mut sorted = Self::default();
        sorted.bytes.reserve_exact(self.bytes.len());
        for name in in_natural_order(Self::split(&self.bytes)) {
            sorted.push(name);
        }
        sorted
    }

    fn chunk(&self, index: usize) -> Option<impl Iterator<Item = &OsStr>> {
        let begin = *self.chunks.get(index)?;
        let end = self.chunks.get(index + 1).copied();
        Some(Self::split(
            &self.bytes[begin..end.unwrap_or(self.bytes.len())],
        ))
    }

    fn split(bytes: &[u8]) -> impl Iterator<Item = &OsStr> {
        use std::os::unix::ffi::OsStrExt;
        let names = bytes.split_inclusive(|&byte| byte == 0);
        names.map(|name| OsStr::from_bytes(&name[..name.len() - 1]))
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

    /// In natural order of the sessions' names.
    fn sorted(self) -> Self {
        Self(in_natural_order(self.0.into_iter()).collect())
    }

    fn chunk(&self, index: usize) -> Option<impl Iterator<Item = &OsStr>> {
        let chunk = self.0.chunks(CHUNK).nth(index)?;
        Some(chunk.iter().map(std::ffi::OsString::as_os_str))
    }
}
