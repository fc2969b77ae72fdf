//! What a push does to the file, and what a reader makes of it, under every
//! fault that can be brought about: other writers good and bad, kills, failed
//! system calls, short writes, full disks, files that are no files, and
//! hostile text.
//!
//! Sizes are such that all of it runs in well under a minute. The sizes that
//! releases are measured by take an hour or so:
//!
//! ```sh
//! SSTAT_FAULTS=full cargo test --release --test faults -- --nocapture --test-threads=1
//! ```
//!
//! Each test prints what it counted, and its seed where it has one;
//! `SSTAT_FAULTS_SEED=N` runs that one again.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod concurrency;
mod full_disk;
mod hostile;
mod kills;
mod kinds;
mod ledger;
mod lines;
mod moves;
mod refusals;
mod syscalls;

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Ran;

/// What takes longer hangs. Far more than any command needs, because the
/// machine may be busy with something else.
const HANG: Duration = Duration::from_secs(20);

/// The number of a thing to do: quick by default, or as releases are measured.
fn count(quick: usize, full: usize) -> usize {
    count_in_ci(quick, quick, full)
}

/// The same for what CI does more often than a person waits for.
fn count_in_ci(quick: usize, ci: usize, full: usize) -> usize {
    match std::env::var("SSTAT_FAULTS").as_deref() {
        Ok("full") => full,
        Ok("ci") => ci,
        _ => quick,
    }
}

/// A random generator that says how it can be had again.
fn random(test: &str) -> fastrand::Rng {
    let seed = std::env::var("SSTAT_FAULTS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: SSTAT_FAULTS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Runs a command that must not hang, and must not panic.
fn run(command: &mut Command) -> Ran {
    let ran = run_to_end(command);
    assert!(
        !ran.stderr.contains("panicked") && ran.code != 101 && ran.code != 128 + 6,
        "panics: {command:?}\n{ran:?}"
    );
    ran
}

/// Runs a command that must not hang.
fn run_to_end(command: &mut Command) -> Ran {
    let described = format!("{command:?}");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let deadline = Instant::now() + HANG;
    let mut pause = Duration::from_micros(200);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("hangs: {described}");
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    Ran::from(std::process::Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    })
}

fn drain(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
