//! Lenient reading of foreign JSON, and JSON that is safe to print: without raw
//! control characters, invisible characters or characters that change the
//! direction of text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::text::replace_unprintable;

/// A JSON object from any writer: its keys in their order, each with a value
/// that is still JSON text.
///
/// A value is decoded on access. Methods return `None` for a missing key and for a
/// value of another type.
#[derive(Clone, Debug, Default)]
pub struct JsonObject<'a>(Vec<(Cow<'a, str>, JsonValue<'a>)>);

impl<'a> JsonObject<'a> {
    /// Splits a JSON object into its entries.
    ///
    /// # Errors
    /// If the text is not JSON, or not an object.
    pub fn parse(json: &'a str) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let object = deserializer.deserialize_map(EntriesVisitor)?;
        deserializer.end()?;
        Ok(object)
    }

    /// Parses a JSON object that may need [`repair_json`].
    ///
    /// # Errors
    /// If the text is not JSON, or not an object.
    pub fn parse_bytes(json: &[u8]) -> serde_json::Result<JsonObject<'static>> {
        JsonObject::parse(&repair_json(json)).map(JsonObject::into_owned)
    }

    /// Returns the value of a key, the last one if the key is repeated.
    pub fn get(&self, key: &str) -> Option<&JsonValue<'a>> {
        let mut entries = self.0.iter().rev();
        entries
            .find(|(other, _)| other == key)
            .map(|entry| &entry.1)
    }

    /// Returns true if a key has a value other than `null` and `""`.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !value.is_empty())
    }

    /// Returns the string of a key unless it is blank.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    /// Returns the first string that is not blank, in the order of `keys`.
    pub fn first_text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// Returns the value of a key, or else of a dotted path, as in
    /// [`JsonValue::to_text`].
    pub fn text_at(&self, path: &str) -> Option<String> {
        if let Some(value) = self.get(path) {
            return Some(value.to_text().into_owned());
        }
        let mut dots = path.match_indices('.');
        dots.find_map(|(at, _)| self.get(&path[..at])?.object()?.text_at(&path[at + 1..]))
    }

    /// Returns the strings of an array, without blank ones and other elements.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let elements = self.elements(key).into_iter();
        elements.filter_map(|element| element.text()).collect()
    }

    /// Returns a copy of the object of a key.
    pub fn object(&self, key: &str) -> Option<JsonObject<'static>> {
        self.get(key)?.object().map(JsonObject::into_owned)
    }

    /// Returns copies of an array's objects, without other elements.
    pub fn objects(&self, key: &str) -> Vec<JsonObject<'static>> {
        let elements = self.elements(key).into_iter();
        elements
            .filter_map(|element| element.object().map(JsonObject::into_owned))
            .collect()
    }

    fn elements(&self, key: &str) -> Vec<JsonValue<'_>> {
        self.get(key)
            .and_then(|value| serde_json::from_str::<Vec<&RawValue>>(value.json()).ok())
            .into_iter()
            .flatten()
            .map(|raw| JsonValue(Cow::Borrowed(raw)))
            .collect()
    }

    /// Sets the value of a key, in place if the object has that key.
    pub fn set(&mut self, key: String, value: Box<RawValue>) {
        let value = JsonValue(Cow::Owned(value));
        match self.0.iter_mut().rev().find(|(other, _)| *other == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((Cow::Owned(key), value)),
        }
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &str) {
        self.0.retain(|(other, _)| other != key);
    }

    /// Merges the entries of each repeated key: the last value in the first place,
    /// as jq does.
    pub fn without_repeated_keys(self) -> Self {
        // A line can have 100,000 keys: comparing each with each takes seconds.
        let mut places = HashMap::new();
        let mut unique = Self::default();
        for (key, value) in self.0 {
            let place = *places.entry(key.clone()).or_insert(unique.0.len());
            match unique.0.get_mut(place) {
                Some(entry) => entry.1 = value,
                None => unique.0.push((key, value)),
            }
        }
        unique
    }

    pub(crate) fn push(&mut self, key: Cow<'a, str>, value: JsonValue<'a>) {
        self.0.push((key, value));
    }

    /// Returns the entries as owned keys and JSON text.
    pub fn into_entries(self) -> Vec<(String, Box<RawValue>)> {
        let entries = self.0.into_iter();
        entries
            .map(|(key, value)| (key.into_owned(), value.0.into_owned()))
            .collect()
    }

    fn into_owned(self) -> JsonObject<'static> {
        let entries = self.into_entries().into_iter();
        JsonObject(
            entries
                .map(|(key, value)| (key.into(), JsonValue(Cow::Owned(value))))
                .collect(),
        )
    }
}

impl<'a> IntoIterator for JsonObject<'a> {
    type Item = (Cow<'a, str>, JsonValue<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for JsonObject<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, &value.0)))
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = JsonObject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(10);
        // A key can have half a surrogate pair, which serde_json rejects in a string.
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let key = string_of(key.get()).unwrap_or_default();
            entries.push((key, JsonValue(Cow::Borrowed(value))));
        }
        Ok(JsonObject(entries))
    }
}

