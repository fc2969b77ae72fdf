//! Opening files: the only place that opens a status file or its directory.
//!
//! Anyone who may write to the directory can put a FIFO, a device or a symbolic
//! link in the place of a status file. Opening a FIFO would block until another
//! program opens it too, a terminal would become the controlling one, and a link
//! could lead to any file of the user. The flags below prevent that, and anything
//! but a regular file is an error.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A status file and its metadata when it was opened.
#[derive(Debug)]
pub(crate) struct StatusFile {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
}

impl StatusFile {
    fn check(file: File, path: impl FnOnce() -> PathBuf) -> Result<Self> {
        let metadata = match file.metadata() {
            Ok(metadata) => metadata,
            Err(source) => return Err(Error::io("read", &path())(source)),
        };
        if metadata.is_file() {
            Ok(Self { file, metadata })
        } else {
            Err(not_regular(&metadata, path()))
        }
    }
}

/// Opens an existing file for appending.
pub(crate) fn open_append(path: &Path) -> Result<StatusFile> {
    open(path, OpenOptions::new().read(true).append(true), "append")
}

/// Creates a file for appending. An existing file is an error.
pub(crate) fn create_append(path: &Path) -> Result<StatusFile> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    if is_root()
        && let (Some(directory), Some(name)) = (path.parent(), path.file_name())
    {
        return match create_append_as_root(directory, name) {
            Ok(file) => StatusFile::check(file, || path.to_path_buf()),
            Err(error) => Err(open_error(error, "append", path)),
        };
    }
    open(path, &mut options, "append")
}

/// Creates a file and gives it to the owner of its directory. Both are the same
/// open directory, even if another user replaces its path meanwhile.
#[cfg(unix)]
fn create_append_as_root(directory: &Path, name: &OsStr) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let directory = open_directory(directory)?;
    let created = openat(&directory, name, flags, Mode::from_raw_mode(0o666))?.into();
    give_to_owner_of(&created, &directory.metadata()?);
    Ok(created)
}

/// Opens a file for reading.
pub(crate) fn open_read(path: &Path) -> Result<StatusFile> {
    open(path, OpenOptions::new().read(true), "read")
}

fn open(path: &Path, options: &mut OpenOptions, action: &'static str) -> Result<StatusFile> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits() as i32);
    }
    match options.open(path) {
        Ok(file) => StatusFile::check(file, || path.to_path_buf()),
        Err(error) => Err(open_error(error, action, path)),
    }
}

/// Returns the reason why `open` failed: with these flags, the system's own error
/// for a symbolic link is "too many levels of symbolic links".
fn open_error(error: io::Error, action: &'static str, path: &Path) -> Error {
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => not_regular(&metadata, path.to_path_buf()),
        _ => refused(error, action, path),
    }
}

/// Returns the error of an action on a path. If the system denies permission, it
/// names the owner, who can grant it.
pub(crate) fn refused(source: io::Error, action: &'static str, path: &Path) -> Error {
    #[cfg(unix)]
    if source.kind() == io::ErrorKind::PermissionDenied {
        use std::os::unix::fs::MetadataExt;
        let found = path
            .ancestors()
            .find_map(|owned| Some((owned, owned.symlink_metadata().ok()?.uid())));
        if let Some((owned, owner)) = found
            && owner != rustix::process::geteuid().as_raw()
        {
            return Error::Denied {
                action,
                path: path.to_path_buf(),
                owned: owned.to_path_buf(),
                owner,
                source,
            };
        }
    }
    Error::io(action, path)(source)
}

fn not_regular(metadata: &Metadata, path: PathBuf) -> Error {
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_symlink() => "a symbolic link",
        #[cfg(unix)]
        kind => {
            use std::os::unix::fs::FileTypeExt;
            match kind {
                _ if kind.is_fifo() => "a FIFO",
                _ if kind.is_socket() => "a socket",
                _ if kind.is_block_device() || kind.is_char_device() => "a device",
                _ => "a special file",
            }
        }
        #[cfg(not(unix))]
        _ => "a special file",
    };
    Error::NotRegular { path, kind }
}

