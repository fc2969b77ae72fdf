//! Side by side: sstat, the C floor, and what a user would pick instead.
//!
//! `cargo bench` runs everything; `cargo bench -- push history` some of it
//! (push, rate, scan, history, memory, curves); `cargo bench -- million` adds
//! a directory of a million files, which takes some minutes and 4 GB. What is
//! not installed (gcc, jq, sqlite3, python3, the musl target) is left out with
//! a note.
//!
//! The candidates of one comparison take turns, so that whatever else the
//! machine does hits all of them; the ratio is the one of the best times.

mod data;
mod measure;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::data::Bench;
use crate::measure::{Candidate, Timing, time};
use crate::table::{Reach, Row, Table, duration, mebibytes};

const MUSL: &str = "x86_64-unknown-linux-musl";

fn main() -> std::io::Result<()> {
    let groups: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |group: &str| groups.is_empty() || groups.iter().any(|name| name == group);
    let bench = Bench::new()?;
    let builds = builds(&bench)?;
    let mut table = Table::default();
    if wanted("push") {
        push(&bench, &builds, &mut table)?;
    }
    if wanted("rate") {
        rate(&bench, &builds, &mut table)?;
    }
    if wanted("scan") {
        scan(&bench, &builds, &mut table)?;
    }
    if wanted("history") {
        history(&bench, &builds, &mut table)?;
    }
    if wanted("memory") {
        memory(&bench, &builds, &mut table)?;
    }
    table.print();
    let million = groups.iter().any(|name| name == "million");
    if wanted("curves") || million {
        curves(&bench, &builds[0], million)?;
    }
    Ok(())
}

/// One build of the program under test.
struct Build {
    label: &'static str,
    path: PathBuf,
}

/// The default build, and the distribution build where its target is
/// installed. They are copied, as an installation does: a file that a linker
/// wrote piece by piece lies scattered in the page cache and starts slower.
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
            "the target {MUSL} is not installed: no distribution build"
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
        bench.note("the distribution build failed".to_owned());
        return None;
    }
    Some(target.join(MUSL).join("dist/sstat"))
}

/// One push: start-up is all of it.
fn push(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let directory = bench.sessions("push", 1, 1)?;
    let file = directory.join("worker1_status.json");
    let file_text = file.to_string_lossy().into_owned();
    let mut candidates: Vec<Candidate> = builds
        .iter()
        .map(|build| {
            Candidate::new(build.label, &build.path)
                .args(["--dir".as_ref(), directory.as_os_str()])
                .args(["push", "worker1", "working", "Querying DB", "0.5", "160"])
        })
        .collect();
    candidates.extend(
        bench
            .floor()
            .map(|floor| Candidate::new(FLOOR, floor).args(["push", &file_text])),
    );
    let echo = format!("echo '{}' >> {file_text}", data::LINE);
    candidates.extend(
        bench
            .tool("bash")
            .map(|bash| Candidate::new("bash echo >>", bash).args(["-c", &echo])),
    );
    candidates.extend(bench.tool("jq").map(|jq| {
        Candidate::new("jq -cn >>", jq)
            .args(["-cn", "--arg", "message", "Querying DB"])
            .args(["{timestamp:(now|todate),session:\"worker1\",status:\"working\",progress:0.5,message:$message,task_id:\"160\"}"])
            .append_to(&file)
    }));
    let database = bench.path("push.db");
    if let Some(sqlite) = bench.tool("sqlite3") {
        let create = "create table updates(time, session, status, progress, message, task_id)";
        Command::new(&sqlite).arg(&database).arg(create).status()?;
        let insert = "insert into updates values (datetime(), 'worker1', 'working', 0.5, 'Querying DB', '160')";
        candidates.push(
            Candidate::new("sqlite3 insert", sqlite).args([database.as_os_str(), insert.as_ref()]),
        );
    }
    candidates.extend(bench.tool("python3").map(|python| {
        Candidate::new("python3", python).args([
            data::original().as_os_str(),
            "push".as_ref(),
            file.as_os_str(),
        ])
    }));
    let timings = time(candidates)?;
    let reach = |build: &str, other: &str| match (build, other) {
        ("release", FLOOR) => Some(Reach::AtMost(2.0)),
        ("dist", FLOOR) => Some(Reach::AtMost(0.75)),
        (_, "bash echo >>") => Some(Reach::Faster(1.0)),
        ("release", "jq -cn >>") => Some(Reach::Faster(12.0)),
        ("release", "sqlite3 insert") => Some(Reach::Faster(3.0)),
        ("release", "python3") => Some(Reach::Faster(40.0)),
        _ => None,
    };
    table.compare("push", builds.len(), &timings, reach);
    Ok(())
}

