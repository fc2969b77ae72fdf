//! File descriptors of wrapped commands, and limits of processes and descriptors.

use std::path::Path;

use super::*;

/// Runs a script that runs sstat.
fn run_script(sandbox: &Sandbox, script: &str) -> Ran {
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    Ran::from(shell.args(["-c", script]).output().unwrap())
}

#[test]
fn tail_passes_on_what_a_slow_reader_or_a_full_disk_delays() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let slow = "import os, subprocess, time
reader, writer = os.pipe()
os.set_blocking(writer, False)
script = 'head -c 1000000 /dev/zero >&2; exit 3'
child = subprocess.Popen(['sstat', 'push', 'w', 'working', '--tail', '--', 'sh', '-c', script], stderr=writer)
os.close(writer)
count = 0
while data := os.read(reader, 65536):
    count += len(data)
    time.sleep(0.01)
print(count, child.wait())";
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let ran = Ran::from(python.args(["-c", slow]).output().unwrap());
    assert_eq!(ran.stdout, "1000000 3\n");
    if Path::new("/dev/full").exists() {
        let script = "for i in 1 2 3; do head -c 200000 /dev/zero >&2 || exit 9; done; exit 3";
        let wrapped = format!("sstat push w working --tail -- sh -c '{script}' 2>/dev/full");
        assert_eq!(run_script(&sandbox, &wrapped).code, 3);
    }
}
