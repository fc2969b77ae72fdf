//! Generates directories of sessions and finds the tools to compare with.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A line as `push` writes it.
pub const LINE: &str = r#"{"timestamp":"2026-02-14T20:35:00Z","session":"worker1","status":"working","progress":0.5,"message":"Querying DB","task_id":"160"}"#;

/// The directory of the generated files, and the tools that were found.
pub struct Bench {
    root: PathBuf,
    now: DateTime<Utc>,
    floor: Option<PathBuf>,
    notes: RefCell<BTreeSet<String>>,
    divisor: usize,
}

impl Bench {
    pub fn new() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::create_dir_all(&root)?;
        let mut bench = Self {
            root,
            now: Utc::now(),
            floor: None,
            notes: RefCell::default(),
            divisor: std::env::var("SSTAT_BENCH_DIVISOR")
                .ok()
                .and_then(|divisor| divisor.parse().ok())
                .unwrap_or(1),
        };
        bench.floor = bench.build_floor();
        Ok(bench)
    }

    /// Returns a number of sessions or lines, divided by `SSTAT_BENCH_DIVISOR`.
    pub fn scaled(&self, size: usize) -> usize {
        (size / self.divisor.max(1)).max(1)
    }

    /// Prints once that something is left out.
    pub fn note(&self, text: String) {
        if !self.notes.borrow().contains(&text) {
            eprintln!("left out: {text}");
            self.notes.borrow_mut().insert(text);
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn floor(&self) -> Option<&Path> {
        self.floor.as_deref()
    }

    fn build_floor(&self) -> Option<PathBuf> {
        let gcc = self.tool("gcc")?;
        let linked = self.path("floor.linked");
        let built = Command::new(gcc)
            .args(["-O2", "-static", "-pthread", "-o"])
            .arg(&linked)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/floor.c"))
            .status();
        if built.is_ok_and(|status| status.success()) {
            // Copied, as the builds of sstat are.
            let floor = self.path("floor");
            fs::copy(linked, &floor).ok()?;
            return Some(floor);
        }
        self.note("gcc could not build benches/floor.c".to_owned());
        None
    }

    /// Finds a program on `PATH`.
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        // Skip the shims of version managers, which would be measured instead of
        // the program.
        let found = std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path)
                .filter(|directory| !directory.ends_with("shims"))
                .map(|directory| directory.join(name))
                .find(|path| path.is_file())
        });
        if found.is_none() {
            self.note(format!("{name} is not installed"));
        }
        found
    }

    /// Returns the maximum resident set size of a command in bytes.
    pub fn memory(&self, program: &Path, directory: &Path, args: &[&str]) -> Option<u64> {
        let out = Command::new(self.floor()?)
            .arg("memory")
            .arg(program)
            .arg("--dir")
            .arg(directory)
            .args(args)
            .output()
            .ok()?;
        let kibibytes: u64 = String::from_utf8_lossy(&out.stdout).trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Creates a directory without sessions.
    pub fn empty(&self, name: &str) -> io::Result<PathBuf> {
        let directory = self.path(name);
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Creates a directory of `sessions` files with `lines` lines each, unless it
    /// exists.
    pub fn sessions(&self, name: &str, sessions: usize, lines: usize) -> io::Result<PathBuf> {
        let directory = self.path(&format!("{name}-{sessions}-{lines}"));
        if directory.exists() {
            return Ok(directory);
        }
        fs::create_dir(&directory)?;
        let mut content = String::new();
        for session in 1..=sessions {
            content.clear();
            for line in 0..lines {
                let age_minutes = session % 16 + lines - line - 1;
                self.write_line(&mut content, session, session + line, age_minutes * 60);
            }
            fs::write(
                directory.join(format!("worker{session}_status.json")),
                &content,
            )?;
        }
        Ok(directory)
    }

    /// Creates a directory of one file with `lines` lines, one second apart, unless
    /// it exists.
    pub fn long_file(&self, name: &str, lines: usize) -> io::Result<PathBuf> {
        let directory = self.path(&format!("{name}-{lines}"));
        if directory.exists() {
            return Ok(directory);
        }
        fs::create_dir(&directory)?;
        let file = fs::File::create(directory.join("worker1_status.json"))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let mut content = String::new();
        for line in 0..lines {
            content.clear();
            self.write_line(&mut content, 1, line, lines - line);
            file.write_all(content.as_bytes())?;
        }
        file.flush()?;
        Ok(directory)
    }

    /// Creates a directory of files whose lines are `length` bytes long.
    pub fn long_lines(&self, sessions: usize, lines: usize, length: usize) -> io::Result<PathBuf> {
        let directory = self.path(&format!("long-{length}"));
        fs::create_dir_all(&directory)?;
        let time = self.now.to_rfc3339_opts(SecondsFormat::Secs, true);
        for session in 1..=sessions {
            let head = format!(
                "{{\"timestamp\":\"{time}\",\"session\":\"worker{session}\",\"status\":\"working\",\"message\":\""
            );
            let message = "x".repeat(length.saturating_sub(head.len() + 2));
            let content = format!("{head}{message}\"}}\n").repeat(lines);
            fs::write(
                directory.join(format!("worker{session}_status.json")),
                content,
            )?;
        }
        Ok(directory)
    }

    /// Appends a line of about 205 bytes.
    fn write_line(&self, out: &mut String, session: usize, step: usize, age_seconds: usize) {
        let statuses = [
            "working",
            "working",
            "working",
            "idle",
            "completed",
            "blocked",
            "error",
            "working",
        ];
        let status = statuses[session % statuses.len()];
        let time = self.now - TimeDelta::seconds(age_seconds as i64);
        let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (progress, task) = (step % 100, step % 1000);
        let _ = writeln!(
            out,
            r#"{{"timestamp":"{time}","session":"worker{session}","status":"{status}","progress":0.{progress:02},"message":"Processing batch {step}","task_id":"task{task}","metadata":{{"phase":"collect","items":{step}}}}}"#
        );
    }
}

/// Returns `lines` lines for `push --stdin`, for `sessions` sessions in turn.
pub fn lines(sessions: usize, lines: usize) -> String {
    let mut out = String::new();
    for line in 0..lines {
        let _ = writeln!(
            out,
            r#"{{"session":"worker{}","status":"working","progress":0.5,"message":"Step {line}","task_id":"160"}}"#,
            line % sessions
        );
    }
    out
}

/// Returns the path of a script that works as the Python scripts do.
pub fn original() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/original.py")
}
