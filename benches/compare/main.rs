//! Compares sstat with a C program that makes the same system calls, and with
//! the tools that a user would use instead.
//!
//! `cargo bench` measures everything, `cargo bench -- push history` only these
//! groups (push, scan, history, memory, curves). `cargo bench -- million` adds a
//! directory of a million files, which takes minutes and 4 GB. A tool that is
//! not installed (gcc, jq, sqlite3, python3, the musl target) is left out with a
//! note. `SSTAT_BENCH_DIVISOR=1000` divides all sizes, for a test of the
//! benchmark itself.
//!
//! The candidates of one comparison take turns, so that other load on the
//! machine affects all of them. Ratios are those of the best times.

mod data;
mod measure;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::data::Bench;
use crate::measure::{Candidate, Timing, time};
use crate::table::{Row, Table, Target, duration, megabytes};

const MUSL: &str = "x86_64-unknown-linux-musl";
const FLOOR: &str = "C floor";

fn main() -> std::io::Result<()> {
    let groups: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_selected = |group: &str| groups.is_empty() || groups.iter().any(|name| name == group);
    let bench = Bench::new()?;
    let builds = builds(&bench)?;
    let mut table = Table::default();
    if is_selected("push") {
        push(&bench, &builds, &mut table)?;
    }
    if is_selected("scan") {
        scan(&bench, &builds, &mut table)?;
    }
    if is_selected("history") {
        history(&bench, &builds, &mut table)?;
    }
    if is_selected("memory") {
        memory(&bench, &builds, &mut table)?;
    }
    table.print();
    let million = groups.iter().any(|name| name == "million");
    if is_selected("curves") || million {
        curves(&bench, &builds[0], million)?;
    }
    Ok(())
}

/// A build of sstat: `release`, or `dist` for the static build.
struct Build {
    label: &'static str,
    path: PathBuf,
}

impl Build {
    fn candidate<'a>(
        &self,
        directory: &Path,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Candidate {
        Candidate::new(self.label, &self.path)
            .args(["--dir".as_ref(), directory.as_os_str()])
            .args(args)
    }
}

fn candidates(builds: &[Build], directory: &Path, args: &[&str]) -> Vec<Candidate> {
    let args = |build: &Build| build.candidate(directory, args.iter().copied());
    builds.iter().map(args).collect()
}

/// Copies the default build and, where its target is installed, the static
/// build. A linker writes a file in pieces, which are scattered in the page
/// cache and make the process start more slowly; installing a binary copies it.
fn builds(bench: &Bench) -> std::io::Result<Vec<Build>> {
    let mut builds = Vec::new();
    let mut add = |label, built: &Path| -> std::io::Result<()> {
        let path = bench.path(label);
        std::fs::copy(built, &path)?;
        builds.push(Build { label, path });
        Ok(())
    };
    add("release", Path::new(env!("CARGO_BIN_EXE_sstat")))?;
    if let Some(dist) = build_dist(bench) {
        add("dist", &dist)?;
    }
    Ok(builds)
}

