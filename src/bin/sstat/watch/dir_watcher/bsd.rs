//! macOS and the BSDs: kqueue(2) notifies changes of files that are open. There can
//! be more files than descriptors, so the caller polls too.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, getrlimit};

#[cfg(target_vendor = "apple")]
use nix::libc::O_EVTONLY;

use super::ChangeSet;
use crate::watch::exits::take_events;
use crate::watch::poller::Waker;

/// The maximum number of open files. At most a quarter of the descriptors that sstat
/// may open are used: macOS has a limit of 256 by default.
const MAX_FILES: u64 = 4096;

/// The file notifications of some directories.
pub struct DirWatcher {
    /// `None` if the caller polls.
    kqueue: Option<Kqueue>,
    directories: Vec<Directory>,
    max_files: usize,
}

struct Directory {
    path: PathBuf,
    /// The open directory, and its device and inode numbers; `None` while it is
    /// missing.
    open: Option<(OwnedFd, (u64, u64))>,
    /// The open files by session.
    files: HashMap<String, OwnedFd>,
}

impl DirWatcher {
    /// Starts to listen, unless `poll` is true.
    pub fn new(directories: Vec<PathBuf>, poll: bool, _waker: &Waker) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let directories = directories.into_iter().map(|path| Directory {
            path,
            open: None,
            files: HashMap::new(),
        });
        let mut watcher = Self {
            kqueue: Kqueue::new().ok().filter(|_| !poll),
            directories: directories.collect(),
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
        let mut open_files = self.open_files();
        let Some(kqueue) = &self.kqueue else {
            return;
        };
        for directory in &mut self.directories {
            let now = directory.path.metadata().ok().map(|metadata| {
                use std::os::unix::fs::MetadataExt;
                (metadata.dev(), metadata.ino())
            });
            let before = directory.open.as_ref().map(|(_, identity)| *identity);
            if now == before {
                continue;
            }
            open_files -= directory.files.len();
            directory.files.clear();
            directory.open = now.and_then(|identity| {
                let flags = OFlags::DIRECTORY;
                Some((watch(kqueue, &directory.path, flags)?, identity))
            });
            open_files += directory
                .open_new_files(kqueue, self.max_files - open_files)
                .len();
        }
    }

    fn open_files(&self) -> usize {
        self.directories
            .iter()
            .map(|directory| directory.files.len())
            .sum()
    }

    /// Returns the changes since the last call.
    pub fn changes(&mut self) -> ChangeSet {
        let mut changes = ChangeSet::default();
        let Some(kqueue) = &self.kqueue else {
            return changes;
        };
        let mut changed = HashSet::new();
        let gone = FilterFlag::NOTE_DELETE | FilterFlag::NOTE_RENAME | FilterFlag::NOTE_REVOKE;
        let mut open_files = self.open_files();
        for event in take_events(kqueue) {
            let is_event_of = |file: &OwnedFd| file.as_raw_fd() as usize == event.ident();
            let is_gone = event.fflags().intersects(gone);
            for (index, directory) in self.directories.iter_mut().enumerate() {
                if directory
                    .open
                    .as_ref()
                    .is_some_and(|(open, _)| is_event_of(open))
                {
                    changes.rescan |= is_gone;
                    let room = self.max_files.saturating_sub(open_files);
                    let new = directory.open_new_files(kqueue, room);
                    open_files += new.len();
                    changed.extend(new.into_iter().map(|name| (index, name)));
                    continue;
                }
                let mut files = directory.files.iter();
                let Some((name, _)) = files.find(|(_, file)| is_event_of(file)) else {
                    continue;
                };
                let name = name.clone();
                if is_gone {
                    directory.files.remove(&name);
                    open_files -= 1;
                }
                changed.insert((index, name));
            }
        }
        changes.changed = changed.into_iter().collect();
        if changes.rescan {
            self.follow_path();
        }
        changes
    }
}

impl Directory {
    /// Opens and watches the files that are not open yet, at most `room`. Returns
    /// their sessions.
    fn open_new_files(&mut self, kqueue: &Kqueue, room: usize) -> Vec<String> {
        let mut new = Vec::new();
        for entry in self.path.read_dir().into_iter().flatten().flatten() {
            if new.len() >= room {
                break;
            }
            // Opening a FIFO would wake its writers.
            if let Some(name) = sstat::session_of_file(&entry.file_name())
                && !self.files.contains_key(&name)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && let Some(file) = watch(kqueue, &entry.path(), OFlags::NOFOLLOW)
            {
                self.files.insert(name.clone(), file);
                new.push(name);
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
