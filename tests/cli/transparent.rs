//! A wrapped command behaves as without the wrapper: programs are run with and
//! without it in several circumstances, and their results compared.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use crate::support::{Sandbox, have};

/// Scripts that print what they can see of their surroundings, or end in their own
/// way.
const PROGRAMS: [&str; 54] = [
    // Ends.
    "true",
    "exit 1",
    "exit 255",
    "kill -1 $$",
    "kill -2 $$",
    "ulimit -c 0; kill -3 $$",
    "ulimit -c 0; kill -4 $$",
    "ulimit -c 0; kill -6 $$",
    "ulimit -c 0; kill -7 $$",
    "ulimit -c 0; kill -8 $$",
    "kill -9 $$",
    "ulimit -c 0; kill -11 $$",
    "kill -13 $$",
    "kill -14 $$",
    "kill -15 $$",
    "ulimit -c 0; kill -24 $$",
    "ulimit -c 0; kill -25 $$",
    "kill -29 $$",
    "kill -30 $$",
    "kill -40 $$",
    "kill -64 $$",
    "kill -1 $$; kill -15 $$; echo alive",
    "kill -28 $$; kill -23 $$; kill -17 $$; echo alive",
    "trap 'echo caught; exit 3' TERM; kill -15 $$; echo alive",
    "exec sh -c 'kill -10 $$'",
    "sh -c 'exit 9'; exit $?",
    "sleep 5 >/dev/null 2>&1 & exit 4",
    "(while sleep 0.1 && kill -CONT $$ 2>&-; do :; done) & kill -STOP $$; exit 5",
    "(while sleep 0.1 && kill -CONT $$ 2>&-; do :; done) & kill -TSTP $$; exit 6",
    // Streams.
    "[ -t 0 ] || read -r line; echo \"read: $line\"",
    "echo out; echo err >&2; echo out",
    "yes | head -1",
    "head -c 300000 /dev/zero | wc -c",
    "exec >&- 2>&-; true",
    "exec <&-; cat; echo",
    "head -c 20000 /dev/zero >big; wc -c <big",
    "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/7",
    "ls /proc/$$/fd",
    // Attributes.
    "grep -E '^Sig[BI]' /proc/self/status",
    "grep -E '^(Cap|Uid|Gid|Groups|NoNew|Seccomp|Cpus_allowed|Mems_allowed)' /proc/self/status",
    "cat /proc/self/limits",
    "cat /proc/self/oom_score_adj /proc/self/timerslack_ns /proc/self/personality /proc/self/coredump_filter",
    "cat /proc/self/cgroup; readlink /proc/self/ns/* /proc/self/root",
    "umask",
    "nice",
    // Priority, nice value, real-time priority and scheduling policy.
    "cut -d' ' -f18,19,40,41 /proc/$$/stat",
    "ionice 2>&1",
    "env | grep -v '^SSTAT_\\|^_=' | sort",
    "env -0 | tr '\\0' '\\n' | grep -c .. >/dev/null; echo \"$ADDED\"",
    // Process group, session, terminal, foreground group.
    "cut -d' ' -f5-8 /proc/$$/stat",
    "tty; stty -a",
    "readlink /proc/self/cwd; pwd",
    "ps -o stat= -p $$ | tr -d 'DRS<NL'",
    "ulimit -a",
];

/// Runs each program by the command in `START`, without and with the wrapper. Prints a line
/// that starts with a NUL before each, and then its status.
const DRIVER: &str = r#"
$| = 1;
open(my $file, '<', "$ENV{HOME}/programs") or die;
my @start = split(/ /, $ENV{START} || '');
my @programs = split(/\0/, join('', <$file>));
close($file);
for my $number (0 .. $#programs) {
    for my $wrapper ([], ['sstat', 'push', "s$number", 'working', 'm', '--']) {
        print "\0\n";
        print STDERR "\0\n";
        my $status = system(@start, @$wrapper, 'sh', '-c', $programs[$number]);
        print "status $status\n";
    }
}
"#;