fn build_dist(bench: &Bench) -> Option<PathBuf> {
    let installed = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", MUSL])
        .output()
        .is_ok_and(|out| {
            let directory = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            out.status.success() && Path::new(&directory).is_dir()
        });
    if !installed {
        bench.note(format!(
            "the target {MUSL} is not installed: no static build"
        ));
        return None;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let built = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["build", "--quiet", "--locked", "--profile", "dist"])
        .args(["--target", MUSL, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    if !built.is_ok_and(|status| status.success()) {
        bench.note("the static build failed".to_owned());
        return None;
    }
    Some(target.join(MUSL).join("dist/sstat"))
}

/// Measures a single push, one that records its parent process, and
/// `push --stdin`.
fn push(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let directory = bench.sessions("push", 1, 1)?;
    let file = directory.join("worker1_status.json");
    let file_text = file.to_string_lossy().into_owned();
    let args = ["push", "worker1", "working", "Querying DB", "0.5", "160"];
    let mut all = candidates(builds, &directory, &args);
    if let Some(floor) = bench.floor() {
        all.push(Candidate::new(FLOOR, floor).args(["push", &file_text]));
    }
    if let Some(bash) = bench.tool("bash") {
        let echo = format!("echo '{}' >> {file_text}", data::LINE);
        all.push(Candidate::new("bash echo >>", bash).args(["-c", &echo]));
    }
    if let Some(jq) = bench.tool("jq") {
        let update = r#"{timestamp:(now|todate),session:"worker1",status:"working",progress:0.5,message:$message,task_id:"160"}"#;
        all.push(
            Candidate::new("jq -cn >>", jq)
                .args(["-cn", "--arg", "message", "Querying DB", update])
                .append_to(&file),
        );
    }
    if let Some(sqlite) = bench.tool("sqlite3") {
        let database = bench.path("push.db");
        let create = "create table updates(time, session, status, progress, message, task_id)";
        Command::new(&sqlite).arg(&database).arg(create).status()?;
        let insert = "insert into updates values (datetime(), 'worker1', 'working', 0.5, 'Querying DB', '160')";
        all.push(
            Candidate::new("sqlite3 insert", sqlite).args([database.as_os_str(), insert.as_ref()]),
        );
    }
    if let Some(python) = bench.tool("python3") {
        all.push(Candidate::new("python3", python).args([
            data::original().as_os_str(),
            "push".as_ref(),
            file.as_os_str(),
        ]));
    }
    let target = |build: &str, other: &str| {
        Some(match (build, other) {
            ("dist", FLOOR) => Target::AtMost(1.2),
            (_, FLOOR) => Target::AtMost(2.3),
            _ => Target::Faster(1.0),
        })
    };
    table.compare("push", builds.len(), &time(all)?, target);

    let parent = std::process::id().to_string();
    for build in builds {
        let mut without = build.candidate(&directory, args);
        without.label = "without";
        let with = build.candidate(&directory, args).env("SSTAT_PID", &parent);
        let timings = time(vec![with, without])?;
        let target = |_: &str, _: &str| Some(Target::AtMost(1.1));
        table.compare("push, SSTAT_PID of the parent", 1, &timings, target);
    }

    let lines = bench.scaled(200_000);
    let file = bench.path("stdin.jsonl");
    std::fs::write(&file, data::lines(39, lines))?;
    let mut all = Vec::new();
    for build in builds {
        let directory = bench.empty(&format!("stdin-{}", build.label))?;
        all.push(
            build
                .candidate(&directory, ["push", "--stdin"])
                .stdin(&file),
        );
    }
    for timing in time(all)? {
        let rate = lines as f64 / timing.best().as_secs_f64();
        table.add(Row {
            what: "push --stdin, lines a second".to_owned(),
            build: timing.label,
            ours: format!("{rate:.0}"),
            target: "≥ 300000".to_owned(),
            met: Some(rate >= 300_000.0),
            ..Row::default()
        });
    }
    Ok(())
}

/// Measures commands that read the last line of every session.
fn scan(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    for (sessions, threads, most) in [(39, "1", 1.8), (10_000, "2", 1.4), (100_000, "2", 1.4)] {
        let directory = bench.sessions("scan", bench.scaled(sessions), 20)?;
        let floor = bench.floor().map(|floor| {
            Candidate::new(FLOOR, floor).args([
                "tails".as_ref(),
                directory.as_os_str(),
                threads.as_ref(),
            ])
        });
        let mut all = candidates(builds, &directory, &["summary", "--json"]);
        all.extend(floor.clone());
        if sessions <= 10_000 {
            let shell = "tail -qn1 ./*_status.json | jq -s 'group_by(.status) | map({key: .[0].status, value: length}) | from_entries'";
            all.extend(bench.tool("jq").and(bench.tool("bash")).map(|bash| {
                Candidate::new("tail | jq -s", bash)
                    .args(["-c", shell])
                    .directory(&directory)
            }));
            all.extend(bench.tool("python3").map(|python| {
                Candidate::new("python3", python).args([
                    data::original().as_os_str(),
                    "summary".as_ref(),
                    directory.as_os_str(),
                ])
            }));
        }
        let target = |_: &str, other: &str| match (sessions, other) {
            (_, FLOOR) => Some(Target::AtMost(most)),
            (10_000, "tail | jq -s") => Some(Target::Faster(3.0)),
            (10_000, "python3") => Some(Target::Faster(7.0)),
            _ => None,
        };
        let what = format!("summary --json, {sessions}");
        table.compare(&what, builds.len(), &time(all)?, target);
        if sessions == 10_000 {
            for (what, args, most) in [
                ("list --json, 10000", ["list", "--json"].as_slice(), 1.9),
                ("list, 10000", &["list"], 3.0),
            ] {
                let mut all = candidates(builds, &directory, args);
                all.extend(floor.clone());
                let target = |_: &str, _: &str| Some(Target::AtMost(most));
                table.compare(what, builds.len(), &time(all)?, target);
            }
        }
    }
    Ok(())
}

/// Measures `history` of one file of a million lines, a push a second.
fn history(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let directory = bench.long_file("history", bench.scaled(1_000_000))?;
    let file = directory.join("worker1_status.json");
    let last: &[&str] = &["history", "worker1", "--jsonl"];
    let c_read = bench
        .floor()
        .map(|floor| Candidate::new("C read", floor).args(["scan".as_ref(), file.as_os_str()]));

    let mut all = candidates(builds, &directory, last);
    all.extend(
        bench.tool("tail").map(|tail| {
            Candidate::new("tail -n50", tail).args(["-n50".as_ref(), file.as_os_str()])
        }),
    );
    let target = |_: &str, _: &str| Some(Target::AtMost(1.5));
    table.compare("history, last 50", builds.len(), &time(all)?, target);

    let since = ["history", "worker1", "--since", "1h", "--limit", "0"];
    for build in builds {
        let mut other = build.candidate(&directory, ["history", "worker1"]);
        other.label = "last 50";
        let timings = time(vec![build.candidate(&directory, since), other])?;
        let target = |_: &str, _: &str| Some(Target::AtMost(8.0));
        table.compare("history --since 1h", 1, &timings, target);
    }

    // One line in a thousand has this task.
    let task: &[&str] = &[
        "history", "worker1", "--task", "task7", "--limit", "0", "--jsonl",
    ];
    let mut all = candidates(builds, &directory, task);
    all.extend(c_read.clone());
    all.extend(bench.tool("grep").map(|grep| {
        Candidate::new("grep -F", grep).args([
            "-F".as_ref(),
            "\"task7\"".as_ref(),
            file.as_os_str(),
        ])
    }));
    all.extend(bench.tool("jq").map(|jq| {
        Candidate::new("jq select", jq).args([
            "-c".as_ref(),
            "select(.task_id == \"task7\")".as_ref(),
            file.as_os_str(),
        ])
    }));
    let target = |_: &str, other: &str| (other == "grep -F").then_some(Target::Faster(1.0));
    table.compare("history --task", builds.len(), &time(all)?, target);

    let mut all = candidates(builds, &directory, &["history", "worker1", "--json"]);
    all.extend(c_read);
    let target = |_: &str, _: &str| Some(Target::AtMost(3.0));
    table.compare("history --json", builds.len(), &time(all)?, target);
    Ok(())
}

/// Measures the maximum resident set size of commands.
fn memory(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let many = bench.sessions("scan", bench.scaled(100_000), 20)?;
    let one = bench.sessions("push", 1, 1)?;
    for build in builds {
        for (what, directory, args, most) in [
            (
                "push",
                &one,
                ["push", "worker1", "working", "x"].as_slice(),
                Some(3.0),
            ),
            (
                "summary --json, 100000",
                &many,
                &["summary", "--json"],
                None,
            ),
            ("list --json, 100000", &many, &["list", "--json"], None),
            ("list, 100000", &many, &["list"], Some(80.0)),
        ] {
            let Some(bytes) = bench.memory(&build.path, directory, args) else {
                return Ok(());
            };
            table.add(Row {
                what: format!("memory of {what}"),
                build: build.label,
                ours: megabytes(bytes),
                target: most.map(|most| format!("≤ {most} MB")).unwrap_or_default(),
                met: most.map(|most| bytes as f64 <= most * 1e6),
                ..Row::default()
            });
        }
    }
    Ok(())
}

/// Prints how time and memory grow with the number of sessions, the number of
/// lines in a file and the length of a line.
fn curves(bench: &Bench, build: &Build, million: bool) -> std::io::Result<()> {
    let point = |directory: &Path, args: &[&str]| -> std::io::Result<String> {
        let candidate = build.candidate(directory, args.iter().copied());
        let timings = time(vec![candidate])?;
        let best = timings.first().map(Timing::best).unwrap_or_default();
        let memory = bench.memory(&build.path, directory, args);
        let memory = memory.map(megabytes).unwrap_or_default();
        Ok(format!("{:>10} {memory:>9}", duration(best)))
    };
    let heading = |first: &str, commands: &[&str]| {
        print!("\n{first:<16}");
        for command in commands {
            print!("   {command:<20}");
        }
        println!();
    };
    let summary: &[&str] = &["summary", "--json"];
    let list: &[&str] = &["list", "--json"];
    let push: &[&str] = &["push", "worker1", "working", "x"];
    let last: &[&str] = &["history", "worker1", "--jsonl"];
    let all: &[&str] = &["history", "worker1", "--limit", "0", "--jsonl"];

    heading("sessions", &["summary --json", "list --json", "push"]);
    let sizes: &[usize] = &[40, 1_000, 10_000, 100_000, 1_000_000];
    for &sessions in &sizes[..sizes.len() - usize::from(!million)] {
        let lines = if sessions > 100_000 { 1 } else { 20 };
        let directory = bench.sessions("scan", bench.scaled(sessions), lines)?;
        println!(
            "{sessions:<16} {}   {}   {}",
            point(&directory, summary)?,
            point(&directory, list)?,
            point(&directory, push)?
        );
    }
    heading(
        "lines a file",
        &["summary --json", "history", "history --limit 0", "push"],
    );
    for lines in [1, 100, 10_000, 1_000_000] {
        let directory = bench.long_file("curve", bench.scaled(lines))?;
        println!(
            "{lines:<16} {}   {}   {}   {}",
            point(&directory, summary)?,
            point(&directory, last)?,
            point(&directory, all)?,
            point(&directory, push)?
        );
    }
    heading("bytes a line", &["summary --json", "history"]);
    println!("(40 sessions of 60 lines)");
    for length in [200, 2_000, 16_000, 64_000, 1_000_000] {
        let directory = bench.long_lines(bench.scaled(40), 60, length)?;
        println!(
            "{length:<16} {}   {}",
            point(&directory, summary)?,
            point(&directory, last)?
        );
    }
    Ok(())
}
