//! The runs that write to one session: wrapped commands and agents.

use sstat::{
    Appender, Durability, HostIdentity, ProcessIdentity, Query, SessionName, Status, Update,
};

use super::record::appender;
use crate::config::Config;
use crate::error::Result;

/// Number of updates that are searched for those of other runs.
const LOOKBACK: usize = 200;

/// Returns the last update of each run of a session, oldest first. Problems with the
/// file are ignored: the append reports them.
pub fn last_updates(config: &Config, session: &str) -> Vec<Update> {
    let mut last: Vec<Update> = Vec::new();
    let store = &config.directories.first().store;
    if let Ok(Some(history)) = store.history(session, Query::last(LOOKBACK)) {
        let _ = history.for_each(|_, update| -> sstat::Result<()> {
            if run_of(&update).is_some() {
                last.retain(|other| run_of(other) != run_of(&update));
                last.push(update);
            }
            Ok(())
        });
    }
    last
}

/// Appends the final update of the run that `first` began, which `end` returns for the
/// run's last update. If another run has not ended, its last update is repeated in the
/// same write, so that readers show it again.
pub fn record_end(
    config: &Config,
    first: &Update,
    durability: Durability,
    end: impl FnOnce(Option<Update>) -> Result<Update>,
) -> Result<()> {
    let name = SessionName::new(first.session.as_str())?;
    let mut appender = appender(config, &name, durability)?;
    appender.append_locked(Appender::LOCK_TIMEOUT, durability, |is_locked| {
        let mut others = last_updates(config, &first.session);
        let own = others
            .iter()
            .position(|update| run_of(update) == run_of(first));
        let own = own.map(|index| others.remove(index));
        let mut lines = end(own)?.encode()?;
        // Without the lock, the other run may end at the same time.
        if let Some(mut other) = others.into_iter().rfind(is_open).filter(|_| is_locked) {
            other.repeated = true;
            lines.extend(other.encode().unwrap_or_default());
        }
        Ok(Some(lines))
    })
}

/// Returns the run of an update: that of the wrapper around an agent, or its own.
pub fn run_of(update: &Update) -> Option<&String> {
    update.wrapper.as_ref().or(update.run.as_ref())
}

/// Returns the pid of the wrapper whose run has this last update, if it has not
/// recorded the end of its command.
pub fn open_wrapper(update: &Update) -> Option<u32> {
    let is_ended = matches!(update.status, Status::Completed | Status::Error);
    let wrapper = ProcessIdentity::of_run(run_of(update)?)?;
    (update.process.is_some() || !is_ended).then_some(wrapper.pid)
}

/// Returns true if the run with this last update has not ended: a wrapper that still
/// runs its command, or an agent in the middle of a turn.
pub fn is_open(update: &Update) -> bool {
    let is_alive = |process: &ProcessIdentity| {
        let here = HostIdentity::current();
        process.state(here.as_ref()).is_alive()
    };
    open_wrapper(update).is_some()
        || matches!(update.status, Status::Working | Status::Blocked)
            && update.process.as_deref().is_some_and(is_alive)
}
