//! Signals of wrapped commands. `SSTAT_TRIES` is the number of tries of the ignored
//! tests.

use std::io::Read;
use std::os::unix::process::CommandExt;

use super::*;

/// A program that prints the number of each signal. Without a program that waits for
/// blocked signals, equal ones that arrive at once could not be told apart.
const RECEIVER: &str = "
import signal
signals = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print('ready', flush=True)
while (number := signal.sigwait(signals)) != signal.SIGSYS:
    print(int(number), flush=True)
raise SystemExit(5)";

/// Runs a program in a new terminal, whose keys send signals to it, `TRIES` of each.
/// Prints what it prints, and its exit code.
const TERMINAL: &str = "
import os, pty, signal, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    attributes = termios.tcgetattr(0)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, attributes)
    os.execvp(sys.argv[2], sys.argv[2:])
output = open(terminal, 'rb', 0)
print(output.readline().decode().strip())
for key in b'\\x03', b'\\x1c', b'\\x1a':
    for _ in range(int(sys.argv[1])):
        os.write(terminal, key)
        print(output.readline().decode().strip())
os.kill(pid, signal.SIGSYS)
try:
    while line := output.readline():
        print('more', line)
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";

/// The signals that reach the command: all that a process can wait for and libc does
/// not reserve, except SIGSYS (31), which ends [`RECEIVER`].
fn all_signals() -> Vec<i32> {
    let (kill, chld, stop) = (9, 17, 19);
    let is_linux = cfg!(all(target_os = "linux", not(sstat_portable)));
    (1..31)
        .filter(|signal| ![kill, stop].contains(signal))
        .filter(|signal| is_linux || *signal != chld)
        .chain((35..=64).filter(|_| is_linux))
        .collect()
}

/// Sends each signal this many times, to sstat alone or to its process group. Each must
/// reach the command once.
fn check_signals(signals: &[i32], tries: usize, to_group: bool) {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(["push", "w", "working", "--", "python3", "-c", RECEIVER])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut output), "ready");
    let target = match to_group {
        true => format!("-{}", child.id()),
        false => child.id().to_string(),
    };
    let send = |signal: &str, target: &str| {
        let status = Command::new("kill")
            .args(["-s", signal, "--", target])
            .status();
        assert!(status.unwrap().success());
    };
    for signal in signals {
        for number in 0..tries {
            send(&signal.to_string(), &target);
            let received = line(&mut output);
            assert_eq!(
                received,
                signal.to_string(),
                "try {number}, to group: {to_group}"
            );
        }
    }
    send("SYS", &child.id().to_string());
    let mut more = String::new();
    output.read_to_string(&mut more).unwrap();
    assert_eq!(
        (more.as_str(), code_of(&mut child)),
        ("", 5),
        "to group: {to_group}"
    );
}

fn check_terminal(tries: usize) {
    let sandbox = Sandbox::new();
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let wrapped = [
        "sstat", "push", "w", "working", "--", "python3", "-c", RECEIVER,
    ];
    let output = python
        .args(["-c", TERMINAL, &tries.to_string()])
        .args(wrapped)
        .output()
        .unwrap();
    let ran = Ran::from(output);
    let signals = ["2\n", "3\n", "20\n"].map(|signal| signal.repeat(tries));
    let expected = format!("ready\n{}5\n", signals.concat());
    assert_eq!((ran.stdout, ran.stderr.as_str()), (expected, ""));
}

fn tries() -> usize {
    let tries = std::env::var("SSTAT_TRIES");
    tries.map_or(200, |tries| tries.parse().unwrap())
}

#[test]
fn signal_reaches_the_command_once_however_it_is_sent() {
    if !have("python3") {
        return;
    }
    thread::scope(|scope| {
        for to_group in [false, true] {
            scope.spawn(move || check_signals(&all_signals(), 1, to_group));
        }
        scope.spawn(|| check_terminal(2));
    });
}

#[test]
#[ignore = "slow: 200 tries of each signal"]
fn signal_reaches_the_command_once_in_each_of_many_tries() {
    if !have("python3") {
        return;
    }
    // HUP, INT, QUIT, USR1, USR2, TERM, CONT, TSTP
    let signals = [1, 2, 3, 10, 12, 15, 18, 20];
    thread::scope(|scope| {
        for to_group in [false, true] {
            scope.spawn(move || check_signals(&signals, tries(), to_group));
        }
        scope.spawn(|| check_terminal(tries()));
    });
}

