//! `sstat push --hook`: one event of a coding agent, read and pushed as what
//! it means.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use sstat::{HealthRules, Query, SessionName, Update};

use super::{process_of_variable, record};
use crate::cli::{self, Agent};
use crate::config::Config;
use crate::error::{CliError, Result};
use crate::hook::payload::Payload;
use crate::hook::{self, Event, TaskCounts};
use crate::timeout::run_with_timeout;
use crate::tmux;
use crate::view::{Report, View};

/// The longest payload that is read. A tool's response stands in it.
const LONGEST_PAYLOAD: usize = 16 * 1024 * 1024;

/// How long an agent may take to write its payload. It does so at once; what
/// does not come must not hold up the agent.
const AGENT_PATIENCE: Duration = Duration::from_secs(3);

/// How far back the counts of a task list are looked for.
const LOOK_BACK: usize = 200;

pub fn run(config: &Config, agent: Agent, args: &cli::Push) -> Result<Report> {
    let mut report = Report::of(View::Nothing);
    let fields = match &args.payload {
        Some(json) => Payload::parse(json.as_encoded_bytes()).map_err(Unread::Payload),
        None => read_stdin(),
    }?;
    let event = Event {
        fields,
        prompts: config.hook_prompts(),
    };
    let Some(change) = hook::change(agent, &event) else {
        return Ok(report);
    };
    let name = session_name(config, agent, args, &event)?;
    let now = config.now()?;
    let last = last_update(config, &name)?;
    let tasks = match change.counts_tasks() {
        true => task_counts(config, &name)?,
        false => None,
    };
    let ends_session = change.ends_session();
    let Some(mut update) = change.following(&name, now, last.as_ref(), tasks) else {
        return Ok(report);
    };
    if !ends_session {
        update.stale_after = args.expect;
        update.process = process_of_variable(config, &mut report).map(Box::new);
    }
    if last.is_some_and(|last| hook::repeats(&update, &last)) {
        return Ok(report);
    }
    record(config, &update, config.durability(args.sync))?;
    Ok(report)
}

/// Why there is no payload.
enum Unread {
    Terminal,
    Late,
    Empty,
    Longer,
    Io(io::Error),
    Payload(serde_json::Error),
}

impl From<Unread> for CliError {
    fn from(unread: Unread) -> Self {
        Self::error(match unread {
            Unread::Terminal => {
                "--hook: stdin is a terminal; an agent writes its hook's JSON there".to_owned()
            }
            Unread::Late => format!(
                "--hook: stdin: no whole JSON object within {} s",
                AGENT_PATIENCE.as_secs()
            ),
            Unread::Empty => "--hook: there is no payload on stdin".to_owned(),
            Unread::Longer => {
                format!("--hook: stdin: the payload has more than {LONGEST_PAYLOAD} bytes")
            }
            Unread::Io(source) => {
                format!("--hook: {}", CliError::of_stream("read", "stdin", source))
            }
            Unread::Payload(error) => format!("--hook: the payload: {error}"),
        })
    }
}

/// The payload from stdin. An agent that neither writes nor closes it is
/// waited for only for a while.
fn read_stdin() -> std::result::Result<Payload, Unread> {
    if io::stdin().is_terminal() {
        return Err(Unread::Terminal);
    }
    run_with_timeout(AGENT_PATIENCE, || read_payload(io::stdin().lock()))
        .unwrap_or(Err(Unread::Late))
}

/// Reads to the end of the object, which need not be the end of the input, or
/// as far as the input can become one.
fn read_payload(mut input: impl Read) -> std::result::Result<Payload, Unread> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        let count = match input.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Unread::Io(error)),
        };
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() > LONGEST_PAYLOAD {
            return Err(Unread::Longer);
        }
        let is_end = count == 0;
        if is_end && bytes.trim_ascii().is_empty() {
            return Err(Unread::Empty);
        }
        if is_end || chunk[..count].trim_ascii_end().ends_with(b"}") {
            match Payload::parse(&bytes) {
                Err(error) if error.is_eof() && !is_end => {}
                parsed => return parsed.map_err(Unread::Payload),
            }
        }
    }
}

