//! Since when a session has had its status.
//!
//! A run of one status can have hundreds of lines. Decoding each took nine tenths of
//! `list`, so a line that begins as the last one does, apart from its timestamp, is
//! not decoded unless it is the first of the run.

use std::io;
use std::ops::Range;

use memchr::memmem::Finder;

use crate::health::StatusSince;
use crate::store::lines::LinesBackward;
use crate::update::Update;

/// Readers look for the start of a status in this many bytes before the last update.
const SINCE_BYTES: u64 = 64 * 1024;

/// Reads on from the line of the last update to the first update of the run of updates
/// with its status. `start` is the start of that line.
pub(crate) fn find_since(
    lines: &mut LinesBackward<'_, '_>,
    last: &Update,
    start: Option<&LineStart>,
) -> io::Result<StatusSince> {
    lines.give_up_after(SINCE_BYTES);
    let mut at = last.timestamp;
    // The first line of the run so far, if it has not been decoded.
    let mut first = Vec::new();
    let is_exact = loop {
        let Some(line) = lines.next()? else {
            break !lines.gave_up();
        };
        let bytes = line.bytes.unwrap_or_default();
        if start.is_some_and(|start| start.is_in(bytes)) {
            first.clear();
            first.extend_from_slice(bytes);
            continue;
        }
        match Update::decode_own(bytes) {
            Some((_, status)) if status != last.status => break true,
            Some((timestamp, _)) => {
                at = timestamp;
                first.clear();
            }
            None => {}
        }
    };
    Ok(match Update::decode_own(&first) {
        Some((timestamp, _)) => StatusSince::new(timestamp, is_exact),
        // The oldest line of the run is invalid: use the oldest one that was decoded.
        None => StatusSince::new(at, is_exact && first.is_empty()),
    })
}

/// The bytes of a line up to the end of its status, and the range of its timestamp.
pub(crate) struct LineStart {
    bytes: Vec<u8>,
    timestamp: Range<usize>,
    /// The key of a repeated line. Its preparation takes longer than a search in a line.
    repeated: Finder<'static>,
}

impl LineStart {
    /// Returns `None` for a line in an unusual layout.
    pub(crate) fn of(line: &[u8]) -> Option<Self> {
        let text = str::from_utf8(line).ok()?;
        let (before, after) = text.split_once("\"status\"")?;
        // No string before the status contains a quote, and the key is not in a nested
        // object.
        if before.contains('\\') || before.rfind('{') != Some(0) {
            return None;
        }
        let range_in = |rest: &str| -> Option<Range<usize>> {
            let value = rest.trim_start().strip_prefix(':')?.trim_start();
            let value = value.strip_prefix('"')?;
            let start = text.len() - value.len();
            Some(start..start + value.find('"')?)
        };
        Some(Self {
            timestamp: range_in(text.strip_prefix("{\"timestamp\"")?)?,
            bytes: line[..range_in(after)?.end + 1].to_vec(),
            repeated: Finder::new(b"\"repeated\""),
        })
    }

    /// Returns true if a line that is not repeated seems to have the same status.
    fn is_in(&self, line: &[u8]) -> bool {
        let Range { start, end } = self.timestamp;
        line.get(..start) == self.bytes.get(..start)
            && line.get(end..self.bytes.len()) == self.bytes.get(end..)
            && line.ends_with(b"}")
            && self.repeated.find(line).is_none()
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Store;
    use crate::{HealthRules, Thresholds, parse_timestamp};

    const OWN: &str =
        r#"{"timestamp":"2026-02-14T20:00:SSZ","session":"w","status":"S","message":"M"}"#;
    const PYTHON: &str =
        r#"{"timestamp": "2026-02-14T20:00:SSZ", "session": "w", "status": "S", "message": "M"}"#;
    const OTHER: &str =
        r#"{"message":"\"status\":\"idle\"","status":"S","timestamp":"2026-02-14T20:00:SSZ"}"#;
    const SHORT: &str = r#"{"timestamp":"2026-02-14T20:00:SS.5+00:00","status":"S"}"#;

    /// Returns the second of the start of the last status, and whether it is exact.
    fn since(lines: &[String]) -> (u32, bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        std::fs::write(path, lines.concat()).unwrap();
        let now = parse_timestamp("2026-02-14T20:01:00Z").unwrap();
        let mut rules = HealthRules::new(now, Thresholds::default());
        rules.finds_since = true;
        let session = Store::new(directory.path()).session("w", &rules).unwrap().0;
        let since = session.unwrap().since.unwrap();
        let second = chrono::Timelike::second(&since.at);
        (second, since.is_exact)
    }

    fn line(layout: &str, second: usize, status: &str) -> String {
        let line = layout.replace("SS", &format!("{second:02}"));
        line.replace("\"S\"", &format!("\"{status}\"")) + "\n"
    }

    #[test]
    fn repeated_line_of_another_writer_is_no_part_of_the_run() {
        let repeated = line(PYTHON, 2, "error").replace("}", ", \"repeated\": true}");
        let lines = [
            line(PYTHON, 1, "idle"),
            line(PYTHON, 2, "working"),
            repeated,
            line(PYTHON, 3, "error"),
            line(PYTHON, 4, "error"),
        ];
        assert_eq!(since(&lines), (3, true));
    }

    #[test]
    fn run_starts_with_its_first_valid_update_in_any_layout() {
        let layouts = [OWN, PYTHON, OTHER, SHORT];
        for a in layouts {
            for b in layouts {
                let change = [
                    line(a, 1, "idle"),
                    line(a, 2, "working"),
                    line(b, 3, "working"),
                ];
                assert_eq!(since(&change), (2, true), "{a} {b}");
                let all = [line(a, 1, "idle"), line(b, 2, "idle"), line(b, 3, "idle")];
                assert_eq!(since(&all), (1, true), "{a} {b}");
                let twice = [line(a, 1, "error"), line(b, 2, "idle"), line(a, 3, "error")];
                assert_eq!(since(&twice), (3, true), "{a} {b}");
            }
        }
    }

    #[test]
    fn repeated_and_torn_lines_do_not_start_a_run() {
        let idle = line(OWN, 0, "idle");
        let repeated = line(&OWN.replace('}', ",\"repeated\":true}"), 1, "error");
        let torn = line(&OWN.replace("\"}", ""), 2, "error");
        let [own, last] = [3, 4].map(|second| line(OWN, second, "error"));
        let lines = [idle, repeated, torn, own, last];
        assert_eq!(since(&lines), (3, true));
        // An invalid line that ends like an update hides the start of the run.
        let damaged = line(&OWN.replace("\"M\"", "\"M"), 1, "error");
        assert_eq!(since(&[&[damaged], &lines[3..]].concat()), (4, false));
        let nested = OWN.replace("\"M\"", "\"\",\"metadata\":{\"status\":\"idle\"}");
        let lines = [2, 3].map(|second| line(&nested, second, "error"));
        assert_eq!(since(&lines), (2, true));
    }
}
