//! Signals of wrapped commands. `SSTAT_TRIES` is the number of tries of the ignored
//! tests.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::sync::mpsc;

use nix::sys::signal::Signal;
use signal_hook::consts::*;

use super::*;

/// A program that prints the number of each signal. Without a program that waits for
/// blocked signals, equal ones that arrive at once could not be told apart. The BSDs
/// drop a blocked signal that has no handler and is ignored by default.
const RECEIVER: &str = "
import signal
signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
for number in {signal.SIGCHLD, signal.SIGIO, signal.SIGURG, signal.SIGWINCH}:
    signal.signal(number, lambda *_: None)
if hasattr(signal, 'SIGINFO'):
    signal.signal(signal.SIGINFO, lambda *_: None)
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
/// not reserve, except SIGSYS, which ends [`RECEIVER`].
fn all_signals() -> Vec<i32> {
    let is_linux = cfg!(all(target_os = "linux", not(sstat_portable)));
    Signal::iterator()
        .map(|signal| signal as i32)
        .filter(|signal| ![SIGKILL, SIGSTOP, SIGSYS].contains(signal))
        .filter(|signal| is_linux || ![SIGCHLD, SIGPROF].contains(signal))
        .chain((35..=64).filter(|_| is_linux))
        .collect()
}

/// Sends each signal this many times, to sstat alone or to its process group. Each must
/// reach the command once.
fn check_signals(signals: &[i32], tries: usize, to_group: bool) {
    let sandbox = Sandbox::new();
    let (mut child, mut output) = start_receiver(&sandbox);
    let target = match to_group {
        true => format!("-{}", child.id()),
        false => child.id().to_string(),
    };
    for signal in signals {
        for number in 0..tries {
            support::kill(&signal.to_string(), &target);
            let received = line(&mut output);
            assert_eq!(
                received,
                signal.to_string(),
                "try {number}, to group: {to_group}"
            );
        }
    }
    support::kill("SYS", &child.id().to_string());
    let mut more = String::new();
    output.read_to_string(&mut more).unwrap();
    assert_eq!(
        (more.as_str(), code_of(&mut child)),
        ("", 5),
        "to group: {to_group}"
    );
}

/// Types each key of a signal this many times. Each signal must reach the command once.
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
    let signals = [SIGINT, SIGQUIT, SIGTSTP];
    let signals = signals.map(|signal| format!("{signal}\n").repeat(tries));
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
    let signals = [
        SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCONT, SIGTSTP,
    ];
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
        setTimeout(() => {}, 60000);
        console.log('ready');";
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
    assert!(!with.contains_key("ready\n"), "{with:?}");
    // node may need more than two seconds to start.
    let late = with.get("").copied().unwrap_or(0);
    let once = |counts: &std::collections::BTreeMap<String, usize>| counts["ready\n1\n"];
    assert!(
        once(&with) + late + tries() / 20 >= once(&without),
        "{with:?}"
    );
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
    // A process that waits for processor time still stops by itself.
    let wait_for = |state: char| {
        for pid in [sstat, command] {
            eventually("the state", || {
                (terminal::state(pid)? == state).then_some(())
            });
        }
    };
    for target in [sstat.to_string(), group.clone(), sstat.to_string(), group] {
        for (signal, state) in [("TSTP", 'T'), ("CONT", 'S'), ("TTIN", 'T'), ("CONT", 'S')] {
            support::kill(signal, &target);
            wait_for(state);
        }
    }
    kill("-TERM", sstat);
    assert_eq!(code_of(&mut child), 143);
}

/// Returns the process id of the witness of a wrapper.
fn witness_of(wrapper: u32) -> Option<u64> {
    child_of(wrapper, "^signal-witness$")
}

fn child_of(wrapper: u32, pattern: &str) -> Option<u64> {
    let parent = wrapper.to_string();
    let mut pgrep = Command::new("pgrep");
    pgrep.args(["-P", &parent, "-f", pattern]);
    let output = pgrep.output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Starts a wrapped [`RECEIVER`] in a process group of its own.
fn start_receiver(sandbox: &Sandbox) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = sandbox
        .command(["push", "w", "working", "--", "python3", "-c", RECEIVER])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut output), "ready");
    (child, output)
}

