//! Reading the last update of every session in a directory, on several threads.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;
use crate::health::Session;
use crate::name::{natural_cmp, session_of_file};
use crate::store::open::Directory;
use crate::store::{FileWarning, HealthRules, Store, read_session};

/// From this many files on, threads save more time than starting them costs.
const MIN_FILES_FOR_THREADS: usize = 200;

/// How many files a thread takes at a time.
const CHUNK: usize = 64;

/// More threads than this only wait for each other in the kernel.
const MAX_THREADS: usize = 16;

/// The result of [`Store::scan`].
#[derive(Debug, Default)]
pub struct Scan {
    /// The sessions, in natural order of their names.
    pub sessions: Vec<Session>,
    /// Files that could not be read, or not all of them, in no order.
    pub warnings: Vec<FileWarning>,
}

impl Store {
    /// Reads the last update of every session whose name is `wanted`. Each
    /// thread has one file open at a time.
    ///
    /// A file that cannot be read or has invalid lines is reported in
    /// [`Scan::warnings`]. A file that is deleted meanwhile is left out.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn scan(&self, rules: &HealthRules, wanted: impl Fn(&str) -> bool) -> Result<Scan> {
        let directory = Directory::open(self.path())?;
        let mut files = Vec::new();
        directory.names(|file_name| {
            if let Some(session) = session_of_file(file_name).filter(|session| wanted(session)) {
                files.push((session, file_name.to_owned()));
            }
        })?;
        files.sort_unstable_by(|(a, _), (b, _)| natural_cmp(a, b));

        let next = AtomicUsize::new(0);
        let work = || {
            let mut chunks = Vec::new();
            let mut warnings = Vec::new();
            let mut buffer = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = files.chunks(CHUNK).nth(index) else {
                    return (chunks, warnings);
                };
                let mut sessions = Vec::with_capacity(chunk.len());
                for (_, file_name) in chunk {
                    let open = || directory.open_read(file_name);
                    let path = || directory.path_of(file_name);
                    let (session, warning) =
                        read_session(open, path, file_name, rules, &mut buffer);
                    sessions.extend(session);
                    warnings.extend(warning);
                }
                chunks.push((index, sessions));
            }
        };
        let parts: Vec<_> = match threads_for(files.len()) {
            1 => vec![work()],
            threads => thread::scope(|scope| {
                let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
                let workers: Vec<_> = (0..threads).map_while(start).collect();
                // If no thread can be started, this one does the work.
                let own = workers.is_empty().then(work);
                let joined = workers.into_iter().map(|worker| {
                    let panicked = |panic| std::panic::resume_unwind(panic);
                    worker.join().unwrap_or_else(panicked)
                });
                joined.chain(own).collect()
            }),
        };

        let (chunks, warnings): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let mut chunks: Vec<_> = chunks.into_iter().flatten().collect();
        chunks.sort_unstable_by_key(|&(index, _)| index);
        let mut sessions = Vec::with_capacity(files.len());
        sessions.extend(chunks.into_iter().flat_map(|(_, sessions)| sessions));
        Ok(Scan {
            sessions,
            warnings: warnings.into_iter().flatten().collect(),
        })
    }

    /// Returns the names of all sessions that have a file, whether or not it
    /// can be read, in no order.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        Directory::open(self.path())?.names(|name| names.extend(session_of_file(name)))?;
        Ok(names)
    }
}

fn threads_for(files: usize) -> usize {
    if files < MIN_FILES_FOR_THREADS {
        return 1;
    }
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_THREADS)
}
