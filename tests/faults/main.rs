//! Pushes and readers under injected faults: other writers, kills, failed system
//! calls, short writes, full disks, special files and hostile text.
//!
//! By default, all tests together take less than a minute. The sizes by which
//! releases are measured take about an hour:
//!
//! ```sh
//! SSTAT_FAULTS=full cargo test --release --test faults -- --nocapture --test-threads=1
//! ```
//!
//! Each test prints its counts. A randomized test also prints its seed, which
//! `SSTAT_FAULTS_SEED=N` reuses.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod concurrency;
#[cfg(target_os = "linux")] // mount
mod full_disk;
#[cfg(target_os = "linux")] // names that other file systems refuse
mod hostile;
mod kills;
#[cfg(target_os = "linux")] // devices and /proc
mod kinds;
mod ledger;
mod lines;
mod moves;
#[cfg(target_os = "linux")] // setpriv and prlimit
mod refusals;
#[cfg(target_os = "linux")] // strace
mod syscalls;

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Ran;

/// A command that takes longer is considered to hang. No command needs nearly as
/// much, but the machine may be busy.
const HANG: Duration = Duration::from_secs(120);

/// Returns how often to repeat something: `full` for releases, else `quick`.
fn count(quick: usize, full: usize) -> usize {
    count_in_ci(quick, quick, full)
}

/// Like [`count`], with a third size for CI.
fn count_in_ci(quick: usize, ci: usize, full: usize) -> usize {
    match std::env::var("SSTAT_FAULTS").as_deref() {
        Ok("full") => full,
        Ok("ci") => ci,
        _ => quick,
    }
}

/// Returns a random generator, and prints its seed.
fn random(test: &str) -> fastrand::Rng {
    let seed = std::env::var("SSTAT_FAULTS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: SSTAT_FAULTS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Runs a command, which must neither hang nor panic.
fn run(command: &mut Command) -> Ran {
    let ran = run_to_end(command);
    assert!(
        !ran.stderr.contains("panicked") && ran.code != 101 && ran.code != 128 + 6,
        "panics: {command:?}\n{ran:?}"
    );
    ran
}

/// Runs a command, which must not hang.
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