#[test]
fn stopped_or_killed_witness_is_replaced() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let (mut child, mut output) = start_receiver(&sandbox);
    let pid = child.id();
    for end in ["-STOP", "-KILL", "-KILL"] {
        let first = eventually("the witness", || witness_of(pid));
        kill(end, first);
        eventually("another witness", || {
            witness_of(pid).filter(|pid| *pid != first)
        });
        support::kill("QUIT", &format!("-{pid}"));
        assert_eq!(line(&mut output), "3");
        // When this arrives, the witness has reported the other signal. It may be killed.
        kill("-INT", pid.into());
        assert_eq!(line(&mut output), "2");
    }
    kill("-SYS", pid.into());
    assert_eq!((line(&mut output).as_str(), code_of(&mut child)), ("", 5));
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
    assert_eq!(line(&mut output), format!("{SIGTERM} {SIGUSR1}"));
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
    let sandbox = Sandbox::new();
    let mut signals = vec![
        SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU,
    ];
    if cfg!(target_os = "linux") {
        // SIGIO and SIGPWR are not known to signal-hook as deadly.
        signals.extend([SIGIO, 30]);
    }
    for &signal in &signals {
        let script = format!("ulimit -c 0; kill -{signal} $$");
        let mut command = sandbox.command(["push", "w", "working", "--", "sh", "-c", &script]);
        let status = command.stderr(Stdio::null()).status().unwrap();
        // Under nohup(1), for example, SIGHUP is ignored.
        let direct = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert_eq!(status.signal(), direct.signal());
        assert!(!status.core_dumped());
    }
    assert_eq!(sandbox.updates("w").len(), 2 * signals.len());
}

#[test]
fn ignored_signal_stays_ignored() {
    let sandbox = Sandbox::new();
    let wrapped = "echo ready; kill -HUP $$; sleep 0.1; exit 5";
    let script = "trap '' HUP; exec sstat push w working -- sh -c \"$0\"";
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell.args(["-c", script, wrapped]).stdout(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut output), "ready");
    kill("-HUP", child.id().into());
    assert_eq!(code_of(&mut child), 5);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads the signals in /proc")]
fn signal_that_the_caller_ignores_is_ignored() {
    if !have("perl") {
        return;
    }
    let sandbox = Sandbox::new();
    let script = sandbox.root().join("script");
    support::write_program(&script, "exit 8\n");
    // ps(1) cannot be waited for while SIGCHLD is ignored.
    let chld = (!cfg!(sstat_portable)).then_some("CHLD");
    for signal in ["HUP", "TERM", "XFSZ", "RTMAX"].into_iter().chain(chld) {
        let run = |command: &[&str]| {
            let mut perl = Command::new("perl");
            sandbox.isolate(&mut perl);
            let ignore = format!("$SIG{{{signal}}} = 'IGNORE'; exec @ARGV");
            perl.args(["-e", &ignore]).args(command);
            Ran::from(perl.output().unwrap())
        };
        let wrapped =
            |command: &[&str]| run(&[&["sstat", "push", "w", "working", "--"], command].concat());
        let ignored = |ran: Ran| {
            let mask = ran.stdout.trim().strip_prefix("SigIgn:\t").unwrap();
            // glibc ignores two of its own signals.
            u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31)
        };
        let show = ["grep", "SigIgn", "/proc/self/status"];
        assert_eq!(ignored(wrapped(&show)), ignored(run(&show)), "{signal}");
        for (command, code) in [
            (&["sh", "-c", "exit 7"][..], 7),
            (&["sh", "-c", "kill -USR1 $$"], 128 + 10),
            (&["./script"], 8),
            (&["/"], 126),
            (&["no-such-command"], 127),
        ] {
            assert_eq!(wrapped(command).code, code, "{signal} {command:?}");
            let last = &sandbox.updates("w").pop().unwrap()["metadata"];
            let recorded = match last["signal"].as_str() {
                None => last["exit_code"].clone(),
                Some(signal) => json!(if signal == "SIGUSR1" { 138 } else { 0 }),
            };
            assert_eq!(recorded, code, "{signal} {command:?}");
        }
    }
}

/// Runs a command of which strace delays the start by two seconds, and sends SIGTERM
/// meanwhile.
#[cfg(all(target_os = "linux", not(sstat_portable)))]
fn check_signal_while_starting(command: &str, to_group: bool) {
    let sandbox = Sandbox::new();
    // It has no #!, so that it is started a second time, with the shell.
    support::write_program(&sandbox.root().join("script"), "sleep 60\n");
    let mut strace = Command::new("strace");
    sandbox.isolate(&mut strace);
    // The first process that sstat starts is the witness. The tracer leaves the group.
    strace.args(["-DD", "-o", "trace", "-e", "trace=clone,clone3,vfork"]);
    strace.args(["-e", "inject=clone,clone3,vfork:delay_enter=2s:when=2"]);
    strace.args(["sstat", "push", "w", "working", "--"]);
    let mut child = strace
        .args(command.split(' '))
        .process_group(0)
        .spawn()
        .unwrap();
    eventually("the witness", || witness_of(child.id()));
    match to_group {
        true => support::kill("TERM", &format!("-{}", child.id())),
        false => support::kill("TERM", &child.id().to_string()),
    }
    let code = code_of(&mut child);
    assert_eq!(code, 128 + 15, "{command}, to group: {to_group}");
    let last = sandbox.updates("w").pop().unwrap();
    assert_eq!(last["metadata"]["signal"], "SIGTERM");
}

#[test]
#[cfg(all(target_os = "linux", not(sstat_portable)))]
fn signal_reaches_a_command_that_is_starting() {
    if !have("strace") {
        return;
    }
    thread::scope(|scope| {
        for command in ["sleep 60", "./script"] {
            for to_group in [false, true] {
                scope.spawn(move || check_signal_while_starting(command, to_group));
            }
        }
    });
}

