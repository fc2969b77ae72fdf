//! Windows: files are opened without following links, and the lock is on a byte that
//! no file has, because a lock prevents other programs from reading and writing what
//! it covers.

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use winsafe::guard::CloseHandleGuard;
use winsafe::{HFILE, co};

use crate::error::Result;

/// A link is opened itself, and is then no regular file.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Required for opening a directory.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// The locked byte.
const LOCK_OFFSET: u64 = 1 << 62;

/// How long to wait for a program that has a file open and does not share it, such as
/// a virus scanner.
const SHARING_TIMEOUT: Duration = Duration::from_millis(200);

pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let deadline = Instant::now() + SHARING_TIMEOUT;
    let violation = co::ERROR::SHARING_VIOLATION.raw().cast_signed();
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    loop {
        match options.open(path) {
            Err(error) if error.raw_os_error() == Some(violation) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

pub(super) fn create(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    open(path, options)
}

/// Owners are not compared on this platform.
pub(super) fn foreign_owner(_path: &Path) -> Option<(&Path, u32)> {
    None
}

pub(super) fn kind_of_special(_kind: FileType) -> &'static str {
    "a special file"
}

#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(path.to_path_buf()))
    }

    pub(super) fn open_read(&self, file_name: &OsStr) -> io::Result<File> {
        open(&self.0.join(file_name), OpenOptions::new().read(true))
    }

    pub(super) fn names(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            each(&entry?.file_name());
        }
        Ok(())
    }
}

/// Creates a directory below an existing one.
pub(crate) fn create_directory(path: &Path, _private: bool) -> io::Result<()> {
    std::fs::create_dir(path)
}

pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// On this platform, directories cannot be synced.
pub(crate) fn sync_directory(_path: &Path) -> Result<()> {
    Ok(())
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Returns the volume and the index of a file, by which it is identified.
pub(super) fn identity(file: &File, _metadata: &Metadata) -> Option<(u64, u64)> {
    let information = winapi_util::file::information(file).ok()?;
    Some((information.volume_serial_number(), information.file_index()))
}

/// Returns the metadata and the identity of the file that a path names.
pub(crate) fn stat(path: &Path) -> io::Result<(Metadata, Option<(u64, u64)>)> {
    let flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    let mut options = OpenOptions::new();
    let file = options.access_mode(0).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    let identity = identity(&file, &metadata);
    Ok((metadata, identity))
}

/// The lock of a file, until it is dropped. A second handle holds it.
pub(crate) struct Lock {
    _handle: CloseHandleGuard<HFILE>,
}

/// Takes the lock. The caller checks afterwards that the path names the open file.
pub(crate) fn try_lock(_file: &File, path: &Path) -> std::result::Result<Lock, TryLockError> {
    let error = |error: co::ERROR| io::Error::from_raw_os_error(error.raw().cast_signed());
    let path = path.to_str().ok_or(io::ErrorKind::InvalidFilename);
    let (handle, _) = HFILE::CreateFile(
        path.map_err(|kind| TryLockError::Error(kind.into()))?,
        co::GENERIC::READ,
        Some(co::FILE_SHARE::READ | co::FILE_SHARE::WRITE | co::FILE_SHARE::DELETE),
        None,
        co::DISPOSITION::OPEN_EXISTING,
        co::FILE_ATTRIBUTE::NORMAL,
        Some(co::FILE_FLAG::OPEN_REPARSE_POINT),
        None,
        None,
    )
    .map_err(|code| TryLockError::Error(error(code)))?;
    match handle.LockFile(LOCK_OFFSET, 1) {
        // Closing the handle unlocks the byte.
        Ok(guard) => std::mem::forget(guard),
        Err(co::ERROR::LOCK_VIOLATION) => return Err(TryLockError::WouldBlock),
        Err(code) => return Err(TryLockError::Error(error(code))),
    }
    Ok(Lock { _handle: handle })
}

/// Releases the lock. Returns false: a file must not stay open, because no program
/// could replace it.
pub(crate) fn unlock(_file: &File, lock: Option<Lock>) -> bool {
    drop(lock);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_another_program_does_not_share_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut exclusive = OpenOptions::new();
        exclusive.write(true).create(true).share_mode(0);
        let held = exclusive.open(&path).unwrap();
        let start = Instant::now();
        assert!(open(&path, OpenOptions::new().append(true)).is_err());
        assert!(start.elapsed() >= SHARING_TIMEOUT);
        drop(held);
        open(&path, OpenOptions::new().append(true)).unwrap();
    }
}
