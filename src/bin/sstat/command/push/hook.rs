//! `sstat push --hook`: converts one event of a coding agent to an update.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sstat::{HealthRules, ProcessIdentity, Query, SessionName, Store, Update};

use super::record;
use crate::cli;
use crate::config::{Config, session_variable};
use crate::error::{CliError, Result};
use crate::hook::{self, Claim, Context, Event, HookState, Payload, Sender, StatusChange};
use crate::timeout::run_with_timeout;
use crate::tmux;
use crate::view::Report;

/// Maximum payload size in bytes. A payload includes the response of a tool.
const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// Timeout for reading the payload, so that a missing one does not block the
/// agent.
const STDIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Number of updates that are searched for the last one of a hook.
const STATE_LOOKBACK: usize = 200;

/// Maximum time that a hook waits for the lock.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// Maximum number of names that a hook tries.
const MAX_NAMES: usize = 4;

/// Maximum number of sessions whose files are read instead of asking tmux.
const MAX_SCANNED: usize = 200;

pub fn run(config: &Config, agent: &str, args: &cli::Push) -> Result<Report> {
    let nothing = Report::default();
    let fields = match &args.session {
        // Codex appends the payload to its notify command.
        Some(json) => Payload::parse_bytes(json.as_encoded_bytes()).map_err(invalid_payload),
        None => read_stdin(),
    }?;
    let event = Event {
        fields,
        prompts: config.hook_prompts(),
    };
    let now = config.now()?;
    let Some(change) = hook::change(&event, now) else {
        return Ok(nothing);
    };
    let agent = Some(agent).filter(|agent| *agent != "auto");
    let agent = agent.or_else(|| event.agent()).map(str::to_owned);
    let process = agent_process(config, agent.as_deref());
    let (variable, tmux) = (session_variable(), config.tmux_pane());
    // The environment of a daemon is that of the first of its sessions.
    let is_own = (variable.is_some() || tmux.is_some())
        && !process.as_ref().is_some_and(hook::is_shared_daemon);
    let hook = Hook {
        config,
        args,
        now,
        change,
        variable: variable.filter(|_| is_own),
        sender: Sender {
            agent,
            process,
            run: event.session_id(),
            tmux: tmux.filter(|_| is_own),
            wrapper: record::wrapper(config),
            directory: event.directory(),
            model: event.text("model"),
        },
        event,
    };
    hook.record()?;
    Ok(nothing)
}

/// An event with its status change, and the agent that sent it.
struct Hook<'a> {
    config: &'a Config,
    args: &'a cli::Push,
    event: Event,
    now: DateTime<Utc>,
    change: StatusChange,
    sender: Sender,
    /// The value of `SSTAT_SESSION`.
    variable: Option<OsString>,
}