/// Whom the event speaks of. It is the same name for every event of an agent's
/// session.
fn session_name(
    config: &Config,
    agent: Agent,
    args: &cli::Push,
    event: &Event,
) -> Result<SessionName> {
    let given = args.hook_session.clone();
    let of_variable = || hook::session_name(&config.session_variable()?.to_string_lossy());
    let of_tmux = || hook::session_name(&tmux::session_of_pane(&config.tmux_pane()?)?);
    match given.or_else(of_variable).or_else(of_tmux) {
        Some(name) => Ok(name),
        None => directory_name(config, agent, event)?.ok_or_else(|| {
            CliError::error(
                "--hook: the payload has no session_id to make a name of; give --session or SSTAT_SESSION",
            )
        }),
    }
}

/// A name from the agent's directory and id. An agent may change its directory,
/// so a session that has its id already keeps its name.
fn directory_name(config: &Config, agent: Agent, event: &Event) -> Result<Option<SessionName>> {
    let Some(id) = event.session_id() else {
        return Ok(None);
    };
    let directory = match event.fields.text("cwd") {
        Some(directory) => directory,
        None => config.current_directory(),
    };
    let (Some(name), Some(end)) = (
        hook::directory_name(agent, &directory, &id),
        hook::name_end(&id),
    ) else {
        return Ok(None);
    };
    if last_update(config, &name)?.is_some() {
        return Ok(Some(name));
    }
    let names = match config.location.store.names() {
        Ok(names) => names,
        // The first push of all makes it.
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let same = names
        .into_iter()
        .filter(|other| other.ends_with(&end))
        .min()
        .and_then(|other| SessionName::new(other).ok());
    Ok(Some(same.unwrap_or(name)))
}

/// The session's last update. What is wrong with its file is for readers to
/// report, and for the append where it hinders that.
fn last_update(config: &Config, name: &SessionName) -> Result<Option<Update>> {
    let rules = HealthRules::new(config.now()?, sstat::Thresholds::default());
    let store = &config.location.store;
    let (session, _problem) = store.session(name.as_str(), &rules)?;
    Ok(session.map(|session| session.update))
}

fn task_counts(config: &Config, name: &SessionName) -> Result<Option<TaskCounts>> {
    let query = Query {
        limit: Some(LOOK_BACK),
        ..Query::default()
    };
    let Some(history) = config.location.store.history(name.as_str(), query)? else {
        return Ok(None);
    };
    let mut counts = None;
    history.for_each(|_, update| -> sstat::Result<()> {
        counts = TaskCounts::after(counts, &update);
        Ok(())
    })?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its parts one by one and then fails: nothing may be read behind
    /// the object.
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

    #[test]
    fn reading_ends_with_the_object() {
        let read = |parts: &[&'static [u8]]| read_payload(Parts(parts.to_vec()));
        assert!(read(&[b"{\"a\":{}", b"}\n"]).is_ok());
        let split = read(&[b"{\"a\":\"}", b"\"}"]);
        assert_eq!(split.ok().unwrap().text("a").as_deref(), Some("}"));
        assert!(matches!(read(&[b"junk}"]), Err(Unread::Payload(_))));
        assert!(matches!(read(&[b"{\"a\":"]), Err(Unread::Io(_))));
        assert!(matches!(
            read_payload(&b"{\"a\":"[..]),
            Err(Unread::Payload(_))
        ));
        assert!(matches!(read_payload(&b"\n"[..]), Err(Unread::Empty)));
    }

    #[test]
    fn an_endless_payload_is_given_up() {
        assert!(matches!(
            read_payload(io::repeat(b' ')),
            Err(Unread::Longer)
        ));
    }
}
