//! Converts events of coding agents to updates, without I/O: a table maps an
//! event to a status change, which is applied to the last update.

mod change;
mod event;
mod owner;
mod request;
mod schedule;
pub mod secrets;
mod state;
mod table;
mod wording;

use sstat::{JsonObject, SessionName};

pub use change::{Context, Sender, StatusChange};
pub use event::Event;
pub use owner::{Claim, claim, is_shared_daemon};
pub use state::{HookState, is_finished};
pub use table::change;
pub use wording::base_name;

/// The JSON object that an agent passes to its hook.
pub type Payload = JsonObject<'static>;

/// Returns a session name made of a text and six characters of the id, or `None` if the
/// id has no letters or digits.
pub fn name_with_id(text: &str, id: &str) -> Option<SessionName> {
    let end = name_end(id)?;
    let most = sstat::MAX_NAME_BYTES - end.len();
    SessionName::from_text(&format!("{}{end}", sstat::truncate(text, most))).ok()
}

/// Returns the suffix that all names of an id share: its first six letters and digits,
/// or the last six of a UUID version 7, which begins with the time.
pub fn name_end(id: &str) -> Option<String> {
    const LENGTH: usize = 6;
    let characters: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_version_7 = id.len() == 36 && id.as_bytes()[14] == b'7' && characters.len() == 32;
    let from = if is_version_7 { 32 - LENGTH } else { 0 };
    let short: String = characters.iter().skip(from).take(LENGTH).collect();
    (!short.is_empty()).then(|| format!("-{short}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    /// Replaces every value of every recorded payload, at any depth.
    #[test]
    fn message_is_short_for_any_payload() {
        use serde_json::{Value, json};
        fn replace(value: &mut Value, number: &mut usize, by: &Value) -> bool {
            if *number == 0 {
                *value = by.clone();
                return true;
            }
            *number -= 1;
            match value {
                Value::Object(map) => map.values_mut().any(|value| replace(value, number, by)),
                Value::Array(list) => list.iter_mut().any(|value| replace(value, number, by)),
                _ => false,
            }
        }
        let others = [
            json!(null),
            json!(""),
            json!("x".repeat(300)),
            json!("\n\r\n \u{2028}é日\u{0}".repeat(20)),
            json!([null, 7, "a", {"status": "in_progress"}, [[]]]),
            json!({"status": 7, "command": ["a", 7], "file_path": "/"}),
        ];
        let now = DateTime::from_timestamp(1_771_101_300, 0).unwrap();
        let name = SessionName::new("w").unwrap();
        for recorded in [
            include_str!("../../../../tests/fixtures/hooks/claude-code.json"),
            include_str!("../../../../tests/fixtures/hooks/codex.json"),
            include_str!("../../../../tests/fixtures/hooks/gemini.json"),
        ] {
            let recorded: Vec<Value> = serde_json::from_str(recorded).unwrap();
            let mut changes = 0;
            for (payload, by) in recorded
                .iter()
                .flat_map(|recorded| others.iter().map(|by| (recorded["payload"].clone(), by)))
            {
                for number in 1.. {
                    let mut changed = payload.clone();
                    if !replace(&mut changed, &mut number.clone(), by) {
                        break;
                    }
                    let json = changed.to_string();
                    let event = Event {
                        fields: Payload::parse_bytes(json.as_bytes()).unwrap(),
                        prompts: true,
                    };
                    let Some(change) = change(&event, now) else {
                        continue;
                    };
                    let context = Context {
                        session: &name,
                        now,
                        last: None,
                        state: &HookState::default(),
                        is_locked: true,
                        is_named_by_id: false,
                        stale_after: None,
                        run: None,
                        sender: &Sender {
                            directory: event.directory(),
                            ..Sender::default()
                        },
                    };
                    let Some(update) = change.apply(&context) else {
                        continue;
                    };
                    changes += 1;
                    assert!(update.message.chars().count() <= 120, "{json:.300}");
                    assert!(!update.message.contains(['\n', '\r']), "{json:.300}");
                    assert!(!update.message.is_empty(), "{json:.300}");
                    update.encode().unwrap();
                }
            }
            assert!(changes > 500, "{changes}");
        }
    }

    #[test]
    fn name_is_derived_from_directory_and_id() {
        let of = |directory: &str, id: &str| {
            let base = base_name(directory).unwrap_or("codex");
            name_with_id(base, id).map(|name| name.to_string())
        };
        assert_eq!(
            of("/srv/shop", "b5f6c1c2-1111-4222-8333-444455556666").as_deref(),
            Some("shop-b5f6c1")
        );
        assert_eq!(
            of("/srv/shop/", "019fb560-de6b-7320-a070-5642753ded3d").as_deref(),
            Some("shop-3ded3d")
        );
        assert_eq!(of("/", "abc").as_deref(), Some("codex-abc"));
        assert_eq!(of("", "../abc").as_deref(), Some("codex-abc"));
        assert_eq!(of("/x/.config", "abc").as_deref(), Some("_config-abc"));
        assert_eq!(of("/x/-a\nb\\c", "abc").as_deref(), Some("c-abc"));
        assert_eq!(of("/x", "../.."), None);
        assert_eq!(
            of(&format!("/{}", "ü".repeat(300)), "abcdef")
                .unwrap()
                .len(),
            243
        );
    }
}