impl Hook<'_> {
    /// Records the change under the name that belongs to the agent.
    fn record(&self) -> Result<()> {
        let mut given = self.fixed_name()?;
        let has_pane = given.is_none() && self.sender.tmux.is_some();
        // A tmux session can be renamed, and a pane that is closed has none.
        let mut may_be_renamed = has_pane && !self.event.is_startup();
        // Asking tmux takes as long as reading the files of many sessions.
        let is_small = || (self.names()).is_ok_and(|names| names.len() <= MAX_SCANNED);
        if may_be_renamed && is_small() {
            may_be_renamed = false;
            given = self.earlier_name()?;
        }
        let given = given.or_else(|| self.name_of_pane());
        let is_named_by_id = given.is_none();
        let mut name = match given {
            Some(name) => name,
            None => self.name_of_directory()?,
        };
        let other = self.sender.run.as_ref();
        let other = other.and_then(|run| hook::name_with_id(name.as_str(), run));
        if let Some(other) = other.as_ref().filter(|other| self.exists(other)) {
            name = other.clone();
        }
        for _ in 0..MAX_NAMES {
            let claim = self.write(&name, is_named_by_id, !may_be_renamed)?;
            match (claim, &other) {
                (Claim::Owned | Claim::Nested, _) => break,
                _ if std::mem::take(&mut may_be_renamed) => {
                    name = self.earlier_name()?.unwrap_or(name);
                }
                (Claim::Taken, Some(other)) if !self.change.ends_session() => name = other.clone(),
                _ => break,
            }
        }
        Ok(())
    }

    /// Appends the update to the session's file, if the agent owns the name, or if no
    /// other agent does and `takes_free` is true. Returns the relation to the name.
    fn write(&self, name: &SessionName, is_named_by_id: bool, takes_free: bool) -> Result<Claim> {
        let mut claim = Claim::Free;
        let mut next = |is_locked: bool| -> Result<Option<Vec<u8>>> {
            let (last, state) = self.last_update(name)?;
            claim = self.claim(&state);
            let is_granted = claim == Claim::Owned || (takes_free && claim == Claim::Free);
            if !is_granted || self.is_late_start(&state) {
                return Ok(None);
            }
            // A subagent can have another id, but it belongs to the owner's session.
            let is_subagent = !self.event.subagent().is_empty();
            let owner = state.run.as_deref().filter(|_| is_subagent);
            let update = self.change.apply(&Context {
                session: name,
                now: self.now,
                last: last.as_ref(),
                state: &state,
                is_locked,
                is_named_by_id,
                stale_after: self.args.expect,
                run: owner.or(self.sender.run.as_deref()),
                sender: &self.sender,
            });
            Ok(update.map(|update| update.encode()).transpose()?)
        };
        // An event that changes nothing must not create a file.
        if self.exists(name) || next(true)?.is_some() {
            let durability = self.config.durability(self.args.sync);
            let mut appender = record::appender(self.config, name, durability)?;
            appender.append_locked(LOCK_TIMEOUT, durability, next)?;
        }
        Ok(claim)
    }

    fn claim(&self, state: &HookState) -> Claim {
        hook::claim(state, &self.sender, self.change.ends_session())
    }

    /// Returns true for the start of a session that has had a later event already:
    /// agents run hooks at the same time.
    fn is_late_start(&self, state: &HookState) -> bool {
        let is_known = state.run.is_some() && state.run == self.sender.run;
        self.event.is_startup() && is_known && state.process == self.sender.process
    }

    /// Returns the name that the user has set.
    fn fixed_name(&self) -> Result<Option<SessionName>> {
        if let Some(name) = &self.args.hook_session {
            return Ok(Some(record::session_name(self.config, name)?));
        }
        let variable = self.variable.as_ref();
        let name = variable.and_then(|name| record::session_name(self.config, name).ok());
        // A tmux server keeps the variables of the wrapped command that started it. An
        // agent whose wrapper was killed keeps its name.
        if let Some(name) = &name
            && self.config.run_variable().is_some()
            && self.sender.wrapper.is_none()
            && self.claim(&self.last_update(name)?.1) != Claim::Owned
        {
            return Ok(None);
        }
        Ok(name)
    }

    fn name_of_pane(&self) -> Option<SessionName> {
        let session = tmux::session_of_pane(self.sender.tmux.as_deref()?)?;
        SessionName::from_text(&session).ok()
    }

    /// Derives a name from the directory and the id. An agent may change its
    /// directory, so an existing session with the same id keeps its name.
    fn name_of_directory(&self) -> Result<SessionName> {
        let Sender {
            run,
            agent,
            directory,
            ..
        } = &self.sender;
        let id = run.as_deref().unwrap_or_default();
        let here = || self.config.current_directory();
        let directory = directory.clone().unwrap_or_else(here);
        let base = hook::base_name(&directory).or(agent.as_deref());
        let name = hook::name_with_id(base.unwrap_or("agent"), id);
        let (Some(name), Some(end)) = (name, hook::name_end(id)) else {
            return Err(CliError::error(
                "--hook: cannot derive a session name: the payload has no session_id; set --session or SSTAT_SESSION",
            ));
        };
        if self.exists(&name) {
            return Ok(name);
        }
        let names = self.names()?.into_iter();
        let same = names.filter(|other| other.ends_with(&end));
        let same = same.min().and_then(|other| SessionName::new(other).ok());
        Ok(same.unwrap_or(name))
    }

    /// Returns the session that the agent has written to from this tmux pane, preferably
    /// the one with its id. The tmux session may have been renamed or closed since.
    fn earlier_name(&self) -> Result<Option<SessionName>> {
        let scan = match self.store().scan(&no_rules(), |_| true) {
            Err(error) if error.is_not_found() => return Ok(None),
            scan => scan?,
        };
        let updates = scan.sessions.into_iter().map(|session| session.update);
        let mut from_here: Vec<Update> = updates
            .filter(|update| update.tmux == self.sender.tmux)
            .collect();
        from_here.sort_by_key(|update| update.run != self.sender.run);
        for update in from_here {
            if let Ok(name) = SessionName::new(update.session)
                && self.claim(&self.last_update(&name)?.1) == Claim::Owned
            {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Returns the last update of the session and the state of its hooks: that of the
    /// last update that a hook wrote. Readers and the append report a problem with
    /// the file.
    fn last_update(&self, name: &SessionName) -> sstat::Result<(Option<Update>, HookState)> {
        let (session, _warning) = self.store().session(name.as_str(), &no_rules())?;
        let Some(last) = session.map(|session| session.update) else {
            return Ok((None, HookState::default()));
        };
        if let Some(state) = HookState::of(&last) {
            return Ok((Some(last), state));
        }
        let mut state = None;
        let query = Query::last(STATE_LOOKBACK);
        if let Some(history) = self.store().history(name.as_str(), query)? {
            history.for_each(|_, update| -> sstat::Result<()> {
                state = HookState::of(&update).or(state.take());
                Ok(())
            })?;
        }
        let state = state.map(HookState::without_status);
        Ok((Some(last), state.unwrap_or_default()))
    }

    fn exists(&self, name: &SessionName) -> bool {
        self.store().path().join(name.file_name()).exists()
    }

    /// Returns the names of all sessions. The first push creates the directory.
    fn names(&self) -> Result<Vec<String>> {
        match self.store().names() {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            names => Ok(names?),
        }
    }

    fn store(&self) -> &Store {
        &self.config.directories.first().store
    }
}

/// Returns the process of the agent. Claude Code passes its own; a variable that
/// another agent inherited from it is of no use.
fn agent_process(config: &Config, agent: Option<&str>) -> Option<ProcessIdentity> {
    let claude = config.claude_pid().filter(|_| agent == Some("claude-code"));
    claude
        .and_then(ProcessIdentity::of)
        .or_else(ProcessIdentity::of_caller)
}

/// Reads the payload from stdin, for at most [`STDIN_TIMEOUT`].
fn read_stdin() -> Result<Payload> {
    if io::stdin().is_terminal() {
        return Err(bad_stdin(
            " is a terminal: expected the JSON payload of an agent's hook",
        ));
    }
    let read = run_with_timeout(STDIN_TIMEOUT, || read_payload(io::stdin().lock()));
    read.unwrap_or_else(|| {
        let limit = STDIN_TIMEOUT.as_secs();
        let reason = format!(": no complete JSON object within {limit} s");
        Err(bad_stdin(&reason))
    })
}

/// Reads until the JSON object is complete or the input is invalid. Does not
/// wait for the end of the input.
fn read_payload(mut input: impl Read) -> Result<Payload> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        let count = match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let error = CliError::of_stream("read", "stdin", error);
                return Err(CliError::error(format!("--hook: {error}")));
            }
            Ok(count) => count,
        };
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() > MAX_PAYLOAD {
            let reason = format!(": the payload is longer than {MAX_PAYLOAD} bytes");
            return Err(bad_stdin(&reason));
        }
        let is_end = count == 0;
        if is_end && bytes.trim_ascii().is_empty() {
            return Err(bad_stdin(": empty payload"));
        }
        if is_end || chunk[..count].trim_ascii_end().ends_with(b"}") {
            match Payload::parse_bytes(&bytes) {
                Err(error) if error.is_eof() && !is_end => {}
                parsed => return parsed.map_err(invalid_payload),
            }
        }
    }
}