/// strace delays sstat by two seconds after it has started the launcher.
#[test]
#[cfg(all(target_os = "linux", not(sstat_portable)))]
fn signal_that_ends_the_launcher_ends_the_command() {
    if !have("strace") || !have("perl") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut strace = Command::new("strace");
    sandbox.isolate(&mut strace);
    strace.args(["-DD", "-o", "trace", "-e", "trace=clone,clone3,vfork"]);
    strace.args(["-e", "inject=clone,clone3,vfork:delay_exit=2s:when=2"]);
    strace.args(["perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV"]);
    let wrapped = ["sstat", "push", "w", "working", "--", "sleep", "60"];
    let mut child = strace.args(wrapped).process_group(0).spawn().unwrap();
    eventually("the launcher", || {
        child_of(child.id(), "^command-launcher ")
    });
    support::kill("TERM", &format!("-{}", child.id()));
    assert_eq!(code_of(&mut child), 128 + 15);
    let last = sandbox.updates("w").pop().unwrap();
    assert_eq!(last["metadata"]["signal"], "SIGTERM");
}

/// A witness without processor time is asked again before it answers.
#[test]
fn witness_answers_each_question() {
    let mut witness = Command::new(support::sstat_binary());
    witness.arg0("signal-witness").stdin(Stdio::piped());
    let mut witness = witness.stdout(Stdio::piped()).spawn().unwrap();
    let mut questions = witness.stdin.take().unwrap();
    let mut reports = witness.stdout.take().unwrap();
    questions.write_all(&[0; 3]).unwrap();
    let (sender, answers) = mpsc::channel();
    thread::spawn(move || sender.send(reports.read_exact(&mut [0; 3]).is_ok()));
    assert_eq!(answers.recv_timeout(Duration::from_secs(30)), Ok(true));
    drop(questions);
    assert_eq!(code_of(&mut witness), 0);
}

/// strace delays sstat by two seconds before it stops with the command.
#[test]
#[cfg(all(target_os = "linux", not(sstat_portable)))]
fn command_that_continues_before_sstat_has_stopped_is_awaited() {
    if !have("strace") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut sstat = sandbox.command(["push", "w", "working", "--", "sleep", "60"]);
    let mut child = sstat.process_group(0).spawn().unwrap();
    let pid = child.id();
    let command = eventually("the command", || child_of(pid, "^sleep 60$"));
    let mut strace = trace(&pid.to_string(), "tgkill", "delay_enter=2s");
    support::kill("TSTP", &format!("-{pid}"));
    for (stopped, state) in [(command, 'T'), (pid.into(), 't')] {
        eventually("the stop", || {
            (terminal::state(stopped)? == state).then_some(())
        });
    }
    support::kill("CONT", &format!("-{pid}"));
    support::kill("TERM", &format!("-{pid}"));
    let status = eventually("the end", || child.try_wait().unwrap());
    assert_eq!(status.signal(), Some(SIGTERM));
    strace.wait().unwrap();
}

/// Starts strace, which delays the system calls of a process.
#[cfg(all(target_os = "linux", not(sstat_portable)))]
fn trace(process: &str, calls: &str, delay: &str) -> Child {
    let mut strace = Command::new("strace");
    strace.args(["-p", process, "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={calls}")]);
    strace.args(["-e", &format!("inject={calls}:{delay}")]);
    let strace = strace.stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{process}/status");
    eventually("the tracer", || {
        let status = std::fs::read_to_string(&status).unwrap();
        (!status.contains("TracerPid:\t0")).then_some(())
    });
    strace
}

#[test]
#[cfg(all(target_os = "linux", not(sstat_portable)))]
fn slow_witness_loses_no_signal_and_doubles_none() {
    if !have("strace") || !have("python3") {
        return;
    }
    // The witness has not read the signal, or it has not reported what it has read.
    for (calls, delay, count) in [
        ("poll,ppoll", "delay_exit=60s", 2),
        ("write", "delay_enter=100ms", 1),
    ] {
        let sandbox = Sandbox::new();
        let (mut child, mut output) = start_receiver(&sandbox);
        let pid = child.id();
        let witness = eventually("the witness", || witness_of(pid)).to_string();
        let mut strace = trace(&witness, calls, delay);
        for _ in 0..count {
            support::kill("USR1", &format!("-{pid}"));
            assert_eq!(line(&mut output), "10", "{calls}");
        }
        // When this arrives, the other signal has been reported.
        support::kill("USR2", &pid.to_string());
        assert_eq!(line(&mut output), "12", "{calls}");
        support::kill("SYS", &pid.to_string());
        assert_eq!(line(&mut output), "", "{calls}");
        // sstat cannot reap a witness that has a tracer.
        strace.kill().unwrap();
        strace.wait().unwrap();
        assert_eq!(code_of(&mut child), 5);
    }
}
