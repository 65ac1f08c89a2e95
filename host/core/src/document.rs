//! Writing into JSON documents. `value["a"]["b"] = x` panics where `a` is neither an object nor null, and most documents are
//! somebody else's: they are written by what is here, and `cargo xtask tidy` holds that.

use serde_json::{Map, Value};

/// The object at a path of fields, made where there is none; nothing where something on the way is no object.
pub fn object_at<'a>(document: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut here = document;
    for field in path {
        here = object(here)?.entry(*field).or_insert(Value::Null);
    }
    object(here)
}

/// Sets a field below a path of fields. Says whether it did: it can't where something on the way is no object.
pub fn set(document: &mut Value, path: &[&str], field: &str, value: impl Into<Value>) -> bool {
    object_at(document, path).map(|object| object.insert(field.into(), value.into())).is_some()
}

/// The value as an object; null becomes an empty one.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_is_made_and_what_is_no_object_is_left_alone() {
        let mut document = json!({"a": null, "text": "x"});
        assert!(set(&mut document, &["a", "b"], "c", 1));
        assert!(set(&mut document, &[], "d", "e"));
        assert_eq!(document, json!({"a": {"b": {"c": 1}}, "text": "x", "d": "e"}));
        assert!(!set(&mut document, &["text"], "c", 1));
        assert!(!set(&mut document, &["a", "b", "c"], "c", 1));
        assert!(!set(&mut json!("x"), &[], "c", 1));
    }
}
