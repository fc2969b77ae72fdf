//! Windows.

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Result;

pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.open(path)
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

/// On this platform, directories cannot be synced.
pub(crate) fn sync_directory(_path: &Path) -> Result<()> {
    Ok(())
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// On this platform, two open files cannot be compared.
pub(crate) fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}
