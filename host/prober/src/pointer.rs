//! JSON pointers (RFC 6901) into a text that is not parsed as a whole: an answer of a megabyte would take a hundred.
//!
//! Of a value that is watched only a keyed hash is kept, by which it is told whether it changed.

use serde::de::{DeserializeSeed, Deserializer as _, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Values are not nested deeper in an answer that is taken: as deep as `serde_json` reads.
const DEEPEST: usize = 127;

/// Nobody outside knows the key, so nobody can make two values look alike.
static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What is kept of a value, or of a pointer.
pub(crate) fn mark(text: &str) -> u64 {
    KEYED.hash_one(text)
}

/// The mark of the value at a pointer.
pub(crate) fn mark_at(text: &str, pointer: &str) -> Option<u64> {
    at(text, pointer).map(mark)
}

/// Whether a text is JSON, and not nested too deeply.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok() && depth(text) <= DEEPEST
}

/// The text of the value at a pointer. Of keys that occur twice the last counts.
pub(crate) fn at<'a>(text: &'a str, pointer: &str) -> Option<&'a str> {
    let mut value = text;
    if pointer.is_empty() {
        return Some(value.trim());
    }
    for token in pointer.strip_prefix('/')?.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        value = serde_json::Deserializer::from_str(value).deserialize_any(Step(&token)).ok()??;
    }
    Some(value)
}

/// How deep arrays and objects of a JSON text are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// One level down.
struct Step<'t>(&'t str);

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Is(self.0))? {
            if is_it {
                found = Some(map.next_value::<&RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let is_number = self.0 == "0" || (!self.0.starts_with(['0', '+']) && !self.0.is_empty());
        let wanted = self.0.parse::<usize>().ok().filter(|_| is_number);
        let (mut found, mut index) = (None, 0_usize);
        loop {
            if wanted == Some(index) {
                found = seq.next_element::<&RawValue>()?.map(RawValue::get);
                if found.is_none() {
                    return Ok(None);
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            index += 1;
        }
    }
}

/// Whether a key is this one.
struct Is<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn documents() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), any::<u32>().prop_map(Value::from)];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a/~0-2 ]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_pointer_finds_what_it_finds_in_the_parsed_document(
            document in documents(),
            tokens in prop::collection::vec("(0|1|00|\\+1|a|~0|~1|b/?|)", 0..4),
        ) {
            let pointer: String = tokens.iter().map(|token| format!("/{token}")).collect();
            let text = serde_json::to_string_pretty(&document).unwrap();
            let found = at(&text, &pointer).map(|text| serde_json::from_str::<Value>(text).unwrap());
            prop_assert_eq!(found.as_ref(), document.pointer(&pointer));
        }

        #[test]
        fn what_is_taken_can_be_parsed(document in documents(), nesting in 100..150_usize) {
            let text = format!("{}{document}{}", "[".repeat(nesting), "]".repeat(nesting));
            prop_assert_eq!(is_json(&text), serde_json::from_str::<Value>(&text).is_ok());
        }
    }

    #[test]
    fn brackets_in_texts_nest_nothing() {
        assert_eq!(depth(r#"{"a[[[": "\"[[["}"#), 1);
        assert!(is_json(&json!({"text": "[".repeat(1000)}).to_string()));
        assert!(!is_json("[1, 2"));
    }
}
