//! Concurrent writers of one file, and readers at the same time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sstat::{HealthRules, Store, Thresholds};

use crate::ledger::Ledger;
use crate::support::{Sandbox, StopAtEnd};
use crate::{count, count_in_ci, random, run};

/// Pushes from several threads, each of which runs one process after another.
/// Returns the tokens and whether they were acknowledged.
pub fn push_from(
    sandbox: &Sandbox,
    threads: usize,
    pushes: usize,
    padding: &(impl Fn(usize) -> usize + Sync),
) -> Vec<(String, bool)> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    (0..pushes)
                        .map(|push| {
                            let token = format!("p{thread}-{push}");
                            let message = format!("{token} {}", "x".repeat(padding(push)));
                            let ran = run(&mut sandbox.command(["push", "w", "working", &message]));
                            assert!(ran.code == 0 || !ran.stderr.is_empty(), "{ran:?}");
                            (token, ran.code == 0)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

pub fn check(ledger: &Ledger, pushes: &[(String, bool)]) -> usize {
    ledger.check(pushes.iter().map(|(token, acked)| (token.as_str(), *acked)));
    pushes.iter().filter(|(_, acked)| *acked).count()
}

#[test]
fn concurrent_pushes_are_all_written() {
    let sandbox = Sandbox::new();
    let each = count(25, 2_000);
    let padding = |push| if push % 10 == 0 { 60 * 1024 } else { 100 };
    let pushes = push_from(&sandbox, 16, each, &padding);
    let content = std::fs::read(sandbox.file("w")).unwrap();
    let ledger = Ledger::of(&content);
    let acked = check(&ledger, &pushes);
    println!(
        "16 processes at once: {acked} acknowledged, {} invalid lines",
        ledger.bad
    );
    // Without other writers, no push fails, no line is damaged and none needs a
    // newline before it.
    assert_eq!((acked, ledger.bad), (16 * each, 0));
    assert_eq!(content.iter().filter(|&&byte| byte == b'\n').count(), acked);
}

fn append_to(path: &Path) -> File {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
}

/// Runs `work` while `writers` threads call `each` repeatedly. Returns the result
/// and the number of calls.
fn alongside<T>(
    writers: usize,
    each: impl Fn(usize, u64) + Sync,
    work: impl FnOnce() -> T,
) -> (T, u64) {
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = thread::scope(|scope| {
        for writer in 0..writers {
            let (stop, rounds, each) = (&stop, &rounds, &each);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    each(writer, round);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        work()
    });
    (result, rounds.into_inner())
}

#[test]
#[ignore = "slow: 8 s"]
fn pushes_are_written_once_despite_torn_lines() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("w");
    let whole = br#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"torn"}"#;
    let tear = |writer: usize, round: u64| {
        let mut random = fastrand::Rng::with_seed(writer as u64 * 1_000_000 + round);
        let cut = random.usize(1..whole.len());
        append_to(&path).write_all(&whole[..cut]).unwrap();
        thread::sleep(Duration::from_micros(random.u64(0..6_000)));
    };
    let each = count_in_ci(40, 650, 3_200);
    let (pushes, torn) = alongside(2, tear, || push_from(&sandbox, 16, each, &|_| 100));
    let ledger = Ledger::of(&std::fs::read(&path).unwrap());
    let acked = check(&ledger, &pushes);
    println!(
        "with {torn} torn lines: {acked} of {} acknowledged",
        pushes.len()
    );
    assert!(torn > 0 && acked * 10 > pushes.len() * 9);
}

#[test]
fn pushes_and_foreign_lines_are_all_written() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("w");
    // Like `echo`: one write for each line, on a new descriptor.
    let foreign = |writer: usize, round: u64| {
        let line = format!(
            "{{\"timestamp\":\"2026-02-14T20:35:00.5\",\"status\":\"idle\",\"message\":\"f{writer}-{round} {}\"}}\n",
            "y".repeat((round % 3) as usize * 1000)
        );
        append_to(&path).write_all(line.as_bytes()).unwrap();
        thread::sleep(Duration::from_micros(500));
    };
    let each = count_in_ci(150, 2_500, 12_500);
    let (pushes, rounds) = alongside(2, foreign, || push_from(&sandbox, 4, each, &|_| 100));
    let ledger = Ledger::of(&std::fs::read(&path).unwrap());
    let acked = check(&ledger, &pushes);
    let theirs = ledger
        .times
        .keys()
        .filter(|token| token.starts_with('f'))
        .count();
    println!("with {rounds} foreign lines: {acked} acknowledged, {theirs} foreign lines found");
    assert_eq!(
        (acked, ledger.bad, theirs as u64),
        (pushes.len(), 0, rounds)
    );
}

/// Python's `print` writes a line over 8 KiB in two parts. A push between them may
/// split that line, but must itself be written.
#[test]
fn pushes_are_written_between_partial_writes() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("w");
    let foreign = |writer: usize, round: u64| {
        let mut file = append_to(&path);
        let head = format!(
            "{{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"f{writer}-{round} "
        );
        file.write_all(head.as_bytes()).unwrap();
        thread::sleep(Duration::from_micros(200));
        file.write_all(b"and the rest\"}\n").unwrap();
        thread::sleep(Duration::from_millis(2));
    };
    let each = count(100, 5_000);
    let (pushes, rounds) = alongside(1, foreign, || push_from(&sandbox, 2, each, &|_| 100));
    let ledger = Ledger::of(&std::fs::read(&path).unwrap());
    let acked = check(&ledger, &pushes);
    let theirs = ledger
        .times
        .keys()
        .filter(|token| token.starts_with('f'))
        .count();
    println!(
        "with {rounds} lines in two writes: {acked} acknowledged, {theirs} foreign lines found"
    );
    assert_eq!(acked, pushes.len());
}

#[test]
fn readers_never_see_older_updates_or_none() {
    const SESSIONS: usize = 4;
    let sandbox = Sandbox::new();
    for session in 0..SESSIONS {
        sandbox.ok(["push", &format!("s{session}"), "working", "0"]);
    }
    let store = Store::new(sandbox.dir());
    let mut random = random("readers");
    let push = |writer: usize, round: u64| {
        let padding = "x".repeat(if round.is_multiple_of(5) { 5_000 } else { 50 });
        let message = format!("{} {padding}", round + 1);
        sandbox.ok(["push", &format!("s{writer}"), "working", &message]);
    };
    let reads = count(20_000, 1_000_000);
    let scans = count(30, 1_000);
    let number = |message: &str| -> u64 { message.split(' ').next().unwrap().parse().unwrap() };
    let (last, rounds) = alongside(SESSIONS, push, || {
        let rules = HealthRules::new(chrono::Utc::now(), Thresholds::default());
        let mut last = [0; SESSIONS];
        for _ in 0..reads {
            let session = random.usize(..SESSIONS);
            let (seen, warning) = store.session(&format!("s{session}"), &rules).unwrap();
            let now = number(&seen.expect("a session went missing").update.message);
            assert!(now >= last[session], "{now} after {}", last[session]);
            assert!(warning.is_none(), "{warning:?}");
            last[session] = now;
        }
        for _ in 0..scans {
            let list = sandbox.json(["list", "--json"]);
            for (session, last) in last.iter_mut().enumerate() {
                let now = number(list[format!("s{session}")]["message"].as_str().unwrap());
                assert!(now >= *last, "{now} after {last}");
                *last = now;
            }
        }
        last
    });
    println!("{reads} reads and {scans} lists during {rounds} pushes, last updates {last:?}");
    assert!(rounds > 0);
}