const FLOOR: &str = "C floor";

/// Pushes from many shell loops at once, as in a night of work.
fn rate(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let Some(bash) = bench.tool("bash") else {
        return Ok(());
    };
    for sessions in [39, 200] {
        for build in builds {
            let directory = bench.empty(&format!("rate{sessions}{}", build.label))?;
            let each = 8000 / sessions;
            let mut best = Duration::MAX;
            for _ in 0..3 {
                let script = format!(
                    "for s in $(seq {sessions}); do (for i in $(seq {each}); do '{}' --dir '{}' push worker$s working \"Step $i\" 0.5 160; done) & done; wait",
                    build.path.display(),
                    directory.display(),
                );
                let start = Instant::now();
                Command::new(&bash).args(["-c", &script]).status()?;
                best = best.min(start.elapsed());
            }
            let rate = (sessions * each) as f64 / best.as_secs_f64();
            let reach = if build.label == "dist" {
                2500.0
            } else {
                1200.0
            };
            table.add(Row {
                what: format!("pushes a second, {sessions} shell loops"),
                build: build.label,
                ours: format!("{rate:.0}"),
                reach: format!("≥ {reach:.0}"),
                met: Some(rate >= reach),
                ..Row::default()
            });
        }
    }
    let lines = 200_000;
    let file = bench.path("stdin.jsonl");
    std::fs::write(&file, data::lines(39, lines))?;
    let candidates = builds
        .iter()
        .map(|build| {
            let directory = bench.empty(&format!("stdin{}", build.label))?;
            Ok(Candidate::new(build.label, &build.path)
                .args(["--dir".as_ref(), directory.as_os_str()])
                .args(["push", "--stdin"])
                .stdin(&file))
        })
        .collect::<std::io::Result<Vec<_>>>()?;
    for timing in time(candidates)? {
        let rate = lines as f64 / timing.best().as_secs_f64();
        table.add(Row {
            what: "push --stdin, lines a second".to_owned(),
            build: timing.label,
            ours: format!("{rate:.0}"),
            reach: "≥ 100000".to_owned(),
            met: Some(rate >= 100_000.0),
            ..Row::default()
        });
    }
    Ok(())
}

/// Commands that look at every session.
fn scan(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    for sessions in [39, 1_000, 10_000, 100_000] {
        let directory = bench.sessions("scan", sessions, 20)?;
        let ours = |args: &[&str]| -> Vec<Candidate> {
            builds
                .iter()
                .map(|build| {
                    Candidate::new(build.label, &build.path)
                        .args(["--dir".as_ref(), directory.as_os_str()])
                        .args(args)
                })
                .collect()
        };
        let threads = if sessions < 200 { "1" } else { "2" };
        let floor = bench.floor().map(|floor| {
            Candidate::new(FLOOR, floor).args([
                "tails".as_ref(),
                directory.as_os_str(),
                threads.as_ref(),
            ])
        });
        let mut candidates = ours(&["summary", "--json"]);
        candidates.extend(floor.clone());
        if sessions <= 10_000 {
            let shell = "tail -qn1 ./*_status.json | jq -s 'group_by(.status) | map({key: .[0].status, value: length}) | from_entries'";
            candidates.extend(bench.tool("jq").and(bench.tool("bash")).map(|bash| {
                Candidate::new("tail | jq -s", bash)
                    .args(["-c", shell])
                    .directory(&directory)
            }));
            candidates.extend(bench.tool("python3").map(|python| {
                Candidate::new("python3", python).args([
                    data::original().as_os_str(),
                    "summary".as_ref(),
                    directory.as_os_str(),
                ])
            }));
        }
        let timings = time(candidates)?;
        let reach = |build: &str, other: &str| match (sessions, build, other) {
            (39, "release", FLOOR) => Some(Reach::AtMost(1.6)),
            (39, "dist", FLOOR) => Some(Reach::AtMost(0.9)),
            (10_000.., _, FLOOR) => Some(Reach::AtMost(1.2)),
            (39, "release", "tail | jq -s") => Some(Reach::Faster(10.0)),
            (1_000, "release", "tail | jq -s") => Some(Reach::Faster(6.0)),
            (10_000, "release", "tail | jq -s") => Some(Reach::Faster(4.0)),
            (39, "release", "python3") => Some(Reach::Faster(30.0)),
            (10_000, "release", "python3") => Some(Reach::Faster(20.0)),
            _ => None,
        };
        table.compare(
            &format!("summary --json, {sessions}"),
            builds.len(),
            &timings,
            reach,
        );
        if sessions == 10_000 {
            for (what, args, most) in [
                ("list --json, 10000", ["list", "--json"].as_slice(), 1.4),
                ("list, 10000", &["list"], 4.0),
                ("stale, 10000", &["stale"], 4.0),
            ] {
                let mut candidates = ours(args);
                candidates.extend(floor.clone());
                let timings = time(candidates)?;
                let reach = |_: &str, _: &str| Some(Reach::AtMost(most));
                table.compare(what, builds.len(), &timings, reach);
            }
        }
    }
    Ok(())
}