/// An open directory. Its files are opened relative to it, which saves the system
/// from resolving the path for each of them.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    handle: File,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            #[cfg(unix)]
            handle: open_directory(path).map_err(|error| refused(error, "read", path))?,
        })
    }

    pub(crate) fn path_of(&self, file_name: &OsStr) -> PathBuf {
        self.path.join(file_name)
    }

    #[cfg(unix)]
    pub(crate) fn open_read(&self, file_name: &OsStr) -> Result<StatusFile> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match openat(&self.handle, file_name, flags, Mode::empty()) {
            Ok(file) => StatusFile::check(file.into(), || self.path_of(file_name)),
            Err(error) => {
                let path = self.path_of(file_name);
                Err(open_error(error.into(), "read", &path))
            }
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn open_read(&self, file_name: &OsStr) -> Result<StatusFile> {
        open_read(&self.path_of(file_name))
    }

    /// Calls `each` with the name of every entry.
    pub(crate) fn names(&self, each: impl FnMut(&OsStr)) -> Result<()> {
        self.read_names(each).map_err(Error::io("read", &self.path))
    }

    #[cfg(unix)]
    fn read_names(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        use std::os::unix::ffi::OsStrExt;
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            each(OsStr::from_bytes(entry?.file_name().to_bytes()));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn read_names(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.path)? {
            each(&entry?.file_name());
        }
        Ok(())
    }
}

/// Opens a directory. The empty path, the parent of a bare file name, is the
/// current directory.
#[cfg(unix)]
fn open_directory(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits() as i32);
    options.open(Path::new(".").join(path))
}

/// Creates a directory in an existing one. Only its owner can access it if it is
/// `private`.
#[cfg(unix)]
pub(crate) fn create_directory(path: &Path, private: bool) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mode = if private { 0o700 } else { 0o777 };
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if is_root() => create_as_root(parent, name, mode),
        _ => std::fs::DirBuilder::new().mode(mode).create(path),
    }
}

/// Creates a directory and gives it to the owner of its parent: root with a user's
/// `HOME` would otherwise lock that user out of `~/.local`.
///
/// The owner of the parent can replace the new directory before it is opened. An
/// empty directory of root in their own directory is all they can gain.
#[cfg(unix)]
fn create_as_root(parent: &Path, name: &OsStr, mode: u32) -> io::Result<()> {
    use rustix::fs::{Dir, Mode, OFlags, mkdirat, openat};
    use std::os::unix::fs::MetadataExt;
    let parent = open_directory(parent)?;
    mkdirat(&parent, name, Mode::from_raw_mode(mode as _))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let created: File = openat(&parent, name, flags, Mode::empty())?.into();
    let mut entries = Dir::read_from(&created)?;
    let is_empty = entries.all(|entry| {
        entry.is_ok_and(|entry| [&b"."[..], b".."].contains(&entry.file_name().to_bytes()))
    });
    if is_empty && created.metadata()?.uid() == 0 {
        give_to_owner_of(&created, &parent.metadata()?);
    }
    Ok(())
}

/// Gives a file that root has just created to the owner of its directory. Without
/// the right to do so, as in some containers, it stays root's.
#[cfg(unix)]
fn give_to_owner_of(created: &File, directory: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if directory.uid() != 0 {
        let _ = fchown(created, Some(directory.uid()), Some(directory.gid()));
    }
}

#[cfg(unix)]
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Creates a directory below an existing one.
#[cfg(not(unix))]
pub(crate) fn create_directory(path: &Path, _private: bool) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// Makes the entries of a directory durable.
#[cfg(unix)]
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    open_directory(path)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::io("sync", path))
}

/// On this platform, directories cannot be synced.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_path: &Path) -> Result<()> {
    Ok(())
}

/// Fills the buffer from an offset.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match read_some_at(file, &mut buffer[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
}

/// Reads from an offset. Returns the number of bytes, 0 at the end of the file.
pub(crate) fn read_some_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Returns the device and inode numbers, by which a file is identified.
#[cfg(unix)]
pub(crate) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// On this platform, two open files cannot be compared.
#[cfg(not(unix))]
pub(crate) fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}
