//! macOS and the BSDs: kqueue(2) notifies the ends of processes, and changes of files
//! that are open. There can be more files than descriptors, so the caller polls too.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::libc::timespec;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, getrlimit};

#[cfg(target_vendor = "apple")]
use nix::libc::O_EVTONLY;

use super::ChangeSet;
use crate::watch::poller::Waker;

/// The maximum number of open files. At most a quarter of the descriptors that sstat
/// may open are used: macOS has a limit of 256 by default.
const MAX_FILES: u64 = 4096;

/// The file notifications of some directories.
pub struct DirWatcher {
    /// `None` if the caller polls.
    kqueue: Option<Kqueue>,
    directories: Vec<Directory>,
    /// The open files, each with the index of its directory and its session.
    files: HashMap<(usize, String), OwnedFd>,
    max_files: usize,
}

struct Directory {
    path: PathBuf,
    /// The open directory, and its device and inode numbers; `None` while it is
    /// missing.
    open: Option<(OwnedFd, (u64, u64))>,
}

impl DirWatcher {
    /// Starts to listen, unless `poll` is true.
    pub fn new(directories: Vec<PathBuf>, poll: bool, _waker: &Waker) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let directories = directories.into_iter();
        let mut watcher = Self {
            kqueue: Kqueue::new().ok().filter(|_| !poll),
            directories: directories
                .map(|path| Directory { path, open: None })
                .collect(),
            files: HashMap::new(),
            max_files: (limit / 4).min(MAX_FILES) as usize,
        };
        watcher.follow_path();
        watcher
    }

    /// Returns a descriptor that is readable when there are notifications.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.kqueue.as_ref().map(AsFd::as_fd)
    }

    /// Returns true: not every file is open, and not every file system notifies.
    pub fn needs_polling(&self) -> bool {
        true
    }

    /// Listens to the directories that the paths name now, and to no other.
    pub fn follow_path(&mut self) {
        let Some(kqueue) = &self.kqueue else {
            return;
        };
        let mut replaced = Vec::new();
        for (index, directory) in self.directories.iter_mut().enumerate() {
            let metadata = directory.path.metadata();
            let now = metadata
                .map(|metadata| (metadata.dev(), metadata.ino()))
                .ok();
            if now != directory.open.as_ref().map(|(_, identity)| *identity) {
                let open =
                    |identity| Some((watch(kqueue, &directory.path, OFlags::DIRECTORY)?, identity));
                directory.open = now.and_then(open);
                replaced.push(index);
            }
        }
        self.files.retain(|(index, _), _| !replaced.contains(index));
        for index in replaced {
            self.open_new_files(index);
        }
    }

    /// Returns the changes since the last call.
    pub fn changes(&mut self) -> ChangeSet {
        let mut rescan = false;
        let mut changed = HashSet::new();
        let mut changed_directories = HashSet::new();
        let gone = FilterFlag::NOTE_DELETE | FilterFlag::NOTE_RENAME | FilterFlag::NOTE_REVOKE;
        for event in self.kqueue.iter().flat_map(take_events) {
            let is_event_of = |file: &OwnedFd| file.as_raw_fd() as usize == event.ident();
            let is_gone = event.fflags().intersects(gone);
            let mut directories = self.directories.iter();
            let opened = |directory: &Directory| {
                directory
                    .open
                    .as_ref()
                    .is_some_and(|(open, _)| is_event_of(open))
            };
            if let Some(index) = directories.position(opened) {
                rescan |= is_gone;
                changed_directories.insert(index);
            } else if let Some((key, _)) = self.files.iter().find(|(_, file)| is_event_of(file)) {
                let key = key.clone();
                if is_gone {
                    self.files.remove(&key);
                    // Another file may have its name.
                    changed_directories.insert(key.0);
                }
                changed.insert(key);
            }
        }
        for index in changed_directories {
            changed.extend(self.open_new_files(index));
        }
        if rescan {
            self.follow_path();
        }
        let changed = changed.into_iter().collect();
        ChangeSet { changed, rescan }
    }

    /// Opens and watches the files of a directory that are not open yet, as long as
    /// descriptors are left. Returns their sessions.
    fn open_new_files(&mut self, index: usize) -> Vec<(usize, String)> {
        let mut new = Vec::new();
        let Some(kqueue) = &self.kqueue else {
            return new;
        };
        let entries = self.directories[index].path.read_dir();
        for entry in entries.into_iter().flatten().flatten() {
            if self.files.len() >= self.max_files {
                break;
            }
            let Some(session) = sstat::session_of_file(&entry.file_name()) else {
                continue;
            };
            let key = (index, session);
            // Opening a FIFO would wake its writers.
            if !self.files.contains_key(&key)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && let Some(file) = watch(kqueue, &entry.path(), OFlags::NOFOLLOW)
            {
                new.push(key.clone());
                self.files.insert(key, file);
            }
        }
        new
    }
}

/// Opens a file or directory and watches it until the descriptor is closed.
fn watch(kqueue: &Kqueue, path: &Path, flags: OFlags) -> Option<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Does not prevent the volume from being unmounted.
    #[cfg(target_vendor = "apple")]
    let flags = flags | OFlags::from_bits_retain(O_EVTONLY as u32);
    let file = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let changes = FilterFlag::NOTE_WRITE
        | FilterFlag::NOTE_EXTEND
        | FilterFlag::NOTE_DELETE
        | FilterFlag::NOTE_RENAME
        | FilterFlag::NOTE_REVOKE;
    let event = KEvent::new(
        file.as_raw_fd() as usize,
        EventFilter::EVFILT_VNODE,
        EvFlags::EV_ADD | EvFlags::EV_CLEAR,
        changes,
        0,
        0,
    );
    kqueue.kevent(&[event], &mut [], None).ok()?;
    Some(file)
}

/// A process that is watched until it ends. Dropping this does not end it: another
/// session can have the same process.
pub struct ExitWatch;

pub struct Exits(Option<Kqueue>);

impl Exits {
    pub fn new(_waker: &Waker) -> Self {
        Self(Kqueue::new().ok())
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }

    pub fn watch(&self, pid: u32, _watched: usize) -> Option<ExitWatch> {
        let flags = EvFlags::EV_ADD | EvFlags::EV_ONESHOT;
        let exit = FilterFlag::NOTE_EXIT;
        let pid = usize::try_from(pid).ok()?;
        let event = KEvent::new(pid, EventFilter::EVFILT_PROC, flags, exit, 0, 0);
        self.0.as_ref()?.kevent(&[event], &mut [], None).ok()?;
        Some(ExitWatch)
    }

    /// Returns the pids of processes that have ended, each once.
    pub fn take_ended(&self) -> HashSet<u32> {
        let events = self.0.iter().flat_map(take_events);
        let pids = events.filter_map(|event| u32::try_from(event.ident()).ok());
        pids.collect()
    }
}

/// Returns the events that have occurred.
fn take_events(kqueue: &Kqueue) -> Vec<KEvent> {
    const NONE: EvFlags = EvFlags::empty();
    let unused = KEvent::new(0, EventFilter::EVFILT_READ, NONE, FilterFlag::empty(), 0, 0);
    let no_wait = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut events = Vec::new();
    loop {
        let mut buffer = [unused; 64];
        let count = kqueue.kevent(&[], &mut buffer, Some(no_wait)).unwrap_or(0);
        events.extend_from_slice(&buffer[..count]);
        if count < buffer.len() {
            return events;
        }
    }
}