/// One file of a million lines.
fn history(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let directory = bench.long_file("history", 1_000_000)?;
    let file = directory.join("worker1_status.json");
    let ours = |args: &[&str]| -> Vec<Candidate> {
        builds
            .iter()
            .map(|build| {
                Candidate::new(build.label, &build.path)
                    .args(["--dir".as_ref(), directory.as_os_str()])
                    .args(args)
            })
            .collect()
    };
    let mut candidates = ours(&["history", "worker1", "--jsonl"]);
    candidates.extend(
        bench.tool("tail").map(|tail| {
            Candidate::new("tail -n50", tail).args(["-n50".as_ref(), file.as_os_str()])
        }),
    );
    let timings = time(candidates)?;
    let reach = |build: &str, _: &str| Some(Reach::AtMost(if build == "dist" { 0.5 } else { 1.3 }));
    table.compare("history, last 50 of 1000000", builds.len(), &timings, reach);

    // One line in a thousand is of this task.
    let mut candidates = ours(&[
        "history", "worker1", "--task", "task7", "--limit", "0", "--jsonl",
    ]);
    candidates.extend(
        bench
            .floor()
            .map(|floor| Candidate::new(FLOOR, floor).args(["scan".as_ref(), file.as_os_str()])),
    );
    candidates.extend(bench.tool("grep").map(|grep| {
        Candidate::new("grep -F", grep).args([
            "-F".as_ref(),
            "\"task7\"".as_ref(),
            file.as_os_str(),
        ])
    }));
    candidates.extend(bench.tool("jq").map(|jq| {
        Candidate::new("jq select", jq).args([
            "-c".as_ref(),
            "select(.task_id == \"task7\")".as_ref(),
            file.as_os_str(),
        ])
    }));
    let timings = time(candidates)?;
    let reach = |_: &str, other: &str| match other {
        FLOOR => Some(Reach::AtMost(1.3)),
        "grep -F" => Some(Reach::Faster(2.0)),
        "jq select" => Some(Reach::Faster(60.0)),
        _ => None,
    };
    table.compare("history --task, 1000000", builds.len(), &timings, reach);
    Ok(())
}

/// The most memory that commands hold.
fn memory(bench: &Bench, builds: &[Build], table: &mut Table) -> std::io::Result<()> {
    let many = bench.sessions("scan", 100_000, 20)?;
    let one = bench.sessions("push", 1, 1)?;
    for build in builds {
        for (what, directory, args, most) in [
            (
                "push",
                &one,
                ["push", "worker1", "working", "x"].as_slice(),
                Some(3.0),
            ),
            ("summary, 100000", &many, &["summary"], Some(60.0)),
            (
                "summary --json, 100000",
                &many,
                &["summary", "--json"],
                Some(60.0),
            ),
            ("list --json, 100000", &many, &["list", "--json"], None),
        ] {
            let Some(kibibytes) = bench.memory(&build.path, directory, args) else {
                return Ok(());
            };
            let used = kibibytes as f64 / 1024.0;
            table.add(Row {
                what: format!("memory of {what}"),
                build: build.label,
                ours: mebibytes(kibibytes),
                reach: most.map(|most| format!("≤ {most} MiB")).unwrap_or_default(),
                met: most.map(|most| used <= most),
                ..Row::default()
            });
        }
    }
    Ok(())
}

/// How time and memory grow with sessions, lines a file, and bytes a line.
fn curves(bench: &Bench, build: &Build, million: bool) -> std::io::Result<()> {
    let point = |directory: &Path, args: &[&str]| -> std::io::Result<String> {
        let candidate = Candidate::new(build.label, &build.path)
            .args(["--dir".as_ref(), directory.as_os_str()])
            .args(args);
        let best = time(vec![candidate])?
            .first()
            .map(Timing::best)
            .unwrap_or_default();
        let memory = bench.memory(&build.path, directory, args);
        let memory = memory.map(mebibytes).unwrap_or_default();
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
        let directory = bench.sessions("scan", sessions, lines)?;
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
        let directory = bench.long_file("curve", lines)?;
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
        let directory = bench.long_lines(40, 60, length)?;
        println!(
            "{length:<16} {}   {}",
            point(&directory, summary)?,
            point(&directory, last)?
        );
    }
    Ok(())
}
