//! Repeats a session's last update with an acknowledgement.
//!
//! The copy has the update's values as they are stored, so that nothing but the
//! acknowledgement changes for readers. A writer without the lock can append an update
//! between the one that is copied and the copy. That update is appended once more, so
//! that it stays the last one.

use std::fs::File;
use std::io;

use serde_json::value::to_raw_value;

use crate::error::{Error, Result};
use crate::json::{JsonObject, escape_json};
use crate::store::Store;
use crate::store::append::{Appender, Durability, MAX_REWRITES};
use crate::store::lines::LinesBackward;
use crate::update::{Acknowledgement, MAX_WRITTEN_BYTES, Update};

impl Store {
    /// Acknowledges a session, or withdraws that with `None`, by repeating its last
    /// update. Readers leave an acknowledged session out of what needs attention until
    /// its next update, or until a time. Returns false if there is no such session.
    ///
    /// Blocks like [`Appender::append`].
    ///
    /// # Errors
    /// [`Error::Update`] if the line would be too long, and those of
    /// [`Appender::append`].
    pub fn acknowledge(
        &self,
        name: &str,
        until: Option<Acknowledgement>,
        durability: Durability,
    ) -> Result<bool> {
        let Some(path) = self.path_of(name)? else {
            return Ok(false);
        };
        let mut appender = match Appender::existing(path.clone()) {
            Err(error) if error.is_not_found() => return Ok(false),
            appender => appender?,
        };
        let (mut open, _lock) = appender.open_and_lock(Appender::LOCK_TIMEOUT)?;
        let fail = |error| Error::io("read", &path)(error);
        let Some((mut offset, last)) = last_updates(&open.file, 1).map_err(fail)?.pop() else {
            return Ok(false);
        };
        let mut object = parse(&last)?;
        object.remove("acknowledged_until");
        if let Some(until) = until {
            let until = to_raw_value(&until).map_err(invalid)?;
            object.set("acknowledged_until".to_owned(), until);
        }
        let mut copy = encode(name, object)?;
        for _ in 0..=MAX_REWRITES {
            appender.write(&mut open, &copy, durability)?;
            match &*last_updates(&open.file, 2).map_err(fail)? {
                [(written, last), (between, line)]
                    if last.trim_ascii() == copy.trim_ascii() && *between > offset =>
                {
                    (offset, copy) = (*written, encode(name, parse(line)?)?);
                }
                _ => return Ok(true),
            }
        }
        let attempts = MAX_REWRITES + 1;
        Err(Error::Unconfirmed { path, attempts })
    }
}

/// Returns the offsets and the lines of the last `count` updates, last first.
fn last_updates(file: &File, count: usize) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let mut buffer = Vec::new();
    let mut lines = LinesBackward::new(file, file.metadata()?.len(), &mut buffer)?;
    let mut updates = Vec::new();
    while updates.len() < count
        && let Some(line) = lines.next()?
    {
        if let Some(bytes) = line.bytes.filter(|_| line.decode().is_ok()) {
            updates.push((line.offset, bytes.to_vec()));
        }
    }
    Ok(updates)
}

/// Returns the line of an update that repeats an earlier one.
fn encode(name: &str, mut object: JsonObject<'_>) -> Result<Vec<u8>> {
    object.set("repeated".to_owned(), to_raw_value(&true).map_err(invalid)?);
    let json = serde_json::to_string(&object).map_err(invalid)?;
    let line = format!("{}\n", escape_json(&json)).into_bytes();
    match line.len() {
        ..=MAX_WRITTEN_BYTES => Ok(line),
        length => Err(Update::too_long(name, length)),
    }
}

fn parse(line: &[u8]) -> Result<JsonObject<'static>> {
    let object = JsonObject::parse_bytes(line).map_err(invalid)?;
    Ok(object.without_repeated_keys())
}

fn invalid(error: serde_json::Error) -> Error {
    let reason = error.to_string();
    Error::Update { reason }
}
