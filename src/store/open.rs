//! Opening a status file: the one place that decides what may be opened, and
//! that a FIFO, a device or a link neither hangs nor leads astray.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A status file as it was opened.
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
            Err(Error::NotRegular {
                kind: kind_of(metadata.file_type()),
                path: path(),
            })
        }
    }
}

/// Opens for appending, without creating.
pub(crate) fn open_append(path: &Path) -> Result<StatusFile> {
    open_for_append(path, false)
}

/// Creates a file that is not there yet; fails where there is one.
pub(crate) fn create_append(path: &Path) -> Result<StatusFile> {
    open_for_append(path, true)
}

fn open_for_append(path: &Path, create_new: bool) -> Result<StatusFile> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(create_new);
    careful(&mut options);
    let file = options
        .open(path)
        .map_err(|error| explain(error, "append", path))?;
    StatusFile::check(file, || path.to_path_buf())
}

/// Opens for reading.
pub(crate) fn open_read(path: &Path) -> Result<StatusFile> {
    let mut options = OpenOptions::new();
    options.read(true);
    careful(&mut options);
    let file = options
        .open(path)
        .map_err(|error| explain(error, "read", path))?;
    StatusFile::check(file, || path.to_path_buf())
}

#[cfg(unix)]
fn careful(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits() as i32);
}

#[cfg(not(unix))]
fn careful(_options: &mut OpenOptions) {}

/// Turns what `open` says of a file that is no regular one into the reason.
fn explain(error: io::Error, action: &'static str, path: &Path) -> Error {
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => Error::NotRegular {
            kind: kind_of(metadata.file_type()),
            path: path.to_path_buf(),
        },
        _ => Error::io(action, path)(error),
    }
}

fn kind_of(file_type: std::fs::FileType) -> &'static str {
    if file_type.is_dir() {
        return "a directory";
    }
    if file_type.is_symlink() {
        return "a symbolic link";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "a FIFO";
        }
        if file_type.is_socket() {
            return "a socket";
        }
        if file_type.is_block_device() || file_type.is_char_device() {
            return "a device";
        }
    }
    "a special file"
}

/// A directory held open, so that its files are opened by name alone.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    handle: File,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        #[cfg(unix)]
        {
            use rustix::fs::OFlags;
            use std::os::unix::fs::OpenOptionsExt;
            let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
            let handle = OpenOptions::new()
                .read(true)
                .custom_flags(flags.bits() as i32)
                .open(path)
                .map_err(Error::io("read", path))?;
            Ok(Self {
                path: path.to_path_buf(),
                handle,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {
            path: path.to_path_buf(),
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
            Err(error) => Err(explain(error.into(), "read", &self.path_of(file_name))),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn open_read(&self, file_name: &OsStr) -> Result<StatusFile> {
        open_read(&self.path_of(file_name))
    }

    /// The names of all entries.
    pub(crate) fn names(&self, mut each: impl FnMut(&OsStr)) -> Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let fail = |error: rustix::io::Errno| Error::io("read", &self.path)(error.into());
            let entries = rustix::fs::Dir::read_from(&self.handle).map_err(fail)?;
            for entry in entries {
                each(OsStr::from_bytes(
                    entry.map_err(fail)?.file_name().to_bytes(),
                ));
            }
            Ok(())
        }
        #[cfg(not(unix))]
        {
            let fail = |error| Error::io("read", &self.path)(error);
            for entry in std::fs::read_dir(&self.path).map_err(fail)? {
                each(
                    &entry
                        .map_err(|error| Error::io("read", &self.path)(error))?
                        .file_name(),
                );
            }
            Ok(())
        }
    }
}

/// Fills the whole buffer from an offset.
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

/// Reads what there is at an offset, up to the buffer's length.
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

/// What makes a file the same one: device and inode.
#[cfg(unix)]
pub(crate) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// What makes a file the same one; not known here.
#[cfg(not(unix))]
pub(crate) fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}