/// Scripts that run the driver, and a tool that they need.
const CIRCUMSTANCES: [(&str, &str); 35] = [
    ("sh", "$DRIVER"),
    ("nohup", "nohup $DRIVER"),
    ("setsid", "setsid -w $DRIVER"),
    ("timeout", "timeout 300 $DRIVER"),
    ("timeout", "timeout --foreground 300 $DRIVER"),
    ("nice", "nice -n 5 $DRIVER"),
    ("ionice", "ionice -c 3 $DRIVER"),
    ("chrt", "chrt --batch 0 $DRIVER"),
    ("taskset", "taskset 1 $DRIVER"),
    ("sh", "echo 500 >/proc/self/oom_score_adj; exec $DRIVER"),
    (
        "perl",
        "START='perl -e $SIG{CHLD}=\"IGNORE\";exec(@ARGV)' $DRIVER",
    ),
    (
        "prlimit",
        "START='prlimit --rttime=1000000 --sigpending=100 --memlock=65536' $DRIVER",
    ),
    (
        "env",
        "env -i ADDED=1 ADDED=2 PATH=\"$PATH\" HOME=\"$HOME\" $DRIVER",
    ),
    ("xargs", "echo | xargs -P 2 $DRIVER"),
    (
        "make",
        "printf 'all:\\n\\t+@%s\\n' \"$DRIVER\" >Makefile; make -s -j 2",
    ),
    ("sudo", "sudo env PATH=\"$PATH\" HOME=\"$HOME\" $DRIVER"),
    ("sstat", "sstat push outer working -- $DRIVER"),
    (
        "sstat",
        "sstat push outer working -- sstat push middle working -- $DRIVER",
    ),
    (
        "unshare",
        "unshare --map-root-user --pid --fork --mount-proc $DRIVER",
    ),
    ("script", "script -qec \"$DRIVER\" /dev/null"),
    (
        "script",
        "script -qec \"sh -c '$DRIVER; true'\" /dev/null </dev/null",
    ),
    ("sh", "ulimit -n 64; exec $DRIVER"),
    ("sh", "ulimit -n 12; exec $DRIVER"),
    ("sh", "ulimit -f 8; exec $DRIVER"),
    ("sh", "ulimit -f 8; trap '' XFSZ; exec $DRIVER"),
    ("sh", "ulimit -c 0; ulimit -s 1024; exec $DRIVER"),
    ("sh", "umask 077; exec $DRIVER"),
    ("sh", "trap '' HUP TERM TSTP; exec $DRIVER"),
    ("sh", "trap '' INT QUIT USR1 ALRM; exec $DRIVER"),
    ("sh", "$DRIVER </dev/null & wait $!"),
    ("sh", "exec $DRIVER 3</etc/passwd 7>/dev/null"),
    ("sh", "mkdir gone; cd gone; rmdir ../gone; exec $DRIVER"),
    ("sh", "$DRIVER | cat"),
    ("sh", "$DRIVER </dev/null >out; cat out"),
    (
        "perl",
        "exec perl -e 'use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(1, 10, 15, 17, 20, 40)); exec @ARGV' $DRIVER",
    ),
];

/// Runs the programs in a circumstance, and compares.
fn check(circumstance: &str) {
    let sandbox = Sandbox::new();
    let driver = sandbox.home().join("driver.pl");
    std::fs::write(&driver, DRIVER).unwrap();
    std::fs::write(sandbox.home().join("programs"), PROGRAMS.join("\0")).unwrap();
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell
        .env("DRIVER", format!("perl {}", driver.display()))
        .args(["-c", circumstance]);
    let output = shell.output().unwrap();
    for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = String::from_utf8_lossy(stream);
        let results: Vec<String> = text.split("\0").skip(1).map(comparable).collect();
        // A terminal has one stream.
        let programs: Vec<&[String]> = match results.len() / PROGRAMS.len() {
            2 => results.chunks(2).collect(),
            4 => results.chunks(4).collect(),
            0 if name == "stderr" => continue,
            _ => panic!("{circumstance}: {name}: {} results: {text}", results.len()),
        };
        for (program, results) in PROGRAMS.iter().zip(programs) {
            let (without, with) = results.split_at(results.len() / 2);
            assert_eq!(with, without, "{circumstance}: {program}: {name}");
        }
    }
}

/// Removes the lines of sstat, and the two signals that libc ignores for itself.
fn comparable(text: &str) -> String {
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.starts_with("sstat: "));
    let mut comparable = String::new();
    for line in lines {
        match line.strip_prefix("SigIgn:\t") {
            Some(mask) => {
                let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
                comparable += &format!("SigIgn: {mask:x}\n");
            }
            None => comparable += &format!("{line}\n"),
        }
    }
    comparable
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "reads /proc and sends signals by their numbers on Linux"
)]
fn program_ends_and_sees_the_same_as_without_the_wrapper() {
    if have("perl") {
        check(CIRCUMSTANCES[0].1);
    }
}

#[test]
#[ignore = "slow: runs 3,000 programs"]
fn program_ends_and_sees_the_same_in_each_circumstance() {
    if !have("perl") {
        return;
    }
    let failures = std::sync::Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for (tool, circumstance) in CIRCUMSTANCES {
            let failures = &failures;
            scope.spawn(move || {
                if (tool == "sstat" || have(tool))
                    && std::panic::catch_unwind(|| check(circumstance)).is_err()
                {
                    failures.lock().unwrap().insert(circumstance, ());
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures:?}");
}