/// Makes standard JSON of text by lenient writers: skips a byte order mark,
/// replaces invalid UTF-8 by U+FFFD, and `NaN`, `Infinity` and `-Infinity` outside
/// of strings, which Python's `json.dumps` writes, by `null`.
pub fn repair_json(json: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(skip_byte_order_mark(json));
    if !text.contains("NaN") && !text.contains("Infinity") {
        return text;
    }
    let mut repaired = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(quote) = rest.find('"') {
        let (outside, string) = rest.split_at(quote);
        let (string, after) = string.split_at(string_length(string));
        repaired.push_str(&without_nan(outside));
        repaired.push_str(string);
        rest = after;
    }
    repaired.push_str(&without_nan(rest));
    Cow::Owned(repaired)
}

pub(crate) fn skip_byte_order_mark(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix("\u{feff}".as_bytes()) {
        text = rest;
    }
    text
}

fn without_nan(text: &str) -> String {
    text.replace("-Infinity", "null")
        .replace("Infinity", "null")
        .replace("NaN", "null")
}

/// Returns the length of the JSON string at the start of a text.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// A value of a [`JsonObject`], kept as JSON text.
#[derive(Clone, Debug)]
pub struct JsonValue<'a>(Cow<'a, RawValue>);

impl JsonValue<'_> {
    /// Returns the value as JSON text.
    pub fn json(&self) -> &str {
        self.0.get()
    }

    /// Returns true for `null` and `""`.
    pub fn is_empty(&self) -> bool {
        matches!(self.json(), "null" | "\"\"")
    }

    /// Returns a string's text. Half a surrogate pair becomes U+FFFD.
    pub fn string(&self) -> Option<Cow<'_, str>> {
        string_of(self.json())
    }

    /// Returns a string's text, and any other value as JSON text.
    pub fn to_text(&self) -> Cow<'_, str> {
        self.string().unwrap_or(self.json().into())
    }

    /// Returns a string's text unless it is blank.
    fn text(&self) -> Option<String> {
        let text = self.string().filter(|text| !text.trim().is_empty());
        text.map(Cow::into_owned)
    }

    pub(crate) fn is_number(&self) -> bool {
        let is_first = |c: char| c == '-' || c.is_ascii_digit();
        self.json().starts_with(is_first)
    }

    /// Returns a number that fits in an `f64`.
    pub fn number(&self) -> Option<f64> {
        let number: f64 = self.is_number().then(|| self.json().parse().ok())??;
        number.is_finite().then_some(number)
    }

    /// Returns an object's JSON text as it was written.
    pub(crate) fn object_json(&self) -> Option<Box<RawValue>> {
        let is_object = self.json().starts_with('{');
        is_object.then(|| self.0.clone().into_owned())
    }

    /// Returns an object's entries.
    pub fn object(&self) -> Option<JsonObject<'_>> {
        JsonObject::parse(self.json()).ok()
    }

    /// Decodes an object. Arrays are not accepted: a derived `Deserialize` would
    /// take their elements for the fields.
    pub(crate) fn decode_object<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        let is_object = self.json().starts_with('{');
        is_object.then(|| serde_json::from_str(self.json()).ok())?
    }
}

/// Decodes a JSON string; `None` for any other value.
fn string_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            Ok(bytes.to_vec())
        }
    }
    // As bytes, because serde_json rejects a text with half a surrogate pair.
    let bytes = serde_json::Deserializer::from_str(json).deserialize_bytes(Bytes);
    Some(Cow::Owned(without_surrogates(bytes.ok()?)))
}

