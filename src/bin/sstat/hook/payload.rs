//! A hook's payload: a JSON object of which any part may be missing or of
//! another type. Such a part counts as absent.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// The keys of a JSON object, their values still JSON text: what nobody asks
/// for, such as a tool's response of megabytes, is never taken apart.
#[derive(Default)]
pub struct Payload(Vec<(String, Box<RawValue>)>);

impl Payload {
    /// Bytes that are no UTF-8 count as replacement characters.
    ///
    /// # Errors
    /// When it is not JSON, or no object.
    pub fn parse(json: &[u8]) -> serde_json::Result<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        Self::of(&String::from_utf8_lossy(json))
    }

    fn of(json: &str) -> serde_json::Result<Self> {
        let entries = sstat::object_entries(json)?.into_iter();
        let owned = entries.map(|(key, value)| (key.into_owned(), value.to_owned()));
        Ok(Self(owned.collect()))
    }

    /// Of a repeated key the last one counts.
    fn get(&self, key: &str) -> Option<&RawValue> {
        let mut pairs = self.0.iter().rev();
        pairs.find(|(other, _)| other == key).map(|pair| &*pair.1)
    }

    /// Whether there is something under a key: neither null nor an empty text.
    pub fn has(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| !matches!(value.get(), "null" | "\"\""))
    }

    /// The text under a key, unless it is blank.
    pub fn text(&self, key: &str) -> Option<String> {
        text(self.get(key)?)
    }

    /// The first of several keys that has a text.
    pub fn first_text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// The object under a key.
    pub fn object(&self, key: &str) -> Option<Payload> {
        Self::of(self.get(key)?.get()).ok()
    }

    /// The elements under a key that are objects.
    pub fn objects(&self, key: &str) -> Vec<Payload> {
        let values = self.array(key).into_iter();
        values
            .filter_map(|value| Self::of(value.get()).ok())
            .collect()
    }

    /// The elements under a key that are texts.
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.array(key).into_iter().filter_map(text).collect()
    }

    fn array(&self, key: &str) -> Vec<&RawValue> {
        self.get(key)
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .unwrap_or_default()
    }
}

/// A JSON string's text, unless it is blank.
fn text(value: &RawValue) -> Option<String> {
    sstat::string_value(value)
        .filter(|text| !text.trim().is_empty())
        .map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_another_type_counts_as_absent() {
        let json = r#"{"text":"a","number":1,"null":null,"blank":" ","empty":"",
            "object":{"x":"y"},"list":["a",1,{"x":"z"},"b"],"twice":"1","twice":"2",
            "half":"a\ud83d b","deep":[[[[]]]]}"#;
        let payload = Payload::parse(json.as_bytes()).unwrap();
        assert_eq!(payload.text("text").as_deref(), Some("a"));
        for key in ["number", "null", "blank", "object", "list", "absent"] {
            assert_eq!(payload.text(key), None, "{key}");
        }
        assert_eq!(payload.first_text(&["number", "twice"]).unwrap(), "2");
        assert!(payload.object("list").is_none() && payload.object("text").is_none());
        assert_eq!(payload.object("object").unwrap().text("x").unwrap(), "y");
        assert_eq!(payload.texts("list"), ["a", "b"]);
        assert_eq!(payload.objects("list").len(), 1);
        assert!(payload.objects("object").is_empty());
        assert!(payload.text("half").unwrap().starts_with("a\u{fffd}"));
        assert!(payload.has("number") && payload.has("blank"));
        assert!(!payload.has("null") && !payload.has("empty") && !payload.has("absent"));
    }

    #[test]
    fn only_an_object_is_a_payload() {
        for json in ["", "null", "[]", "\"a\"", "1", "{", "{\"a\":}", "{} {}"] {
            assert!(Payload::parse(json.as_bytes()).is_err(), "{json}");
        }
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Payload::parse(nested.as_bytes()).unwrap().text("a"), None);
        let broken = Payload::parse(b"\xef\xbb\xbf{\"a\":\"\xff!\"}").unwrap();
        assert_eq!(broken.text("a").as_deref(), Some("\u{fffd}!"));
    }
}
