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

use crate::error::{Error, Result, printable, without_number};

#[cfg_attr(unix, path = "open/unix.rs")]
#[cfg_attr(windows, path = "open/windows.rs")]
mod platform;

#[cfg(unix)]
pub(crate) use self::platform::is_root;
pub(crate) use self::platform::{
    Lock, create_directory, stat, sync_data, sync_directory, try_lock, unlock,
};

/// A status file and its metadata when it was opened.
#[derive(Debug)]
pub(crate) struct StatusFile {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
}

impl StatusFile {
    /// Returns two numbers by which the file is identified; `None` if the system
    /// cannot identify it.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        platform::identity(&self.file, &self.metadata)
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
    check(platform::create(path, &mut options), "append", || {
        path.to_path_buf()
    })
}

/// Opens a file for reading.
pub(crate) fn open_read(path: &Path) -> Result<StatusFile> {
    open(path, OpenOptions::new().read(true), "read")
}

fn open(path: &Path, options: &mut OpenOptions, action: &'static str) -> Result<StatusFile> {
    check(platform::open(path, options), action, || path.to_path_buf())
}

/// Checks that the opened file is a regular one.
fn check(
    opened: io::Result<File>,
    action: &'static str,
    path: impl Fn() -> PathBuf,
) -> Result<StatusFile> {
    let file = opened.map_err(|error| open_error(error, action, &path()))?;
    let metadata = file
        .metadata()
        .map_err(|error| Error::io("read", &path())(error))?;
    if metadata.is_file() {
        Ok(StatusFile { file, metadata })
    } else {
        Err(not_regular(&metadata, path()))
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
pub(crate) fn refused(mut source: io::Error, action: &'static str, path: &Path) -> Error {
    if source.kind() == io::ErrorKind::PermissionDenied
        && let Some((owned, owner)) = platform::foreign_owner(path)
    {
        let (reason, owned) = (without_number(&source), printable(owned));
        let reason = format!("{reason} ({owned} belongs to user {owner})");
        source = io::Error::new(source.kind(), reason);
    }
    Error::io(action, path)(source)
}

fn not_regular(metadata: &Metadata, path: PathBuf) -> Error {
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_symlink() => "a symbolic link",
        kind => platform::kind_of_special(kind),
    };
    Error::NotRegular { path, kind }
}

/// An open directory. Its files are opened relative to it, which saves the system
/// from resolving the path for each of them.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    handle: platform::Directory,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            handle: platform::Directory::open(path)
                .map_err(|error| refused(error, "read", path))?,
        })
    }

    pub(crate) fn path_of(&self, file_name: &OsStr) -> PathBuf {
        self.path.join(file_name)
    }

    pub(crate) fn open_read(&self, file_name: &OsStr) -> Result<StatusFile> {
        check(self.handle.open_read(file_name), "read", || {
            self.path_of(file_name)
        })
    }

    /// Calls `each` with the name of every entry.
    pub(crate) fn names(&self, each: impl FnMut(&OsStr)) -> Result<()> {
        let read = self.handle.names(each);
        read.map_err(Error::io("read", &self.path))
    }
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
        match platform::read_at(file, buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
