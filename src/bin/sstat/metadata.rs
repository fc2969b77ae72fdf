//! A session's own data: a JSON object whose order and numbers stay as they
//! were written.

use std::collections::HashMap;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's keys and values in their order; of a repeated key the last
/// value.
pub fn pairs(object: &RawValue) -> serde_json::Result<Vec<(String, Box<RawValue>)>> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs: Self::Value = Vec::new();
            let mut places: HashMap<String, usize> = HashMap::new();
            while let Some((key, value)) = map.next_entry::<String, _>()? {
                match places.get(&key) {
                    Some(&place) => pairs[place].1 = value,
                    None => {
                        places.insert(key.clone(), pairs.len());
                        pairs.push((key, value));
                    }
                }
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Pairs)
}
