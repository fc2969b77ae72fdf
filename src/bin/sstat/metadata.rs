//! A session's own data: a JSON object whose order and numbers stay as they
//! were written.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// An object's keys and values in their order; of a repeated key the last
/// value.
///
/// # Errors
/// When it is no JSON object.
pub fn pairs(object: &RawValue) -> serde_json::Result<Vec<(String, Box<RawValue>)>> {
    let mut pairs: Vec<(String, Box<RawValue>)> = Vec::new();
    let mut places: HashMap<_, usize> = HashMap::new();
    for (key, value) in sstat::object_entries(object.get())? {
        match places.get(&key) {
            Some(&place) => pairs[place].1 = value.to_owned(),
            None => {
                pairs.push((key.clone().into_owned(), value.to_owned()));
                places.insert(key, pairs.len() - 1);
            }
        }
    }
    Ok(pairs)
}
