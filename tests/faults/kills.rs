//! SIGKILL at any moment.

use std::time::Duration;

use crate::ledger::Ledger;
use crate::support::Sandbox;
use crate::{count_in_ci, random, run};

#[test]
fn killed_push_damages_no_line() {
    let sandbox = Sandbox::new();
    let mut random = random("kill -9");
    let kills = count_in_ci(300, 500, 20_000);
    let (mut killed, mut acked) = (0, 0);
    let mut pushes = Vec::new();
    for push in 0..kills {
        let token = format!("k{push}");
        let padding = [100, 300, 4_000, 60_000][push % 4];
        let message = format!("{token} {}", "x".repeat(padding));
        let mut child = sandbox
            .command(["push", "w", "working", &message])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random.u64(0..3_000)));
        let _ = child.kill();
        let ended = child.wait().unwrap();
        if ended.success() {
            acked += 1;
        } else {
            killed += 1;
        }
        pushes.push((token, ended.success()));
        // The next push succeeds whatever the killed one has written.
        if push % 10 == 9 {
            let token = format!("n{push}");
            let ran = run(&mut sandbox.command(["push", "w", "working", &token]));
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            pushes.push((token, true));
        }
    }
    let ledger = Ledger::of(&std::fs::read(sandbox.file("w")).unwrap());
    ledger.check(pushes.iter().map(|(token, acked)| (token.as_str(), *acked)));
    println!(
        "{kills} kills: {killed} hit, {acked} too late, {} lines torn",
        ledger.bad
    );
    assert!(killed > 0);
}
