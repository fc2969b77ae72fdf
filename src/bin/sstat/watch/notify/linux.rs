//! Linux: inotify(7) and process file descriptors (pidfd_open(2)).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{Timespec, epoll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::process::{Pid, PidfdFlags, Resource, getrlimit, pidfd_open};

use super::ChangeSet;
use crate::watch::poller::Waker;

/// The size of the buffer, enough for several hundred events.
const BUFFER_BYTES: usize = 32 * 1024;

/// The maximum number of descriptors for processes. At most half of the
/// descriptors that sstat may open are used.
const MAX_PIDFDS: u64 = 4096;

/// How often [`DirWatcher::follow_path`] tries again if the path is created meanwhile.
const MAX_ATTEMPTS: u32 = 16;

/// The file notifications of some directories.
pub struct DirWatcher {
    /// `None` if the caller polls.
    inotify: Option<OwnedFd>,
    directories: Vec<Directory>,
}

/// A directory and its inotify(7) watches: of itself, and of its nearest existing
/// ancestor for its creation, replacement and removal.
struct Directory {
    path: PathBuf,
    /// `None` while the directory is missing.
    watch: Option<i32>,
    ancestor: Option<Ancestor>,
    is_network: bool,
}

struct Ancestor {
    watch: i32,
    /// The path of the ancestor's entry that leads to the directory.
    child: PathBuf,
}

impl DirWatcher {
    /// Starts to listen, unless `poll` is true.
    pub fn new(directories: Vec<PathBuf>, poll: bool, _waker: &Waker) -> Self {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let directories = directories.into_iter().map(|path| Directory {
            path,
            watch: None,
            ancestor: None,
            is_network: false,
        });
        let mut watcher = Self {
            inotify: inotify::init(flags).ok().filter(|_| !poll),
            directories: directories.collect(),
        };
        watcher.follow_path();
        watcher
    }

    /// Returns a descriptor that is readable when there are notifications.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Returns true if notifications are unavailable or incomplete.
    pub fn needs_polling(&self) -> bool {
        self.inotify.is_none()
            || self
                .directories
                .iter()
                .any(|directory| directory.is_network)
    }

    /// Listens to the directories that the paths name now, and to no other.
    pub fn follow_path(&mut self) {
        let before = self.watches();
        let Some(inotify) = &self.inotify else {
            return;
        };
        for directory in &mut self.directories {
            directory.follow_path(inotify);
        }
        for stale in before.difference(&self.watches()) {
            let _ = inotify::remove_watch(inotify, *stale);
        }
    }

    /// Directories can share the watch of an ancestor.
    fn watches(&self) -> HashSet<i32> {
        let watches = self.directories.iter().flat_map(|directory| {
            let ancestor = directory.ancestor.as_ref().map(|ancestor| ancestor.watch);
            directory.watch.into_iter().chain(ancestor)
        });
        watches.collect()
    }

    /// Returns the changes since the last call.
    pub fn changes(&mut self) -> ChangeSet {
        let mut changes = ChangeSet::default();
        let Some(inotify) = &self.inotify else {
            return changes;
        };
        let mut changed = HashSet::new();
        let mut lost = false;
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        // An error means that there are no more events.
        while let Ok(event) = reader.next() {
            let events = event.events();
            if events.contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.rescan = true;
                continue;
            }
            let gone = ReadFlags::IGNORED
                | ReadFlags::DELETE_SELF
                | ReadFlags::MOVE_SELF
                | ReadFlags::UNMOUNT;
            let name = event
                .file_name()
                .map(|name| OsStr::from_bytes(name.to_bytes()));
            for (index, directory) in self.directories.iter().enumerate() {
                if let Some(ancestor) = &directory.ancestor
                    && ancestor.watch == event.wd()
                {
                    lost |= events.intersects(gone) || name == ancestor.child.file_name();
                }
                if directory.watch != Some(event.wd()) {
                    continue;
                }
                lost |= events.intersects(gone);
                let Some(session) = name.and_then(sstat::session_of_file) else {
                    continue;
                };
                if changed.insert((index, session.clone())) {
                    changes.changed.push((index, session));
                }
            }
        }
        if lost {
            self.follow_path();
            changes.rescan = true;
        }
        changes
    }
}