/// timeout(1) sends SIGTERM to the command and then to its process group.
#[test]
#[ignore = "slow: 200 runs of node with and without the wrapper"]
fn timeout_sends_as_many_signals_as_without_the_wrapper() {
    if !have("node") || !have("timeout") {
        return;
    }
    let sandbox = Sandbox::new();
    let script = "let count = 0;
        process.on('SIGTERM', () => {
            if (!count++) setTimeout(() => { console.log(count); process.exit(0) }, 100);
        });
        setTimeout(() => {}, 60000)";
    let run = |prefix: &[&str]| {
        let mut timeout = Command::new("timeout");
        sandbox.isolate(&mut timeout);
        let output = timeout
            .arg("2")
            .args(prefix)
            .args(["node", "-e", script])
            .output();
        Ran::from(output.unwrap()).stdout
    };
    // Eight at once, so that some of the signals come close together.
    let count = |prefix: &[&str]| {
        let counts = std::sync::Mutex::new(std::collections::BTreeMap::new());
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..tries().div_ceil(8) {
                        let received = run(prefix);
                        *counts.lock().unwrap().entry(received).or_insert(0) += 1;
                    }
                });
            }
        });
        counts.into_inner().unwrap()
    };
    let without = count(&[]);
    let with = count(&["sstat", "push", "w", "working", "--"]);
    println!("without the wrapper: {without:?}, with it: {with:?}");
    let once = |counts: &std::collections::BTreeMap<String, usize>| counts["1\n"];
    assert!(once(&with) + tries() / 20 >= once(&without), "{with:?}");
    assert!(!with.contains_key(""), "{with:?}");
}

#[test]
fn job_stops_and_continues_with_its_command() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command([
            "push",
            "w",
            "working",
            "--",
            "sh",
            "-c",
            "echo $$; exec sleep 60",
        ])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let command: u64 = line(&mut output).parse().unwrap();
    let sstat = u64::from(child.id());
    let group = format!("-{sstat}");
    let wait_for = |is_stopped: bool| {
        for pid in [sstat, command] {
            eventually("the state", || {
                (terminal::state(pid)? == 'T').eq(&is_stopped).then_some(())
            });
        }
    };
    for target in [sstat.to_string(), group.clone(), sstat.to_string(), group] {
        for (signal, is_stopped) in [
            ("TSTP", true),
            ("CONT", false),
            ("TTIN", true),
            ("CONT", false),
        ] {
            let mut kill = Command::new("kill");
            assert!(
                kill.args(["-s", signal, "--", &target])
                    .status()
                    .unwrap()
                    .success()
            );
            wait_for(is_stopped);
        }
    }
    kill("-TERM", sstat);
    assert_eq!(code_of(&mut child), 143);
}

#[test]
fn stopped_witness_is_replaced() {
    let sandbox = Sandbox::new();
    let script = "trap 'echo got; exit 6' USR1; echo ready; while :; do sleep 0.05; done";
    let (mut child, mut output) = start(&sandbox, script);
    let witness = || {
        let parent = child.id().to_string();
        let mut pgrep = Command::new("pgrep");
        let output = pgrep
            .args(["-P", &parent, "-f", "witness"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<u64>()
            .ok()
    };
    let first = eventually("the witness", witness);
    kill("-STOP", first);
    eventually("another witness", || witness().filter(|pid| *pid != first));
    kill("-USR1", child.id().into());
    assert_eq!(line(&mut output), "got");
    assert_eq!(code_of(&mut child), 6);
}

#[test]
fn blocked_signal_stays_blocked_and_pending() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let block = "import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
os.execvp(sys.argv[1], sys.argv[1:])";
    let receive = "import signal, sys
print('ready', flush=True)
sys.stdin.read()
print(int(signal.sigwait([signal.SIGTERM])), int(signal.sigwait([signal.SIGUSR1])))";
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let mut child = python
        .args([
            "-c", block, "sstat", "push", "w", "working", "--", "python3", "-c", receive,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut output), "ready");
    for signal in ["-TERM", "-USR1"] {
        kill(signal, child.id().into());
    }
    drop(child.stdin.take());
    assert_eq!(line(&mut output), "15 10");
    assert_eq!(code_of(&mut child), 0);
}

#[test]
fn end_is_noticed_while_sigchld_is_blocked() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let block = "import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
os.execvp('sstat', ['sstat', 'push', 'w', 'working', '--', 'sh', '-c', 'exit 5'])";
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let mut child = python.args(["-c", block]).spawn().unwrap();
    let code = eventually("the end", || child.try_wait().unwrap());
    assert_eq!(code.code(), Some(5));
}

#[test]
fn command_killed_by_a_signal_kills_sstat_by_the_same_signal() {
    use std::os::unix::process::ExitStatusExt;
    let sandbox = Sandbox::new();
    // SIGIO and SIGPWR are not known to signal-hook as deadly.
    for signal in [1, 2, 3, 6, 9, 11, 13, 14, 15, 24, 29, 30] {
        let script = format!("ulimit -c 0; kill -{signal} $$");
        let mut command = sandbox.command(["push", "w", "working", "--", "sh", "-c", &script]);
        let status = command.stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.signal(), Some(signal));
        assert!(!status.core_dumped());
    }
    assert_eq!(sandbox.updates("w").len(), 24);
}

#[test]
fn ignored_signal_stays_ignored() {
    let sandbox = Sandbox::new();
    if !have("nohup") {
        return;
    }
    let mut nohup = Command::new("nohup");
    sandbox.isolate(&mut nohup);
    let mut child = nohup
        .args(["sstat", "push", "w", "working", "--", "sh", "-c"])
        .arg("echo ready; kill -HUP $$; sleep 0.1; exit 5")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut output), "ready");
    kill("-HUP", child.id().into());
    assert_eq!(code_of(&mut child), 5);
}
