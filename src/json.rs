//! JSON of any writer taken apart, and JSON that is safe to print: no control
//! character, no invisible or direction-changing one stands raw in it.

use std::borrow::Cow;
use std::fmt;
use std::io;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use serde_json::value::RawValue;

use crate::text::is_unprintable;

/// The keys of a JSON object, with their values as they stand, in their order;
/// a repeated key each time. Half a surrogate pair in a key becomes a
/// replacement character.
///
/// # Errors
/// When it is no JSON, or no object.
pub fn object_entries(json: &str) -> serde_json::Result<Vec<(Cow<'_, str>, &RawValue)>> {
    struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
    impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct EntriesVisitor;
            impl<'de> Visitor<'de> for EntriesVisitor {
                type Value = Entries<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a JSON object")
                }

                fn visit_map<A: MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Entries<'de>, A::Error> {
                    let mut entries = Vec::new();
                    while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                        entries.push((string_value(key).unwrap_or_default(), value));
                    }
                    Ok(Entries(entries))
                }
            }
            deserializer.deserialize_map(EntriesVisitor)
        }
    }
    serde_json::from_str::<Entries>(json).map(|entries| entries.0)
}

/// Reads the bytes of a JSON string.
#[derive(Clone, Copy)]
pub(crate) enum StringBytes {
    /// One that is text.
    OfText,
    /// Any: half a surrogate pair passes, and so do control characters.
    OfAny,
}

impl<'de> Visitor<'de> for StringBytes {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.as_bytes().to_vec()))
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }
}

impl<'de> DeserializeSeed<'de> for StringBytes {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self {
            Self::OfText => deserializer.deserialize_str(self),
            Self::OfAny => deserializer.deserialize_bytes(self),
        }
    }
}

/// The text of a JSON string's bytes. Half a surrogate pair, which JSON can say
/// and Unicode cannot (three bytes from ED A0 on), becomes a replacement
/// character, as in jq.
pub(crate) fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    let mut bytes = match bytes {
        Cow::Borrowed(bytes) => return String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => bytes,
    };
    let mut from = 0;
    while let Some(at) = memchr::memchr(0xed, &bytes[from..]) {
        let at = from + at;
        if matches!(bytes.get(at..at + 3), Some([_, 0xa0..=0xbf, _])) {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        from = at + 1;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// A JSON string's text; `None` for any other value. Half a surrogate pair becomes
/// a replacement character.
#[must_use]
pub fn string_value(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    if !json.starts_with('"') {
        return None;
    }
    let inner = json.get(1..json.len().checked_sub(1)?)?;
    if !contains(inner.as_bytes(), |byte| byte == b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    let bytes = StringBytes::OfAny.deserialize(&mut serde_json::Deserializer::from_str(json));
    bytes.ok().map(text)
}

/// Whether one of the bytes is wanted. Without a way out before the end, so that
/// sixteen are looked at at once.
fn contains(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> bool {
    bytes
        .iter()
        .fold(false, |found, &byte| found | wanted(byte))
}

/// Appends JSON text with its unprintable characters as `\uXXXX`.
///
/// Inside a JSON string that is the same value. Outside of one only tab, newline
/// and carriage return can stand; they become a space, so that JSON that was
/// laid out over several lines is one line.
pub fn escape_json(text: &str, out: &mut Vec<u8>) {
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        if !is_unprintable(c) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[copied..at]);
        copied = at + c.len_utf8();
        if c < ' ' {
            out.push(b' ');
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
}

/// Whether nothing in a text can be unprintable: most are plain, and that is
/// quickly seen.
fn is_plain(text: &str) -> bool {
    let is_ascii = !contains(text.as_bytes(), |byte| !matches!(byte, b' '..=b'~'));
    // Every unprintable character begins with one of these bytes.
    let is_suspicious = |byte| matches!(byte, 0..0x20 | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef | 0xf3);
    is_ascii || !contains(text.as_bytes(), is_suspicious)
}

/// A `serde_json` formatter that escapes as [`escape_json`] does and leaves
/// the layout to another.
#[derive(Clone, Debug, Default)]
pub struct SafeFormatter<F> {
    layout: F,
    escaped: Vec<u8>,
}

impl SafeFormatter<CompactFormatter> {
    /// All on one line.
    #[must_use]
    pub fn compact() -> Self {
        Self {
            layout: CompactFormatter,
            escaped: Vec::new(),
        }
    }
}

impl SafeFormatter<PrettyFormatter<'static>> {
    /// Indented by two spaces.
    #[must_use]
    pub fn pretty() -> Self {
        Self {
            layout: PrettyFormatter::new(),
            escaped: Vec::new(),
        }
    }
}

macro_rules! layout {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.layout.$name(writer $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for SafeFormatter<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_plain(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        self.escaped.clear();
        escape_json(fragment, &mut self.escaped);
        writer.write_all(&self.escaped)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.write_string_fragment(writer, fragment)
    }

    layout! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        escape_json(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_objects_entries_as_they_stand() {
        let entries = object_entries(r#" {"b":1.10, "\ud800":"x", "a":{"c":[]}, "b":null} "#);
        let entries: Vec<(String, &str)> = entries
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.get()))
            .collect();
        let expected = [
            ("b", "1.10"),
            ("\u{fffd}", "\"x\""),
            ("a", r#"{"c":[]}"#),
            ("b", "null"),
        ];
        assert_eq!(
            entries,
            expected.map(|(key, value)| (key.to_owned(), value))
        );
        for none in ["", "[]", "1", "{", "{} {}"] {
            assert!(object_entries(none).is_err(), "{none}");
        }
    }

    #[test]
    fn values_stay_the_same() {
        let text = "a\u{7f}b\u{9b}c\u{202e}d\u{e0041}e\u{200d}f 日本 ö";
        let json = escaped(&format!("\"{text}\""));
        assert!(!json.chars().any(is_unprintable), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert_eq!(escaped("plain ö 日本"), "plain ö 日本");
    }

    #[test]
    fn the_first_byte_of_every_unprintable_character_is_suspicious() {
        for c in ('\0'..=char::MAX).filter(|&c| is_unprintable(c)) {
            assert_ne!(escaped(&c.to_string()), c.to_string());
        }
    }

    #[test]
    fn white_space_between_tokens_becomes_a_space() {
        assert_eq!(escaped("{\"a\":\t1}\r"), "{\"a\": 1} ");
    }

    #[test]
    fn raw_values_are_escaped_too() {
        let raw = RawValue::from_string("{\"k\":\"\u{9b}31m\"}".into()).unwrap();
        let mut out = Vec::new();
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut out, SafeFormatter::compact());
        raw.serialize(&mut serializer).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"k\":\"\\u009b31m\"}");
    }
}
