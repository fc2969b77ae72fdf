//! Files that are renamed, truncated or removed while they are in use.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::concurrency::{check, push_from};
use crate::ledger::Ledger;
use crate::support::{Sandbox, StopAtEnd};
use crate::{count, run};

/// Runs `work` while another thread calls `each` repeatedly. Returns the result
/// and the number of calls.
fn meanwhile<T>(mut each: impl FnMut(usize) + Send, work: impl FnOnce() -> T) -> (T, usize) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                each(rounds);
                rounds += 1;
                thread::sleep(Duration::from_millis(1));
            }
            rounds
        });
        let result = {
            let _stop = StopAtEnd(&stop);
            work()
        };
        (result, other.join().unwrap())
    })
}

#[test]
fn rotation_loses_no_update() {
    let sandbox = Sandbox::new();
    let each = count(150, 7_500);
    let rotate = |round| {
        let _ = fs::rename(sandbox.file("w"), sandbox.dir().join(format!("w.{round}")));
    };
    let (pushes, rounds) = meanwhile(rotate, || push_from(&sandbox, 4, each, &|_| 100));
    let ledger = Ledger::of_directory(&sandbox.dir());
    let acked = check(&ledger, &pushes);
    println!("{rounds} renames: {acked} acknowledged");
    assert_eq!((acked, ledger.bad), (pushes.len(), 0));
}

/// Removed updates are lost, but no command hangs, no reader fails and the next
/// push is written.
#[test]
fn truncation_and_removal_break_no_command() {
    let sandbox = Sandbox::new();
    let harm = |round| {
        if round % 2 == 0 {
            let _ = fs::remove_file(sandbox.file("w"));
        } else {
            let _ = fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(sandbox.file("w"));
        }
    };
    let each = count(75, 2_500);
    let (pushes, rounds) = meanwhile(harm, || {
        let readers = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !readers.load(Ordering::Relaxed) {
                    for args in [&["summary"][..], &["history", "w"], &["list", "--json"]] {
                        let ran = run(&mut sandbox.command(args));
                        assert!(ran.code <= 1, "{args:?}: {ran:?}");
                    }
                }
            });
            let _stop = StopAtEnd(&readers);
            push_from(&sandbox, 2, each, &|push| push % 3 * 3_000)
        })
    });
    let refused = pushes.iter().filter(|(_, acked)| !acked).count();
    println!(
        "{rounds} truncations and removals: {refused} of {} pushes failed",
        pushes.len()
    );
    sandbox.ok(["push", "w", "working", "last"]);
    let ledger = Ledger::of(&fs::read(sandbox.file("w")).unwrap());
    assert_eq!(ledger.times("last"), 1);
    assert!(ledger.times.values().all(|&times| times == 1));
}
