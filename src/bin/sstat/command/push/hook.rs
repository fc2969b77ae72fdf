//! `sstat push --hook`: converts one event of a coding agent to an update.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use sstat::{HealthRules, ProcessIdentity, Query, SessionName, Update};

use super::record;
use crate::cli::{self, Agent};
use crate::config::Config;
use crate::error::{CliError, Result};
use crate::hook::{self, Claim, Context, Event, HookState, Payload};
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

/// Maximum number of names that a hook tries.
const MAX_NAMES: usize = 4;

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
    // A daemon has the environment of the first of its sessions.
    let is_daemon = process.as_ref().is_some_and(hook::is_shared_daemon);
    let tmux = config.tmux_pane().filter(|_| !is_daemon);
    let fixed = args.hook_session.clone();
    let fixed = fixed.or_else(|| name_of_variable(config).filter(|_| !is_daemon));
    // A tmux session can be renamed, and a pane that is closed has none.
    let mut may_be_renamed = fixed.is_none() && tmux.is_some() && !event.is_startup();
    let given = fixed.or_else(|| name_of_pane(tmux.as_deref()?));
    let is_named_by_id = given.is_none();
    let mut name = match given {
        Some(name) => name,
        None => directory_name(config, agent, &event)?,
    };
    let other = run.as_ref().and_then(|run| hook::other_name(&name, run));
    if let Some(other) = other.as_ref().filter(|other| exists(config, other)) {
        name = other.clone();
    }
    let wrapper = record::wrapper(config);
    let durability = config.durability(args.sync);
    for _ in 0..MAX_NAMES {
        let claim_of = |state: &HookState| {
            let ends = change.ends_session();
            hook::claim(state, run.as_deref(), process.as_ref(), ends)
        };
        let mut claim = Claim::Free;
        let mut next = |is_locked: bool| -> Result<Option<Vec<u8>>> {
            let (last, state) = last_update(config, &name)?;
            claim = claim_of(&state);
            match claim {
                // A later event of the session has overtaken its start.
                Claim::Owned
                    if event.is_startup() && state.run == run && state.process == process =>
                {
                    return Ok(None);
                }
                Claim::Owned => {}
                Claim::Free if !may_be_renamed => {}
                _ => return Ok(None),
            }
            // A subagent can have another id, but it belongs to the owner's session.
            let owner = state
                .run
                .as_deref()
                .filter(|_| !event.subagent().is_empty());
            let update = change.apply(&Context {
                session: &name,
                now,
                last: last.as_ref(),
                state: &state,
                is_locked,
                is_named_by_id,
                agent,
                run: owner.or(run.as_deref()),
                wrapper: wrapper.as_ref(),
                directory: event.directory(),
                model: event.text("model"),
                process: process.as_ref(),
                tmux: tmux.as_deref(),
                stale_after: args.expect,
            });
            Ok(update.map(|update| update.encode()).transpose()?)
        };
        // An event that changes nothing must not create a file.
        if exists(config, &name) || next(true)?.is_some() {
            config.directories.first().create(durability)?;
            let mut appender = config.directories.first().store.appender(&name);
            appender.append_locked(LOCK_TIMEOUT, durability, &mut next)?;
        }
        match (claim, &other) {
            (Claim::Owned | Claim::Nested, _) => break,
            _ if std::mem::take(&mut may_be_renamed) => {
                let is_own = |state: &HookState| claim_of(state) == Claim::Owned;
                let earlier = earlier_name(config, tmux.as_deref(), is_own)?;
                name = earlier.unwrap_or(name);
            }
            (Claim::Taken, Some(other)) if !change.ends_session() => name = other.clone(),
            _ => break,
        }
    }
    Ok(report)
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

fn name_of_variable(config: &Config) -> Option<SessionName> {
    SessionName::from_text(&config.session_variable()?.to_string_lossy()).ok()
}

fn name_of_pane(pane: &str) -> Option<SessionName> {
    SessionName::from_text(&tmux::session_of_pane(pane)?).ok()
}

/// Returns the session that the agent wrote to from this tmux pane before its tmux
/// session was renamed or closed.
fn earlier_name(
    config: &Config,
    pane: Option<&str>,
    is_own: impl Fn(&HookState) -> bool,
) -> Result<Option<SessionName>> {
    let scan = match config.directories.first().store.scan(&no_rules(), |_| true) {
        Err(error) if error.is_not_found() => return Ok(None),
        scan => scan?,
    };
    let updates = scan.sessions.into_iter().map(|session| session.update);
    for update in updates.filter(|update| update.tmux.as_deref() == pane) {
        if let Ok(name) = SessionName::new(update.session)
            && is_own(&last_update(config, &name)?.1)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn exists(config: &Config, name: &SessionName) -> bool {
    let path = config.directories.first().store.path();
    path.join(name.file_name()).exists()
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
    if exists(config, &name) {
        return Ok(name);
    }
    let names = match config.directories.first().store.names() {
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
    let store = &config.directories.first().store;
    let (session, _problem) = store.session(name.as_str(), &no_rules())?;
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
    let state = state.map(HookState::without_status);
    Ok((Some(last), state.unwrap_or_default()))
}

/// Returns health rules for reading updates only.
fn no_rules() -> HealthRules {
    HealthRules::new(chrono::DateTime::default(), sstat::Thresholds::default())
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
