//! The Python module in `python/sstat`, beside the binary on the same files.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Ran, Sandbox, StopAtEnd, have};

/// Returns a sandbox with the real clock; `None` if Python is missing.
fn sandbox() -> Option<Sandbox> {
    have("python3").then(Sandbox::with_real_clock)
}

/// Returns a command that runs a script in the sandbox. The script can import
/// the module from the source tree.
fn python(sandbox: &Sandbox, script: &str) -> Command {
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    python
        .env(
            "PYTHONPATH",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("python"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-c", script]);
    python
}

/// Runs a script, expects success, and returns stdout.
fn run(sandbox: &Sandbox, script: &str) -> String {
    let ran = Ran::from(python(sandbox, script).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{script}");
    ran.stdout
}

/// Returns a line without its timestamp.
fn without_time(line: &str) -> String {
    let (start, rest) = line.split_once("\"timestamp\":\"").unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    format!("{start}{rest}")
}

#[test]
fn methods_take_the_arguments_of_the_original() {
    let Some(sandbox) = sandbox() else { return };
    run(
        &sandbox,
        r#"
from sstat import SessionStatus
status = SessionStatus("manager1")
status.idle()
status.working("Querying DB", 0.5, "160", {"phase": "query"})
status.working("Querying DB", progress=1.5, task_id=160)
status.working("Querying DB", progress=-0.2)
status.blocked("Waiting")
status.error("Failed", metadata={"loss": float("nan")})
status.push("completed", "Done")
status.completed("Sent")
"#,
    );
    let found: Vec<_> = sandbox
        .updates("manager1")
        .iter()
        .map(|update| {
            let keys = ["status", "message", "progress", "task_id", "metadata"];
            json!(keys.map(|key| update[key].clone()))
        })
        .collect();
    let none = Value::Null;
    assert_eq!(
        found,
        [
            json!(["idle", "Waiting for tasks", none, none, none]),
            json!(["working", "Querying DB", 0.5, "160", {"phase": "query"}]),
            json!(["working", "Querying DB", 1.0, "160", none]),
            json!(["working", "Querying DB", 0.0, none, none]),
            json!(["blocked", "Waiting", none, none, none]),
            json!(["error", "Failed", none, none, {"loss": none}]),
            json!(["completed", "Done", 1.0, none, none]),
            json!(["completed", "Sent", 1.0, none, none]),
        ]
    );
}

/// Prints as JSON each generated update with the process's id, and pushes it.
const GENERATE: &str = r#"
import json, os, random, sys
from sstat import SessionStatus
random.seed(int(sys.argv[2]))
alphabet = [chr(c) for c in range(1, 0x250)] + list("\u200b\u200d\ufe0f\u202e\u3164\ufeff👩🏽‍🔬क्\u200d中\ue0100🇩🇪0\u20e3\u180b\U000e0100")
def text(limit):
    return "".join(random.choice(alphabet) for _ in range(random.randrange(limit)))
for i in range(int(sys.argv[1])):
    name = random.choice(["a", "feature/login", " b ", "-c", "d\u200be", "é" * 200, text(9) + "z"])
    status = random.choice(["idle", "working", "blocked", "completed", "error"])
    progress = random.choice([None, 0, 1, 0.5, 1e-7, 1.5e-7, 1e-5, 0.00012, 1.234e-5, random.random(), random.random() ** 30])
    task = random.choice([None, "160", text(9)])
    metadata = random.choice([None, {}, {"a": [1, 2.5, None, True, {"b": text(9)}], text(4): 1e-300}])
    message = text(40)
    session = SessionStatus(name)
    expect = random.choice([None, 0, 90, 2700, 90.5])
    session.push(status, message, progress, task, metadata, expect)
    if metadata is not None:
        metadata = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    # As text, because readers of JSON round numbers.
    progress = None if progress is None else repr(progress)
    expect = None if expect is None else f"{int(expect)}s"
    print(json.dumps([os.getpid(), session.name, name, status, message, progress, task, metadata, expect]))
print("end", flush=True)
sys.stdin.read()
"#;

/// The variables of a tmux pane.
const PANE: [(&str, &str); 2] = [("TMUX", "/tmp/tmux-0/default,42,0"), ("TMUX_PANE", "%3")];

fn lines_equal_those_of_push(updates: usize) {
    let Some(sandbox) = sandbox() else { return };
    let seed = fastrand::u64(..1_000_000);
    println!("seed {seed}");
    let mut generator: Child = python(&sandbox, GENERATE)
        .args([updates.to_string(), seed.to_string()])
        .env("SSTAT_DIR", sandbox.root().join("python"))
        .envs(PANE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Python must still run when `--pid` names it.
    let stdout = std::io::BufReader::new(generator.stdout.take().unwrap());
    let mut names = HashMap::new();
    for line in std::io::BufRead::lines(stdout) {
        let line = line.unwrap();
        if line == "end" {
            break;
        }
        let update: [Value; 9] = serde_json::from_str(&line).unwrap();
        let [
            pid,
            name,
            given,
            status,
            message,
            progress,
            task,
            metadata,
            expect,
        ] = update;
        let mut command = sandbox.command(["push", given.as_str().unwrap()]);
        command.arg(status.as_str().unwrap());
        // An option's value may begin with a hyphen, a NAME may not.
        if given.as_str().unwrap().starts_with('-') {
            command = sandbox.command(["push", name.as_str().unwrap(), status.as_str().unwrap()]);
        }
        command.arg(format!("--pid={pid}"));
        // An empty message is the same as none, as in the original.
        let message = Some(message).filter(|message| message != "");
        let options = [
            ("message", message.unwrap_or_default()),
            ("progress", progress),
            ("task", task),
            ("metadata", metadata),
            ("expect", expect),
        ];
        for (option, value) in options {
            if let Some(value) = value.as_str() {
                command.arg(format!("--{option}={value}"));
            }
        }
        let ran = Ran::from(command.envs(PANE).output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        *names
            .entry(name.as_str().unwrap().to_owned())
            .or_insert(0usize) += 1;
    }
    drop(generator.stdin.take());
    assert!(generator.wait().unwrap().success());
    assert_eq!(names.values().sum::<usize>(), updates);
    for name in names.keys() {
        let file = format!("{name}_status.json");
        let ours = fs::read_to_string(sandbox.root().join("python").join(&file)).unwrap();
        let theirs = fs::read_to_string(sandbox.dir().join(&file)).unwrap();
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(without_time(ours), without_time(theirs));
        }
        assert_eq!(ours.lines().count(), theirs.lines().count());
    }
}

#[test]
fn lines_equal_those_of_push_in_a_sample() {
    lines_equal_those_of_push(150);
}

#[test]
#[ignore = "slow: starts 10,000 processes"]
fn ten_thousand_lines_equal_those_of_push() {
    lines_equal_those_of_push(10_000);
}

/// Characters of each kind, alone and with joiners, in messages of both writers.
#[test]
fn every_character_is_escaped_as_by_push() {
    let Some(sandbox) = sandbox() else { return };
    let script = r#"
import json
from sstat import SessionStatus
status = SessionStatus("python")
# The ranges between are ideographs, Hangul, private use and unassigned.
ranges = [(1, 0x3500), (0xa000, 0xac00), (0xf800, 0x12000), (0x1bc00, 0x1d200), (0x1e800, 0x1fb00), (0xe0000, 0xe1001)]
characters = [chr(c) for start, end in ranges for c in range(start, end)]
joiners = "\u200c\u200d\ufe00\ufe0d\ufe0e\ufe0f\U000e0100\u180b\u180f"
with open("lines", "w", encoding="utf-8") as lines:
    for start in range(0, len(characters), 1000):
        for message in [
            "".join(characters[start : start + 1000]),
            "".join(c + joiners[c_at % len(joiners)] for c_at, c in enumerate(characters[start : start + 1000], start)),
            "".join(c + "\u200d\ufe0f\u200d" for c in characters[start : start + 1000]),
        ]:
            status.working(message)
            lines.write(json.dumps({"session": "binary", "status": "working", "message": message}) + "\n")
"#;
    run(&sandbox, script);
    let lines = fs::File::open(sandbox.root().join("lines")).unwrap();
    let ran = Ran::from(
        sandbox
            .command(["push", "--stdin"])
            .stdin(lines)
            .output()
            .unwrap(),
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let messages = |session: &str| -> Vec<String> {
        let text = sandbox.read(session);
        let message = |line: &str| {
            let (_, rest) = line.split_once("\"message\":").unwrap();
            let end = rest.find(",\"process\"").unwrap_or(rest.len() - 1);
            rest[..end].to_owned()
        };
        text.lines().map(message).collect()
    };
    let (ours, theirs) = (messages("python"), messages("binary"));
    assert!(ours.len() > 120 && ours.len() == theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn directory_is_found_as_by_push() {
    let Some(sandbox) = sandbox() else { return };
    let project = sandbox.root().join("project");
    fs::create_dir_all(project.join("src/deep")).unwrap();
    let directory = |directory: &Path, base: &str, variable: &str| {
        let script = format!("import sstat; print(sstat.SessionStatus('w', {base}).directory)");
        let mut python = python(&sandbox, &script);
        python.current_dir(directory).env("SSTAT_DIR", variable);
        let ran = Ran::from(python.output().unwrap());
        match ran.code {
            0 => ran.stdout.trim().to_owned(),
            _ => ran.stderr.lines().last().unwrap_or_default().to_owned(),
        }
    };
    let path = |name: &str| sandbox.root().join(name).display().to_string();

    // Without a project, a new directory in the current one, as the original.
    let deep = project.join("src/deep");
    assert_eq!(
        directory(&deep, "None", ""),
        path("project/src/deep/data/session_status")
    );
    assert!(deep.join("data/session_status").is_dir());
    fs::remove_dir_all(deep.join("data")).unwrap();
    fs::create_dir_all(project.join("data/session_status")).unwrap();
    assert_eq!(
        directory(&deep, "None", ""),
        path("project/data/session_status")
    );
    assert_eq!(directory(&deep, "'own'", ""), path("project/src/deep/own"));
    let variable = path("variable");
    assert_eq!(directory(&deep, "None", &variable), variable);
    let list = format!("{}:{}", path("first"), path("second"));
    assert_eq!(directory(&deep, "None", &list), path("first"));
    assert_eq!(directory(&deep, "'~/status'", ""), path("home/status"));
    assert_eq!(
        directory(&deep, "'$HOME/status'", ""),
        "OSError: [Errno 22] contains $HOME, which was not expanded: '$HOME/status'"
    );
    fs::write(sandbox.root().join("file"), "").unwrap();
    assert!(directory(&deep, "None", &path("file")).starts_with("NotADirectoryError"));
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "on other systems, the module runs the command"
)]
fn arguments_that_cannot_be_recorded_raise_the_reason() {
    let Some(sandbox) = sandbox() else { return };
    for (call, reason) in [
        (
            "SessionStatus(' ')",
            "ValueError: invalid session name: must not be empty",
        ),
        (
            "SessionStatus('w').push('done')",
            "ValueError: invalid status 'done': expected one of idle, working, blocked, completed, error",
        ),
        (
            "SessionStatus('w').working('m', float('nan'))",
            "ValueError: invalid progress nan: expected a number from 0.0 to 1.0",
        ),
        (
            "SessionStatus('w').working('m', expect=-1)",
            "ValueError: invalid expect -1: expected seconds from 0 to 31536000000",
        ),
        (
            "SessionStatus('w').working('m', expect=float('inf'))",
            "ValueError: invalid expect inf: expected seconds from 0 to 31536000000",
        ),
        (
            "SessionStatus('w').working('m', metadata=[1])",
            "TypeError: metadata: expected a mapping, not list",
        ),
        (
            "SessionStatus('w').working('m', metadata={'a': eval('[' * 63 + ']' * 63)})",
            "ValueError: metadata: is nested deeper than 63",
        ),
        (
            "SessionStatus('w').working('m' * 70000)",
            "ValueError: session 'w': 70",
        ),
    ] {
        let script = format!("from sstat import SessionStatus\n{call}");
        let ran = Ran::from(python(&sandbox, &script).output().unwrap());
        let last = ran.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with(reason), "{call}: {last}");
    }
    assert!(!sandbox.file("w").exists());
    let link = sandbox.file("link");
    std::os::unix::fs::symlink(sandbox.root().join("elsewhere"), link).unwrap();
    let ran = Ran::from(
        python(
            &sandbox,
            "import sstat; sstat.SessionStatus('link').working()",
        )
        .output()
        .unwrap(),
    );
    assert!(
        ran.stderr
            .contains("not a regular file but a symbolic link"),
        "{}",
        ran.stderr
    );
    assert!(!sandbox.root().join("elsewhere").exists());
}

/// One handle in several threads and after a fork: each push is one line.
#[test]
fn handle_works_in_threads_and_after_fork() {
    let Some(sandbox) = sandbox() else { return };
    run(
        &sandbox,
        r#"
import os, threading, warnings
from sstat import SessionStatus
# Since Python 3.12, os.fork warns of other threads.
warnings.simplefilter("ignore", DeprecationWarning)
status = SessionStatus("w")
status.working("first")
def work(name):
    for i in range(100):
        status.working(f"{name}-{i}")
threads = [threading.Thread(target=work, args=(f"t{t}",)) for t in range(4)]
for thread in threads:
    thread.start()
child = os.fork()
if child == 0:
    work("child")
    os._exit(0)
for thread in threads:
    thread.join()
assert os.waitpid(child, 0)[1] == 0
"#,
    );
    let updates = sandbox.updates("w");
    assert_eq!(updates.len(), 501);
    let pids = |prefix: &str| {
        let of_prefix = updates
            .iter()
            .filter(|update| update["message"].as_str().unwrap().starts_with(prefix));
        let pids: std::collections::HashSet<_> = of_prefix
            .map(|update| update["process"]["pid"].as_u64().unwrap())
            .collect();
        pids
    };
    assert_eq!(pids("t").len(), 1);
    assert_eq!(pids("child").len(), 1);
    assert_ne!(pids("t"), pids("child"));
}

/// A signal handler can push while the same thread waits for the file's lock.
#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "on other systems, the module runs the command"
)]
fn signal_handler_can_push_during_a_push() {
    let Some(sandbox) = sandbox() else { return };
    sandbox.write("w", "");
    run(
        &sandbox,
        r#"
import fcntl, os, signal
from sstat import SessionStatus
status = SessionStatus("w")
file = open(os.path.join(status.directory, "w_status.json"))
fcntl.flock(file, fcntl.LOCK_EX)
def handler(number, frame):
    status.error("from the handler")
    fcntl.flock(file, fcntl.LOCK_UN)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1)
status.working("waits for the lock")
status.working("after")
"#,
    );
    let updates = sandbox.updates("w");
    let messages: Vec<_> = updates.iter().map(|update| &update["message"]).collect();
    assert_eq!(
        messages,
        ["from the handler", "waits for the lock", "after"]
    );
}

/// Removed, replaced and renamed files are noticed.
#[test]
fn replaced_file_is_opened_again() {
    let Some(sandbox) = sandbox() else { return };
    run(
        &sandbox,
        r#"
import os
from sstat import SessionStatus
status = SessionStatus("w")
path = os.path.join(status.directory, "w_status.json")
status.working("one")
os.rename(path, path + ".1")
status.working("two")
os.remove(path)
status.working("three")
"#,
    );
    let messages = |text: String| -> Vec<Value> {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].clone())
            .collect()
    };
    assert_eq!(messages(sandbox.read("w")), ["three"]);
    let renamed = sandbox.dir().join("w_status.json.1");
    assert_eq!(messages(fs::read_to_string(renamed).unwrap()), ["one"]);
}

