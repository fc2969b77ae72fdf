//! Rotates with `contrib/logrotate` while sessions are pushing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Ran, Sandbox, have};

/// Number of threads that push until all rotations are done.
const PUSHERS: usize = 3;
const ROTATIONS: usize = 12;

#[test]
fn rotation_neither_loses_nor_duplicates_updates() {
    if !have("logrotate") || !have("gzip") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    let directory = sandbox.dir();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/logrotate/sstat");
    let mut config = fs::read_to_string(shipped).unwrap();
    for (from, to) in [
        ("/srv/status", directory.to_str().unwrap()),
        ("size 10M", "size 1"),
        ("rotate 8", "rotate 100"),
    ] {
        assert!(config.contains(from), "{from}");
        config = config.replace(from, to);
    }
    let config_path = sandbox.root().join("logrotate.conf");
    fs::write(&config_path, config).unwrap();
    // logrotate ignores a file that the group may change, whatever the umask is.
    fs::set_permissions(&config_path, fs::Permissions::from_mode(0o644)).unwrap();

    let pushing = AtomicBool::new(true);
    let rotate = || {
        let mut logrotate = Command::new("logrotate");
        sandbox.isolate(&mut logrotate);
        logrotate
            .arg("-s")
            .arg(sandbox.root().join("state"))
            .arg(&config_path);
        let ran = Ran::from(logrotate.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    };
    let pushed: BTreeMap<String, usize> = thread::scope(|scope| {
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|pusher| {
                let (sandbox, pushing) = (&sandbox, &pushing);
                scope.spawn(move || {
                    let mut pushed = Vec::new();
                    while pushing.load(Ordering::Relaxed) {
                        let message = format!("{pusher}-{}", pushed.len());
                        sandbox.ok(["push", "w1", "working", &message]);
                        pushed.push((message, 1));
                    }
                    pushed
                })
            })
            .collect();
        let rotated = scope.spawn(|| {
            for _ in 0..ROTATIONS {
                rotate();
            }
        });
        let rotated = rotated.join();
        pushing.store(false, Ordering::Relaxed);
        rotated.unwrap();
        let pushed = pushers.into_iter().map(|pusher| pusher.join().unwrap());
        pushed.flatten().collect()
    });

    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut note = |lines: &str| {
        for line in lines.lines() {
            let update = sstat::Update::decode(line.as_bytes()).unwrap();
            *found.entry(update.message).or_default() += 1;
        }
    };
    note(&fs::read_to_string(sandbox.file("w1")).unwrap_or_default());
    let mut compressed = 0;
    for entry in fs::read_dir(directory.join("archive")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|kind| kind == "gz") {
            compressed += 1;
            let output = Command::new("gzip").arg("-dc").arg(entry.path()).output();
            note(std::str::from_utf8(&output.unwrap().stdout).unwrap());
        } else {
            note(&fs::read_to_string(entry.path()).unwrap());
        }
    }
    assert!(compressed > 0);
    assert!(found == pushed, "lost or duplicated");
}
