//! A hook's payload: a JSON object of which any part may be missing or of
//! another type. Such a part counts as absent.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The keys of a JSON object, their values still JSON text: what nobody asks
/// for, such as a tool's response of megabytes, is never taken apart.
#[derive(Default)]
pub struct Payload<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Payload<'a> {
    /// # Errors
    /// When it is not JSON, or no object.
    pub fn parse(json: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }

    /// Of a repeated key the last one counts.
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        let mut pairs = self.0.iter().rev();
        pairs.find(|(other, _)| other == key).map(|pair| pair.1)
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
    pub fn object(&self, key: &str) -> Option<Payload<'a>> {
        Payload::parse(self.get(key)?.get()).ok()
    }

    /// The elements under a key that are objects.
    pub fn objects(&self, key: &str) -> Vec<Payload<'a>> {
        let values = self.array(key).into_iter();
        values
            .filter_map(|value| Payload::parse(value.get()).ok())
            .collect()
    }

    /// The elements under a key that are texts.
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.array(key).into_iter().filter_map(text).collect()
    }

    fn array(&self, key: &str) -> Vec<&'a RawValue> {
        self.get(key)
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .unwrap_or_default()
    }
}

/// A JSON string's text. Half a surrogate pair, which JavaScript makes when it
/// cuts a text, becomes replacement characters.
fn text(value: &RawValue) -> Option<String> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }
    let json = value.get();
    if !json.starts_with('"') {
        return None;
    }
    serde_json::Deserializer::from_str(json)
        .deserialize_bytes(Text)
        .ok()
        .filter(|text| !text.trim().is_empty())
}

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Payload<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Payload(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_another_type_counts_as_absent() {
        let json = r#"{"text":"a","number":1,"null":null,"blank":" ","empty":"",
            "object":{"x":"y"},"list":["a",1,{"x":"z"},"b"],"twice":"1","twice":"2",
            "half":"a\ud83d b","deep":[[[[]]]]}"#;
        let payload = Payload::parse(json).unwrap();
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
            assert!(Payload::parse(json).is_err(), "{json}");
        }
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Payload::parse(&nested).unwrap().text("a"), None);
    }
}
