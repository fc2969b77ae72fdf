//! Reading the last update of every session, on several threads.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::Result;
use crate::health::{HealthRules, Session};
use crate::name::{natural_key, session_of_file};
use crate::store::open::Directory;
use crate::store::{FileWarning, Store, read_session};

/// With fewer files, starting threads takes longer than they save.
const MIN_FILES_FOR_THREADS: usize = 200;

/// The number of files that a thread takes at a time.
const CHUNK: usize = 64;

/// More threads than this wait for each other in the kernel.
const MAX_THREADS: usize = 16;

/// The result of [`Store::scan`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Scan {
    /// The sessions, in natural order of their names.
    pub sessions: Vec<Session>,
    /// The warnings about their files, in no particular order.
    pub warnings: Vec<FileWarning>,
}

impl Store {
    /// Reads the last update of every session for whose name `wanted` returns
    /// true. Uses up to 16 threads, each with one open file.
    ///
    /// A file that cannot be read or has invalid lines gets an entry in
    /// [`Scan::warnings`]. A file that is deleted meanwhile is left out.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn scan(&self, rules: &HealthRules, wanted: impl Fn(&str) -> bool) -> Result<Scan> {
        let directory = Directory::open(self.path())?;
        let mut files = Vec::new();
        directory.names(|file_name| {
            if let Some(name) = session_of_file(file_name).filter(|name| wanted(name)) {
                files.push((name, file_name.to_owned()));
            }
        })?;
        files.sort_by_cached_key(|(name, _)| natural_key(name));

        let several = files.len() >= MIN_FILES_FOR_THREADS;
        let mut slots: Vec<Option<Session>> = Vec::new();
        slots.resize_with(files.len(), || None);
        let chunks = Mutex::new(files.chunks_mut(CHUNK).zip(slots.chunks_mut(CHUNK)));
        let work = || {
            let mut warnings = Vec::new();
            let mut buffer = Vec::new();
            let next_chunk = || chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some((files, slots)) = next_chunk() {
                for ((name, file_name), slot) in files.iter_mut().zip(slots) {
                    let open = || directory.open_read(file_name);
                    let path = || directory.path_of(file_name);
                    let name = std::mem::take(name);
                    let (session, warning) = read_session(open, path, name, rules, &mut buffer);
                    *slot = session;
                    warnings.extend(warning);
                }
            }
            warnings
        };
        let warnings = on_threads(several, work);
        let warnings = warnings.into_iter().flatten().collect();
        let with_directory = |slot: Option<Session>| {
            let mut session = slot?;
            // Not on the threads, which would contend for the counter.
            session.set_directory(self.directory.clone());
            Some(session)
        };
        let sessions = slots.into_iter().filter_map(with_directory).collect();
        Ok(Scan { sessions, warnings })
    }

    /// Returns the names of all sessions that have a file, readable or not, in
    /// no particular order.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        Directory::open(self.path())?.names(|name| names.extend(session_of_file(name)))?;
        Ok(names)
    }
}

/// Runs `work` on one thread, or with `several` on one for each processor. The calls
/// must divide the work among themselves.
pub(crate) fn on_threads<T: Send>(several: bool, work: impl Fn() -> T + Sync) -> Vec<T> {
    let processors = || thread::available_parallelism().map_or(1, NonZero::get);
    let count = if several { processors() } else { 1 };
    if count == 1 {
        return vec![work()];
    }
    let work = &work;
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let workers = (0..count.min(MAX_THREADS)).map_while(start);
        let workers: Vec<_> = workers.collect();
        // If the system refuses to start threads, this one does the work.
        let own = workers.is_empty().then(work);
        let joined = workers.into_iter().map(|worker| {
            let panicked = |panic| std::panic::resume_unwind(panic);
            worker.join().unwrap_or_else(panicked)
        });
        joined.chain(own).collect()
    })
}