/// Replaces each half of a surrogate pair, encoded as the three bytes from
/// `ED A0 80` to `ED BF BF`, by one U+FFFD, as jq does.
fn without_surrogates(mut bytes: Vec<u8>) -> String {
    let mut from = 0;
    while let Some(at) = memchr::memchr(0xed, &bytes[from..]) {
        let at = from + at;
        if matches!(bytes.get(at..at + 3), Some([_, 0xa0..=0xbf, _])) {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        from = at + 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns true if objects and arrays are nested deeper than `limit`.
pub(crate) fn deeper_than(json: &[u8], limit: usize) -> bool {
    // A few opening brackets cannot nest deeply. Sums of eight bits auto-vectorize: a
    // count as `usize` makes `history --json` take a quarter longer.
    let is_opening = |byte: &u8| u8::from(matches!(byte, b'{' | b'['));
    let parts = json.chunks(usize::from(u8::MAX));
    let sums = parts.map(|part| part.iter().map(is_opening).sum::<u8>());
    if sums.map(usize::from).sum::<usize>() <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// Returns JSON text with its unprintable characters as `\uXXXX`.
///
/// Inside of JSON strings the value stays the same. Outside of them only tab,
/// newline and carriage return are possible; each becomes a space, so that JSON
/// spread over several lines becomes one line.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    replace_unprintable(json, |c, out| match c {
        '\0'..' ' => out.push(' '),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{escape, is_unprintable};

    #[test]
    fn entries_keep_their_order_and_their_text() {
        let object = JsonObject::parse(r#" {"b":1.10, "\ud800":"x", "a":{"c":[]}, "b":null} "#);
        let entries: Vec<(String, String)> = object
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.json().to_owned()))
            .collect();
        let expected = [
            ("b", "1.10"),
            ("\u{fffd}", "\"x\""),
            ("a", r#"{"c":[]}"#),
            ("b", "null"),
        ];
        assert_eq!(
            entries,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn only_an_object_is_an_object() {
        for json in ["", "null", "[]", "\"a\"", "1", "{", "{\"a\":}", "{} {}"] {
            assert!(JsonObject::parse(json).is_err(), "{json}");
            assert!(JsonObject::parse_bytes(json.as_bytes()).is_err(), "{json}");
        }
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(JsonObject::parse(&nested).unwrap().text("a"), None);
        let broken = JsonObject::parse_bytes(b"\xef\xbb\xbf{\"a\":\"\xff!\"}").unwrap();
        assert_eq!(broken.text("a").as_deref(), Some("\u{fffd}!"));
    }

    #[test]
    fn value_of_another_type_counts_as_absent() {
        let json = r#"{"text":"a","number":1,"null":null,"blank":" ","empty":"",
            "object":{"x":"y"},"list":["a",1,{"x":"z"},"b"],"twice":"1","twice":"2",
            "half":"a\ud83d b","deep":[[[[]]]]}"#;
        let object = JsonObject::parse(json).unwrap();
        assert_eq!(object.text("text").as_deref(), Some("a"));
        for key in ["number", "null", "blank", "object", "list", "absent"] {
            assert_eq!(object.text(key), None, "{key}");
        }
        assert_eq!(object.first_text(&["number", "twice"]).unwrap(), "2");
        assert!(object.object("list").is_none() && object.object("text").is_none());
        assert_eq!(object.object("object").unwrap().text("x").unwrap(), "y");
        assert_eq!(object.texts("list"), ["a", "b"]);
        assert_eq!(object.objects("list").len(), 1);
        assert!(object.objects("object").is_empty());
        assert_eq!(object.text("half").unwrap(), "a\u{fffd} b");
        assert!(object.has("number") && object.has("blank"));
        assert!(!object.has("null") && !object.has("empty") && !object.has("absent"));
    }

    #[test]
    fn repaired_json_is_standard() {
        for (json, repaired) in [
            (
                &br#"{"a":NaN,"b":[-Infinity,Infinity]}"#[..],
                r#"{"a":null,"b":[null,null]}"#,
            ),
            (
                br#"{"NaN":"a \" NaN","b\\":NaN}"#,
                r#"{"NaN":"a \" NaN","b\\":null}"#,
            ),
            (
                b"\xef\xbb\xbf{\"a\":\"b\xfcild\"}",
                "{\"a\":\"b\u{fffd}ild\"}",
            ),
            (br#"{"a":"NaN"#, r#"{"a":"NaN"#),
            (b"", ""),
        ] {
            assert_eq!(repair_json(json), repaired);
        }
        assert!(matches!(repair_json(b"{}"), Cow::Borrowed("{}")));
    }

    #[test]
    fn set_keeps_the_place_of_a_key() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let mut object = JsonObject::parse(r#"{"a":1,"b":2,"a":3}"#)
            .unwrap()
            .without_repeated_keys();
        object.set("b".to_owned(), raw("4.0"));
        object.set("c".to_owned(), raw("5"));
        let json = serde_json::to_string(&object).unwrap();
        assert_eq!(json, r#"{"a":3,"b":4.0,"c":5}"#);
    }

    #[test]
    fn escaped_value_stays_the_same() {
        let text = "a\u{7f}b\u{9b}c\u{202e}d\u{e0041}e\u{200d}f 日本 ö";
        let json = format!("\"{text}\"");
        let json = escape_json(&json);
        assert!(!json.chars().any(is_unprintable), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert_eq!(escape_json("plain ö 日本"), "plain ö 日本");
    }

    #[test]
    fn every_unprintable_character_is_escaped() {
        for c in ('\0'..=char::MAX).filter(|&c| is_unprintable(c)) {
            assert_ne!(escape_json(&c.to_string()), c.to_string());
        }
        for c in ('\u{80}'..=char::MAX).map(|c| format!("a{c}")) {
            assert_eq!(escape_json(&c) == c, escape(&c) == c, "{c:?}");
        }
    }

    #[test]
    fn white_space_between_tokens_becomes_spaces() {
        assert_eq!(escape_json("{\"a\":\t1}\r"), "{\"a\": 1} ");
    }
}