fn invalid_payload(error: serde_json::Error) -> CliError {
    bad_stdin(&format!(" is not a valid JSON object: {error}"))
}

fn bad_stdin(reason: &str) -> CliError {
    CliError::error(format!("--hook: stdin{reason}"))
}

/// Returns health rules for reading updates only.
fn no_rules() -> HealthRules {
    HealthRules::new(DateTime::default(), sstat::Thresholds::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the parts one by one, and then an error: the reader must stop at
    /// the end of the object.
    struct Parts(Vec<&'static [u8]>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("read on"));
            }
            let part = self.0.remove(0);
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    /// Returns a text of the payload, or the error message.
    fn read(input: impl Read) -> String {
        match read_payload(input) {
            Ok(payload) => payload.text("a").unwrap_or_default(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn reading_stops_at_the_end_of_the_object() {
        let parts = |parts: &[&'static [u8]]| read(Parts(parts.to_vec()));
        assert_eq!(parts(&[b"{\"a\":{}", b"}\n"]), "");
        assert_eq!(parts(&[b"{\"a\":\"}", b"\"}"]), "}");
        assert!(parts(&[b"junk}"]).contains("not a valid JSON object"));
        assert!(parts(&[b"{\"a\":"]).contains("read on"));
        assert!(read(&b"{\"a\":"[..]).contains("not a valid JSON object"));
        assert!(read(&b"\n"[..]).contains("empty payload"));
        assert!(read(io::repeat(b' ')).contains("longer than"));
    }
}
