//! `std::fs` for files that a program under test reads meanwhile. Windows refuses
//! changes to them for that moment, so they are repeated.

pub use std::fs::*;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    retry(|| std::fs::rename(&from, &to))
}

pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    retry(|| std::fs::remove_file(&path))
}

pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    retry(|| std::fs::remove_dir_all(&path))
}

fn retry(mut change: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match change() {
            Err(error) if cfg!(windows) && error.kind() != io::ErrorKind::NotFound => {
                if Instant::now() >= deadline {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}