/// A size limit makes a write short: the line is terminated, and the exception
/// says that it was not written.
#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "on other systems, the module runs the command"
)]
fn short_write_is_reported_and_terminated() {
    let Some(sandbox) = sandbox() else { return };
    let stdout = run(
        &sandbox,
        r#"
import resource
from sstat import SessionStatus
status = SessionStatus("w")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    status.working("m" * 2000)
except OSError as error:
    print(type(error).__name__, error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
status.working("next")
"#,
    );
    assert_eq!(stdout.trim(), "OSError 27");
    let shown = sandbox.run(["show", "w", "--json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["message"], "next");
    assert_eq!(sandbox.read("w").lines().count(), 2);
}

/// Pushes beside two writers that leave incomplete lines: an acknowledged line is
/// there exactly once, any other at most once.
#[test]
fn acknowledged_pushes_are_written_once_despite_torn_lines() {
    let Some(sandbox) = sandbox() else { return };
    let path = sandbox.file("w");
    let script = r#"
import sys
from sstat import SessionStatus
status = SessionStatus("w")
for i in range(int(sys.argv[2])):
    token = f"{sys.argv[1]}-{i}."
    try:
        status.working(token)
        print(token, 1)
    except OSError:
        print(token, 0)
"#;
    let each = if std::env::var("SSTAT_FAULTS").is_ok_and(|size| size == "full") {
        12_500
    } else {
        250
    };
    let stop = AtomicBool::new(false);
    let pushes: Vec<(String, bool)> = thread::scope(|scope| {
        for writer in 0..2u64 {
            let (stop, path) = (&stop, &path);
            scope.spawn(move || {
                let whole = br#"{"timestamp":"2026-02-14T20:35:00Z","status":"working"}"#;
                let mut random = fastrand::Rng::with_seed(writer);
                while !stop.load(Ordering::Relaxed) {
                    let mut options = OpenOptions::new();
                    let mut file = options.append(true).create(true).open(path).unwrap();
                    let cut = random.usize(1..whole.len());
                    file.write_all(&whole[..cut]).unwrap();
                    thread::sleep(Duration::from_micros(random.u64(0..6_000)));
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut python = python(&sandbox, script);
                python.args([format!("p{writer}"), each.to_string()]);
                scope.spawn(move || Ran::from(python.output().unwrap()))
            })
            .collect();
        let outputs = writers.into_iter().map(|writer| writer.join().unwrap());
        outputs
            .flat_map(|ran| {
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
                let lines = ran.stdout.lines();
                lines
                    .map(|line| {
                        let (token, acknowledged) = line.split_once(' ').unwrap();
                        (token.to_owned(), acknowledged == "1")
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    });
    let content = fs::read(&path).unwrap();
    let mut found: HashMap<String, usize> = HashMap::new();
    let mut invalid = 0;
    for line in content.split(|&byte| byte == b'\n') {
        match sstat::Update::decode(line) {
            Ok(update) => *found.entry(update.message).or_default() += 1,
            Err(_) => invalid += 1,
        }
    }
    for (token, acknowledged) in &pushes {
        let times = found.get(token).copied().unwrap_or(0);
        assert!(
            times == 1 || (times == 0 && !acknowledged),
            "{token}: written {times} times"
        );
    }
    let acknowledged = pushes.iter().filter(|(_, acknowledged)| *acknowledged);
    let acknowledged = acknowledged.count();
    println!(
        "{acknowledged} of {} acknowledged beside {invalid} invalid lines",
        pushes.len()
    );
    assert!(invalid > 0 && acknowledged * 10 > pushes.len() * 9);
}

/// Inside a wrapped command, an update names the run.
#[test]
fn update_names_the_run_of_the_wrapper() {
    let Some(sandbox) = sandbox() else { return };
    let script = "import sstat; sstat.SessionStatus('w').working('inside')";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let mut command = sandbox.command(["push", "w", "working", "--", "python3", "-c", script]);
    let ran = Ran::from(command.env("PYTHONPATH", path).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let updates = sandbox.updates("w");
    assert_eq!(updates[1]["message"], "inside");
    assert_eq!(updates[1]["run"], updates[0]["run"]);
    // A variable that was inherited from elsewhere does not count.
    let mut python = python(&sandbox, script);
    python.env("SSTAT_RUN", updates[0]["run"].as_str().unwrap());
    assert!(python.status().unwrap().success());
    assert_eq!(sandbox.updates("w").last().unwrap()["run"], Value::Null);
}

/// On other systems, the module runs the command.
#[test]
fn command_is_run_on_other_systems() {
    let Some(sandbox) = sandbox() else { return };
    let script = r#"
import sys
import sysconfig
sysconfig.get_config_vars()
sys.platform = "darwin"
import sstat
status = sstat.SessionStatus("w")
status.working("-m \u200b", 0.00001, "160", {"a": [1]}, expect=90)
try:
    sstat.SessionStatus("link").working("m")
except OSError as error:
    print(error)
"#;
    std::os::unix::fs::symlink("elsewhere", sandbox.file("link")).unwrap();
    let stdout = run(&sandbox, script);
    assert!(
        stdout.contains("link_status.json") && stdout.contains("symbolic link"),
        "{stdout}"
    );
    let update = &sandbox.updates("w")[0];
    let keys = ["message", "progress", "task_id", "metadata", "stale_after"];
    let found = json!(keys.map(|key| update[key].clone()));
    assert_eq!(found, json!(["-m \u{200b}", 1e-5, "160", {"a": [1]}, 90]));
    assert!(update["process"]["pid"].is_u64());
}

/// Workers of the original scripts and of the module, and both readers, on one
/// directory.
#[test]
fn original_scripts_run_beside_the_new_ones() {
    let Some(sandbox) = sandbox() else { return };
    let scripts = sandbox.root().join("utils");
    fs::create_dir(&scripts).unwrap();
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/original.py");
    fs::copy(original, scripts.join("session_status.py")).unwrap();
    // The import is the only difference between a worker before and after.
    let workers = r#"
manager = SessionStatus("manager1")
manager.working("Starting status report task", progress=0.1, task_id="160")
manager.working("Querying database", progress=0.3, task_id="160", metadata={"phase": "query", "items": [1, 2]})
qa = SessionStatus("qa_tester1")
qa.idle()
qa.working("Running tmux tests", 0.25, "162")
qa.blocked("Waiting for a review")
architect = SessionStatus("architect1")
architect.error("Out of memory")
architect.push("completed", "Roadmap aligned", progress=1.0)
worker = SessionStatus("worker2")
worker.error("Disk full – größer")
"#;
    let python_in = |import: &str, script: &str| {
        let mut python = python(&sandbox, &format!("{import}\n{script}"));
        python
            .env_remove("SSTAT_DIR")
            .env("PYTHONIOENCODING", "utf-8");
        let ran = Ran::from(python.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        ran.stdout
    };
    python_in(
        "import sys; sys.path.insert(0, '.')\nfrom utils.session_status import SessionStatus",
        workers,
    );
    let directory = sandbox.root().join("data/session_status");
    let old = sandbox.root().join("old");
    fs::rename(&directory, &old).unwrap();
    python_in("from sstat import SessionStatus", workers);
    // Both wrote the same updates; the new ones add the process.
    let updates = |directory: &Path, name: &str| -> Vec<Value> {
        let text = fs::read_to_string(directory.join(format!("{name}_status.json"))).unwrap();
        let update = |line: &str| {
            let mut update: Value = serde_json::from_str(line).unwrap();
            for key in ["timestamp", "process"] {
                update.as_object_mut().unwrap().remove(key);
            }
            update
        };
        text.lines().map(update).collect()
    };
    for name in ["manager1", "qa_tester1", "architect1", "worker2"] {
        assert_eq!(updates(&old, name), updates(&directory, name), "{name}");
    }

    // Side by side: the old worker continues the files of the new one.
    let import = "import sys; sys.path.insert(0, '.')\nfrom utils.session_status import *";
    python_in(
        import,
        "SessionStatus('manager1').working('Compiling', 0.75, '160')\nSessionStatus('worker3').working('Old worker', 0.4)",
    );
    fs::write(
        directory.join("worker4_status.json"),
        "{\"timestamp\": \"2026-02-15T04:39:57.592499Z\", \"session\": \"worker4\", \"status\": \"idle\", \"message\": \"m\"}\n",
    )
    .unwrap();
    let dir = directory.to_str().unwrap();
    // The processes of the module's updates have ended, which the old summary
    // does not show. Its lines are the same otherwise.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let summary = sandbox.ok(["summary", "--dir", dir]);
        let summary = summary.split("\n💀 Dead").next().unwrap();
        let expected = python_in(import, "print_summary()");
        let end = ['=', '\n'];
        if summary.trim_end_matches(end) == expected.trim_end_matches(end) {
            break;
        }
        // The age of the stale session, of which only the old one counts fractions of a
        // second, may be rounded up between both.
        assert!(Instant::now() < deadline, "{summary}\n{expected}");
    }

    let old_list: Value =
        serde_json::from_str(&python_in(import, "print(json.dumps(sessions()))")).unwrap();
    let new_list = sandbox.json(["list", "--json", "--dir", dir]);
    let names = |list: &Value| {
        list.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&old_list), names(&new_list));
    for (name, update) in old_list.as_object().unwrap() {
        for (key, value) in update.as_object().unwrap() {
            assert_eq!(&new_list[name][key], value, "{name}: {key}");
        }
    }
    let history = sandbox.json(["history", "manager1", "--json", "--dir", dir]);
    let count = python_in(import, "print(len(history('manager1')))");
    assert_eq!(history["total_updates"].to_string(), count.trim());
}
