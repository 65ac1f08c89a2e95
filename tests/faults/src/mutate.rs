//! Documents that are nearly right.

use proptest::{
    collection::vec,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};
use serde_json::{Value, json};

/// One change of a document.
#[derive(Clone, Debug)]
enum Mutation {
    /// A field or item goes.
    Remove,
    /// Another value in its place.
    Replace(Value),
    /// The value of another place in its place.
    Copy(Index),
    /// A field that nobody knows.
    Add(Value),
}

/// Texts that have broken programs before.
fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\n",
        "\0",
        "\u{feff}",
        "null",
        "true",
        "-1",
        "0x",
        "1e999",
        "NaN",
        "--help",
        "-",
        "=",
        ",",
        "a,b",
        "a=b",
        "../../etc/passwd",
        "/",
        "//",
        "$(POD_IP)",
        "$(",
        "${HOME}",
        "{{ .Values }}",
        "%s%n",
        "\"",
        "'",
        "\\",
        "`id`",
        "a b",
        "A",
        "_",
        ".",
        "a.b.c",
        "http://",
        "http://[::1",
        "http://user:pass@host:99999/",
        "https://ex ample.org",
        "0.0.0.0",
        "[::]",
        "::1",
        "999.999.999.999",
        "18446744073709551616",
        "1Gi",
        "-1Gi",
        "1e3Gi",
        "99999999999999h",
        "2s ",
        "-2s",
        "0",
        "ünïcödé",
        "日本語",
        "🦀🦀🦀",
        "\u{202e}rtl",
        "e\u{301}",
        "enr:-",
        "enode://x@y:z",
        "0xzz",
    ]
    .map(Into::into)
    .into();
    texts.extend([63, 64, 253, 254, 10_000].map(|length| "a".repeat(length)));
    texts.push("ß".repeat(200));
    texts
}

fn odd_values() -> BoxedStrategy<Value> {
    let numbers = vec![
        json!(0),
        json!(-1),
        json!(65536),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1.5),
        json!(1e308),
        json!(-0.0),
    ];
    let shapes = vec![json!(null), json!({}), json!([]), json!([[]]), json!([null]), json!({"": null}), json!(true)];
    prop_oneof![
        4 => select(odd_texts()).prop_map(Value::from),
        2 => select(numbers),
        2 => select(shapes),
        1 => any::<String>().prop_map(Value::from),
        1 => (1..60usize).prop_map(nested),
    ]
    .boxed()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("deep"), |inner, level| if level % 2 == 0 { json!({"a": inner}) } else { json!([inner]) })
}

/// The document with up to three changes.
pub fn mutated(base: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let mutation = prop_oneof![
        2 => Just(Mutation::Remove),
        5 => odd_values().prop_map(Mutation::Replace),
        1 => any::<Index>().prop_map(Mutation::Copy),
        1 => odd_values().prop_map(Mutation::Add),
    ];
    let mutations = vec((any::<Index>(), mutation), 1..=3);
    (base, mutations)
        .prop_map(|(mut document, mutations)| {
            for (place, mutation) in mutations {
                mutate(&mut document, place, mutation);
            }
            document
        })
        .boxed()
}

fn mutate(document: &mut Value, place: Index, mutation: Mutation) {
    let mut places = Vec::new();
    pointers(document, "", &mut places);
    if places.is_empty() {
        return;
    }
    let place = &places[place.index(places.len())];
    match mutation {
        Mutation::Remove => remove(document, place),
        Mutation::Replace(value) => put(document, place, value),
        Mutation::Copy(from) => {
            let value = document.pointer(&places[from.index(places.len())]).cloned().unwrap_or(Value::Null);
            put(document, place, value);
        }
        Mutation::Add(value) => {
            if let Some(Value::Object(fields)) = document.pointer_mut(place) {
                fields.insert("unheardOf".into(), value);
            }
        }
    }
}

fn put(document: &mut Value, place: &str, value: Value) {
    if let Some(old) = document.pointer_mut(place) {
        *old = value;
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, last)) = place.rsplit_once('/') else { return };
    let key = last.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(fields)) => _ = fields.remove(&key),
        Some(Value::Array(items)) => {
            if let Some(index) = key.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Every place of a document but its root, as JSON pointers.
fn pointers(value: &Value, here: &str, places: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => return,
    };
    for (key, value) in inner {
        let place = format!("{here}/{key}");
        pointers(value, &place, places);
        places.push(place);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};

    use super::*;

    #[test]
    fn mutations_reach_every_kind_of_place() {
        let base = json!({"a": {"b/c": [1, 2, {"d": "e"}]}});
        let mut places = Vec::new();
        pointers(&base, "", &mut places);
        assert_eq!(places, ["/a/b~1c/0", "/a/b~1c/1", "/a/b~1c/2/d", "/a/b~1c/2", "/a/b~1c", "/a"]);
        let mut document = base.clone();
        remove(&mut document, "/a/b~1c/1");
        assert_eq!(document, json!({"a": {"b/c": [1, {"d": "e"}]}}));
        let mut runner = TestRunner::deterministic();
        let strategy = mutated(Just(base.clone()).boxed());
        let changed = (0..100).filter(|_| strategy.new_tree(&mut runner).expect("a tree").current() != base).count();
        assert!(changed > 80, "{changed} of 100 changed");
    }
}