impl Directory {
    fn follow_path(&mut self, inotify: &OwnedFd) {
        for _ in 0..MAX_ATTEMPTS {
            self.ancestor = watch_ancestor(inotify, &self.path);
            self.watch = watch_entries(inotify, &self.path, WatchFlags::MODIFY);
            // The entry may have been created before its parent was watched.
            let is_created = self
                .ancestor
                .as_ref()
                .is_some_and(|ancestor| ancestor.child.symlink_metadata().is_ok());
            if self.watch.is_some() || !is_created {
                break;
            }
        }
        self.is_network = is_network(&self.path);
    }
}

fn watch_ancestor(inotify: &OwnedFd, directory: &Path) -> Option<Ancestor> {
    directory.ancestors().find_map(|child| {
        let watch = watch_entries(inotify, child.parent()?, WatchFlags::empty())?;
        let child = child.to_path_buf();
        Some(Ancestor { watch, child })
    })
}

/// Watches the entries of a directory and the directory itself.
fn watch_entries(inotify: &OwnedFd, directory: &Path, more: WatchFlags) -> Option<i32> {
    let flags = WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::MASK_ADD
        | more;
    inotify::add_watch(inotify, directory, flags).ok()
}

/// Returns true if other hosts or a FUSE program can change files without a
/// notification of this kernel.
fn is_network(directory: &Path) -> bool {
    let mut ancestors = directory.ancestors();
    let existing = ancestors.find_map(|path| rustix::fs::statfs(path).ok());
    // From linux/magic.h and the headers of the file systems.
    const NETWORK: [u32; 15] = [
        0x0000_6969, // NFS
        0x0000_517b, // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x6573_5546, // FUSE: sshfs and others
        0x0102_1997, // 9p
        0x5346_414f, // AFS
        0x6b41_4653, // kAFS
        0x00c3_6400, // Ceph
        0x7375_7245, // Coda
        0x0bd0_0bd0, // Lustre
        0x4750_4653, // GPFS
        0x7461_636f, // OCFS2
        0x0116_1970, // GFS2
        0x786f_4256, // VirtualBox shared folders
    ];
    existing.is_some_and(|existing| NETWORK.contains(&(existing.f_type as u32)))
}

/// Watches a process until it is dropped.
pub type ExitWatch = OwnedFd;

pub struct Exits {
    /// Readable when a watched process has ended. `None` without epoll(7).
    epoll: Option<OwnedFd>,
    max_pidfds: u64,
}

impl Exits {
    pub fn new(_waker: &Waker) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).ok(),
            max_pidfds: (limit / 2).min(MAX_PIDFDS),
        }
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.epoll.as_ref().map(AsFd::as_fd)
    }

    /// Watches a process if the system can and a descriptor is left.
    pub fn watch(&self, pid: u32, watched: usize) -> Option<ExitWatch> {
        let epoll = self.epoll.as_ref()?;
        if watched as u64 >= self.max_pidfds {
            return None;
        }
        let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty()).ok()?;
        let data = epoll::EventData::new_u64(u64::from(pid));
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        epoll::add(epoll, &pidfd, data, flags).ok()?;
        Some(pidfd)
    }

    /// Returns the pids of processes that have ended, each once.
    pub fn take_ended(&self) -> HashSet<u32> {
        let mut pids = HashSet::new();
        let Some(epoll) = &self.epoll else {
            return pids;
        };
        let mut ready = Vec::with_capacity(64);
        loop {
            ready.clear();
            let spare = rustix::buffer::spare_capacity(&mut ready);
            let waited = epoll::wait(epoll, spare, Some(&Timespec::default()));
            if waited.is_err() || ready.is_empty() {
                return pids;
            }
            pids.extend(ready.iter().filter_map(|event| {
                let data = event.data;
                u32::try_from(data.u64()).ok()
            }));
        }
    }
}
