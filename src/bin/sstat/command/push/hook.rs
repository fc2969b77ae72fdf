//! `sstat push --hook`: converts one event of a coding agent to an update.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use sstat::{HealthRules, ProcessIdentity, Query, SessionName, Update};

use super::record::wrapper_run;
use crate::cli::{self, Agent};
use crate::config::Config;
use crate::error::{CliError, Result};
use crate::hook::{self, Claim, Context, Event, HookState, Payload, StatusChange};
use crate::timeout::run_with_timeout;
use crate::tmux;
use crate::view::{Report, View};

/// Maximum payload size in bytes. A payload includes the response of a tool.
const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// Timeout for reading the payload, so that a missing one does not block the
/// agent.
const STDIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Number of updates that are searched for the last one of a hook.
const STATE_LOOKBACK: usize = 200;

/// Maximum time that a hook waits for the lock.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

pub fn run(config: &Config, agent: Agent, args: &cli::Push) -> Result<Report> {
    let report = Report::of(View::Nothing);
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
        return Ok(report);
    };
    let agent = agent.name().or_else(|| event.agent());
    let process = agent_process(config, agent);
    let run = event.session_id();
    let given = given_name(config, args, process.as_ref());
    let is_named_by_id = given.is_none();
    let name = match given {
        Some(name) => claimed_name(config, name, &change, run.as_deref(), process.as_ref())?,
        None => Some(directory_name(config, agent, &event)?),
    };
    let Some(name) = name else {
        return Ok(report);
    };
    let wrapper = wrapper_run(config);
    let next = |is_locked: bool| -> sstat::Result<Option<Update>> {
        let (last, state) = last_update(config, &name)?;
        Ok(change.apply(&Context {
            session: &name,
            now,
            last: last.as_ref(),
            state: &state,
            is_locked,
            is_named_by_id,
            agent,
            run: run.as_deref(),
            wrapper: wrapper.as_deref(),
            directory: event.directory(),
            model: event.text("model"),
            process: process.as_ref(),
            stale_after: args.expect,
        }))
    };
    // Check first: an event that changes nothing must not create a file.
    let Some(update) = next(true)? else {
        return Ok(report);
    };
    update.encode()?;
    let durability = config.durability(args.sync);
    config.location.create(durability)?;
    let mut appender = config.location.store.appender(&name);
    appender.append_locked(LOCK_TIMEOUT, durability, |is_locked| {
        next(is_locked)?.map(|update| update.encode()).transpose()
    })?;
    Ok(report)
}

/// Returns the name that the agent may write under, or `None` if the event is to
/// be ignored. An agent that got a name of its own keeps it.
fn claimed_name(
    config: &Config,
    name: SessionName,
    change: &StatusChange,
    run: Option<&str>,
    process: Option<&ProcessIdentity>,
) -> Result<Option<SessionName>> {
    let Some((run, other)) = run.and_then(|run| Some((run, hook::other_name(&name, run)?))) else {
        return Ok(Some(name));
    };
    if last_update(config, &other)?.1.run.as_deref() == Some(run) {
        return Ok(Some(other));
    }
    let (_, state) = last_update(config, &name)?;
    let claim = hook::claim(&state, run, process, change.ends_session());
    Ok(match claim {
        Claim::Granted => Some(name),
        Claim::Ignored => None,
        Claim::OtherName => Some(other),
    })
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
    let error = |reason: &str| Err(CliError::error(format!("--hook: stdin{reason}")));
    if io::stdin().is_terminal() {
        return error(" is a terminal: expected the JSON payload of an agent's hook");
    }
    match run_with_timeout(STDIN_TIMEOUT, || read_payload(io::stdin().lock())) {
        Some(payload) => payload,
        None => error(&format!(
            ": no complete JSON object within {} s",
            STDIN_TIMEOUT.as_secs()
        )),
    }
}

/// Reads until the JSON object is complete or the input is invalid. Does not
/// wait for the end of the input.
fn read_payload(mut input: impl Read) -> Result<Payload> {
    let fail =
        |error: io::Error| format!("--hook: {}", CliError::of_stream("read", "stdin", error));
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        let count = match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.map_err(|error| CliError::error(fail(error)))?,
        };
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() > MAX_PAYLOAD {
            return Err(CliError::error(format!(
                "--hook: stdin: the payload is longer than {MAX_PAYLOAD} bytes"
            )));
        }
        let is_end = count == 0;
        if is_end && bytes.trim_ascii().is_empty() {
            return Err(CliError::error("--hook: stdin: empty payload"));
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
    CliError::error(format!("--hook: stdin is not a valid JSON object: {error}"))
}

/// Returns the name from the arguments, the environment or tmux.
fn given_name(
    config: &Config,
    args: &cli::Push,
    process: Option<&ProcessIdentity>,
) -> Option<SessionName> {
    if let Some(name) = &args.hook_session {
        return Some(name.clone());
    }
    // A daemon has the environment of the first of its sessions.
    if process.is_some_and(hook::is_shared_daemon) {
        return None;
    }
    let of_variable = || SessionName::from_text(&config.session_variable()?.to_string_lossy()).ok();
    let of_tmux = || SessionName::from_text(&tmux::session_of_pane(&config.tmux_pane()?)?).ok();
    of_variable().or_else(of_tmux)
}

/// Derives a name from the directory and the id. An agent may change its
/// directory, so an existing session with the same id keeps its name.
fn directory_name(config: &Config, agent: Option<&str>, event: &Event) -> Result<SessionName> {
    let directory = event.directory();
    let directory = directory.unwrap_or_else(|| config.current_directory());
    let derived = event.session_id().and_then(|id| {
        let name = hook::directory_name(agent.unwrap_or("agent"), &directory, &id)?;
        Some((name, hook::name_end(&id)?))
    });
    let (name, end) = derived.ok_or_else(|| {
        CliError::error(
            "--hook: cannot derive a session name: the payload has no session_id; set --session or SSTAT_SESSION",
        )
    })?;
    if last_update(config, &name)?.0.is_some() {
        return Ok(name);
    }
    let names = match config.location.store.names() {
        // The first push creates the directory.
        Err(error) if error.is_not_found() => Vec::new(),
        names => names?,
    };
    let same = names.into_iter().filter(|other| other.ends_with(&end));
    let same = same.min().and_then(|other| SessionName::new(other).ok());
    Ok(same.unwrap_or(name))
}

/// Returns the last update of the session and the state of its hooks: that of the
/// last update that a hook wrote. Readers and the append report a problem with
/// the file.
fn last_update(config: &Config, name: &SessionName) -> sstat::Result<(Option<Update>, HookState)> {
    let rules = HealthRules::new(chrono::DateTime::default(), sstat::Thresholds::default());
    let store = &config.location.store;
    let (session, _problem) = store.session(name.as_str(), &rules)?;
    let Some(last) = session.map(|session| session.update) else {
        return Ok((None, HookState::default()));
    };
    if let Some(state) = HookState::of(&last) {
        return Ok((Some(last), state));
    }
    let mut state = None;
    if let Some(history) = store.history(name.as_str(), Query::last(STATE_LOOKBACK))? {
        history.for_each(|_, update| -> sstat::Result<()> {
            state = HookState::of(&update).or(state.take());
            Ok(())
        })?;
    }
    let state = state.map(HookState::without_behind);
    Ok((Some(last), state.unwrap_or_default()))
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
