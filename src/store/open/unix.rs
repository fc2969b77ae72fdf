//! Unix: flags of open(2) that neither block nor follow links, and files relative
//! to an open directory.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, FileType, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags, mkdirat, openat};

use crate::error::{Error, Result};

/// The flags of every status file that is opened.
const FLAGS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.custom_flags(FLAGS.bits() as i32).open(path)
}

/// Creates a file for appending. Root gives it to the owner of its directory. Both
/// are the same open directory, even if another user replaces its path meanwhile.
pub(super) fn create(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let (true, Some(directory), Some(name)) = (is_root(), path.parent(), path.file_name()) else {
        return open(path, options);
    };
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL | FLAGS;
    let directory = open_directory(directory)?;
    let created = openat(&directory, name, flags, Mode::from_raw_mode(0o666))?.into();
    give_to_owner_of(&created, &directory.metadata()?);
    Ok(created)
}

/// Returns the part of a path that belongs to another user, and its owner.
pub(super) fn foreign_owner(path: &Path) -> Option<(&Path, u32)> {
    let mut ancestors = path.ancestors();
    let (owned, owner) =
        ancestors.find_map(|owned| Some((owned, owned.symlink_metadata().ok()?.uid())))?;
    (owner != rustix::process::geteuid().as_raw()).then_some((owned, owner))
}

pub(super) fn kind_of_special(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_block_device() || kind.is_char_device() => "a device",
        _ => "a special file",
    }
}

#[derive(Debug)]
pub(super) struct Directory(File);

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        open_directory(path).map(Self)
    }

    pub(super) fn open_read(&self, file_name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | FLAGS;
        Ok(openat(&self.0, file_name, flags, Mode::empty())?.into())
    }

    pub(super) fn names(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            each(OsStr::from_bytes(entry?.file_name().to_bytes()));
        }
        Ok(())
    }
}

/// Opens a directory. The empty path, the parent of a bare file name, is the
/// current directory.
fn open_directory(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits() as i32);
    options.open(Path::new(".").join(path))
}

/// Creates a directory in an existing one. Only its owner can access it if it is
/// `private`.
pub(crate) fn create_directory(path: &Path, private: bool) -> io::Result<()> {
    let mode = if private { 0o700 } else { 0o777 };
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if is_root() => create_as_root(parent, name, mode),
        _ => DirBuilder::new().mode(mode).create(path),
    }
}

/// Creates a directory and gives it to the owner of its parent: root with a user's
/// `HOME` would otherwise lock that user out of `~/.local`.
///
/// The owner of the parent can replace the new directory before it is opened. An
/// empty directory of root in their own directory is all they can gain.
fn create_as_root(parent: &Path, name: &OsStr, mode: u32) -> io::Result<()> {
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
fn give_to_owner_of(created: &File, directory: &Metadata) {
    if directory.uid() != 0 {
        let _ = fchown(created, Some(directory.uid()), Some(directory.gid()));
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until the data of a file is on the disk.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    or_fsync(file.sync_data(), file)
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    open_directory(path)
        .and_then(|directory| or_fsync(directory.sync_all(), &directory))
        .map_err(Error::io("sync", path))
}

/// On macOS, the standard library uses `F_FULLFSYNC`, which network shares reject.
fn or_fsync(synced: io::Result<()>, file: &File) -> io::Result<()> {
    match synced {
        Err(_) if cfg!(target_vendor = "apple") => Ok(rustix::fs::fsync(file)?),
        synced => synced,
    }
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Returns the device and inode numbers, by which a file is identified.
pub(super) fn identity(_file: &File, metadata: &Metadata) -> Option<(u64, u64)> {
    Some((metadata.dev(), metadata.ino()))
}

/// Returns the metadata and the identity of the file that a path names.
pub(crate) fn stat(path: &Path) -> io::Result<(Metadata, Option<(u64, u64)>)> {
    let metadata = path.symlink_metadata()?;
    let identity = (metadata.dev(), metadata.ino());
    Ok((metadata, Some(identity)))
}

/// The lock of an open file.
pub(crate) struct Lock;

pub(crate) fn try_lock(file: &File, _path: &Path) -> std::result::Result<Lock, TryLockError> {
    file.try_lock().map(|()| Lock)
}

/// Releases the lock. Returns true if the file may stay open.
pub(crate) fn unlock(file: &File, _lock: Option<Lock>) -> bool {
    file.unlock().is_ok()
}
