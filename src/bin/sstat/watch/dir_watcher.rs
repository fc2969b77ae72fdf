//! Where to look: what the file system says has changed in the directory.
//!
//! All of it is hints. They can be lost (the kernel's queue overflows), and on
//! network file systems nobody tells of other machines' writes; so a full
//! rescan follows an overflow and every interval, and there every second.

use std::path::Path;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub struct ChangeSet {
    /// Sessions whose file was made, changed or taken away, each once.
    pub changed: Vec<String>,
    /// Anything: all must be looked at.
    pub rescan: bool,
}

/// File-change notifications of one directory, or none.
pub struct DirWatcher {
    inotify_watch: Option<inotify_watch::Inotify>,
}

impl DirWatcher {
    /// Begins to listen, unless `poll` says that asking is better.
    pub fn new(directory: &Path, poll: bool) -> Self {
        let inotify_watch = if poll {
            None
        } else {
            inotify_watch::Inotify::new(directory)
        };
        Self { inotify_watch }
    }

    /// Whether changes must be looked for because not all are told.
    pub fn must_poll(&self) -> bool {
        self.inotify_watch
            .as_ref()
            .is_none_or(inotify_watch::Inotify::is_network)
    }

    /// What was told since the last call.
    pub fn changes(&mut self) -> ChangeSet {
        self.inotify_watch
            .as_mut()
            .map(inotify_watch::Inotify::read)
            .unwrap_or_default()
    }

    /// Listens to the directory that the path leads to by now, if it is
    /// another one than before.
    pub fn follow_path(&mut self) {
        if let Some(inotify_watch) = &mut self.inotify_watch {
            inotify_watch.arm();
        }
    }

    /// A descriptor that is readable when there are hints.
    #[cfg(unix)]
    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.inotify_watch
            .as_ref()
            .map(inotify_watch::Inotify::as_fd)
    }
}

#[cfg(target_os = "linux")]
mod inotify_watch {
    use std::collections::HashSet;
    use std::ffi::OsStr;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

    use super::ChangeSet;

    /// Several hundred events at a time.
    const BUFFER: usize = 32 * 1024;

    /// How often a path that is being made is looked up again.
    const ATTEMPTS: u32 = 16;

    /// inotify(7) on the directory, and on the one above it, which tells when
    /// it is made, replaced or taken away.
    pub struct Inotify {
        inotify: OwnedFd,
        directory: PathBuf,
        /// The directory's watch; none while it does not exist.
        watch: Option<i32>,
        above: Option<Above>,
        network: bool,
    }

    /// The nearest directory above that exists.
    struct Above {
        watch: i32,
        /// What leads down to the directory from there.
        child: PathBuf,
    }

    impl Inotify {
        pub fn new(directory: &Path) -> Option<Self> {
            let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
            let mut inotify_watch = Self {
                inotify: inotify::init(flags).ok()?,
                directory: directory.to_path_buf(),
                watch: None,
                above: None,
                network: false,
            };
            inotify_watch.arm();
            Some(inotify_watch)
        }

        pub fn as_fd(&self) -> BorrowedFd<'_> {
            self.inotify.as_fd()
        }

        pub fn is_network(&self) -> bool {
            self.network
        }

        /// Watches what the path leads to now, and nothing else.
        pub fn arm(&mut self) {
            let before = self.watches();
            for _ in 0..ATTEMPTS {
                self.above = self.watch_above();
                self.watch = self.watch_entries(&self.directory, WatchFlags::MODIFY);
                // What was missing may have been made before the directory
                // above it was watched.
                let made = self
                    .above
                    .as_ref()
                    .is_some_and(|above| above.child.symlink_metadata().is_ok());
                if self.watch.is_some() || !made {
                    break;
                }
            }
            let now = self.watches();
            for &stale in before.difference(&now) {
                let _ = inotify::remove_watch(&self.inotify, stale);
            }
            self.network = is_network(&self.directory);
        }

        fn watches(&self) -> HashSet<i32> {
            let above = self.above.as_ref().map(|above| above.watch);
            self.watch.into_iter().chain(above).collect()
        }

        fn watch_above(&self) -> Option<Above> {
            let mut child = self.directory.as_path();
            loop {
                let path = match child.parent()? {
                    path if path.as_os_str().is_empty() => Path::new("."),
                    path => path,
                };
                if let Some(watch) = self.watch_entries(path, WatchFlags::empty()) {
                    return Some(Above {
                        watch,
                        child: child.to_path_buf(),
                    });
                }
                child = child.parent()?;
            }
        }

        /// Watches which entries a directory has and what becomes of itself,
        /// and something more.
        fn watch_entries(&self, directory: &Path, more: WatchFlags) -> Option<i32> {
            let flags = WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR
                | WatchFlags::MASK_ADD
                | more;
            inotify::add_watch(&self.inotify, directory, flags).ok()
        }

        pub fn read(&mut self) -> ChangeSet {
            let mut changes = ChangeSet::default();
            let mut changed = HashSet::new();
            let mut lost = false;
            let mut buffer = [MaybeUninit::uninit(); BUFFER];
            let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
            // Fails when there is nothing more to read.
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
                if let Some(above) = &self.above
                    && above.watch == event.wd()
                {
                    lost |= events.intersects(gone) || name == above.child.file_name();
                }
                if self.watch != Some(event.wd()) {
                    continue;
                }
                lost |= events.intersects(gone);
                let Some(name) = name else { continue };
                let Some(session) = sstat::session_of_file(name) else {
                    continue;
                };
                if changed.insert(session.clone()) {
                    changes.changed.push(session);
                }
            }
            if lost {
                self.arm();
                changes.rescan = true;
            }
            changes
        }
    }

    /// Whether other machines, or a program, may change what lies there
    /// without this kernel knowing.
    fn is_network(directory: &Path) -> bool {
        let existing = directory
            .ancestors()
            .map(|path| match path {
                path if path.as_os_str().is_empty() => Path::new("."),
                path => path,
            })
            .find_map(|path| rustix::fs::statfs(path).ok());
        // From linux/magic.h and the file systems' own headers.
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
            0x786f_4256, // VirtualBox's shared folders
        ];
        existing.is_some_and(|existing| NETWORK.contains(&(existing.f_type as u32)))
    }
}

/// Nobody tells here.
#[cfg(not(target_os = "linux"))]
mod inotify_watch {
    use std::path::Path;

    use super::ChangeSet;

    pub enum Inotify {}

    impl Inotify {
        pub fn new(_directory: &Path) -> Option<Self> {
            None
        }

        #[cfg(unix)]
        pub fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            match *self {}
        }

        pub fn is_network(&self) -> bool {
            match *self {}
        }

        pub fn arm(&mut self) {
            match *self {}
        }

        pub fn read(&mut self) -> ChangeSet {
            match *self {}
        }
    }
}
