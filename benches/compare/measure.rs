//! Runs candidates in turn and measures their times.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The total time of one candidate, and its minimum and maximum number of runs.
const BUDGET: Duration = Duration::from_millis(1500);
const MIN_RUNS: usize = 3;
const MAX_RUNS: usize = 600;

/// A command line to measure.
#[derive(Clone)]
pub struct Candidate {
    pub label: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    stdin: Option<PathBuf>,
    append_to: Option<PathBuf>,
    env: Option<(&'static str, String)>,
}

impl Candidate {
    pub fn new(label: &'static str, program: impl Into<PathBuf>) -> Self {
        Self {
            label,
            program: program.into(),
            args: Vec::new(),
            directory: None,
            stdin: None,
            append_to: None,
            env: None,
        }
    }

    pub fn args(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.args.extend(
            args.into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    pub fn stdin(mut self, file: &Path) -> Self {
        self.stdin = Some(file.to_owned());
        self
    }

    pub fn append_to(mut self, file: &Path) -> Self {
        self.append_to = Some(file.to_owned());
        self
    }

    pub fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env = Some((name, value.to_owned()));
        self
    }

    /// Runs the command once. Its output goes to a file, because some tools do
    /// less work if stdout is /dev/null.
    fn run(&self) -> io::Result<Duration> {
        let out = match &self.append_to {
            Some(file) => OpenOptions::new().append(true).open(file)?,
            None => File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("stdout"))?,
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .envs(self.env.clone())
            .stdin(match &self.stdin {
                Some(file) => File::open(file)?.into(),
                None => Stdio::null(),
            })
            .stdout(out)
            .stderr(Stdio::null());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let start = Instant::now();
        let status = command.status()?;
        let time = start.elapsed();
        if !status.success() {
            let text = format!("{}: {:?} ended with {status}", self.label, self.args);
            return Err(io::Error::other(text));
        }
        Ok(time)
    }
}

/// The times of a candidate's runs, shortest first.
pub struct Timing {
    pub label: &'static str,
    times: Vec<Duration>,
}

impl Timing {
    pub fn best(&self) -> Duration {
        self.times.first().copied().unwrap_or_default()
    }

    pub fn median(&self) -> Duration {
        self.times
            .get(self.times.len() / 2)
            .copied()
            .unwrap_or_default()
    }
}

/// Runs the candidates in turn until each has used its budget. A candidate that
/// fails is left out with a note.
pub fn time(candidates: Vec<Candidate>) -> io::Result<Vec<Timing>> {
    let mut entries: Vec<(Candidate, Timing, Duration)> = Vec::new();
    for candidate in candidates {
        // The first run fills the caches and is not counted.
        match candidate.run() {
            Ok(_) => {
                let label = candidate.label;
                let times = Vec::new();
                entries.push((candidate, Timing { label, times }, Duration::ZERO));
            }
            Err(error) => eprintln!("left out: {error}"),
        }
    }
    for run in 0..MAX_RUNS {
        let mut all_done = true;
        for (candidate, timing, used) in &mut entries {
            if run >= MIN_RUNS && *used >= BUDGET {
                continue;
            }
            all_done = false;
            let time = candidate.run()?;
            timing.times.push(time);
            *used += time;
        }
        if all_done {
            break;
        }
    }
    Ok(entries
        .into_iter()
        .map(|(_, mut timing, _)| {
            timing.times.sort_unstable();
            timing
        })
        .collect())
}
