//! Values that a structural OpenAPI schema allows, as strategies of proptest.
//!
//! A random text that a pattern allows is seldom one that anything else likes. So texts are often taken from a vocabulary: what the
//! examples say in fields of the same name.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::select,
    string::string_regex,
};
use serde_json::{Map, Value, json};

/// Values by the name of the field in which they were seen.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary(BTreeMap<String, Vec<Value>>);

impl Vocabulary {
    /// Learns every field of a document.
    pub fn learn(&mut self, document: &Value) {
        match document {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let known = self.0.entry(name.clone()).or_default();
                    if !known.contains(value) {
                        known.push(value.clone());
                    }
                    self.learn(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    /// What was seen under a name and is of a type.
    fn of(&self, name: &str, is_one: fn(&Value) -> bool) -> Vec<Value> {
        self.0.get(name).into_iter().flatten().filter(|value| is_one(value)).cloned().collect()
    }
}

/// How to make values.
#[derive(Clone, Debug)]
pub struct Maker {
    /// Where texts come from.
    pub vocabulary: Vocabulary,
    /// Of a hundred optional fields, so many are there.
    pub density: u32,
}

impl Maker {
    /// Values that `schema` allows, for a field called `name`.
    pub fn values(&self, name: &str, schema: &Value) -> BoxedStrategy<Value> {
        if let Some(allowed) = schema["enum"].as_array() {
            return select(allowed.clone()).boxed();
        }
        if schema["x-kubernetes-int-or-string"] == true {
            let text = integers(schema).prop_map(|number| number.to_string().into());
            return prop_oneof![integers(schema), text].boxed();
        }
        match schema["type"].as_str() {
            Some("object") => self.objects(name, schema),
            Some("array") => {
                let most = if name == "items" { 2 } else { 4 };
                vec(self.values(name, &schema["items"]), 0..=most).prop_map(Value::from).boxed()
            }
            Some("string") => self.texts(name, schema),
            Some("integer") => integers(schema),
            Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
            Some("number") => prop_oneof![integers(schema), Just(json!(0.4)), Just(json!(1e300))].boxed(),
            // Anything goes.
            _ => self.seen_or(name, |_| true, documents()),
        }
    }

    /// Objects that `schema` allows, most of whose fields are those of an object that is right.
    pub fn variations(&self, right: &Value, schema: &Value) -> BoxedStrategy<Value> {
        let Some(properties) = schema["properties"].as_object() else { return Just(right.clone()).boxed() };
        let fields: Vec<_> = properties
            .iter()
            .map(|(field, schema)| {
                let (field, right) = (field.clone(), right.get(field).cloned());
                let near =
                    right.as_ref().map_or_else(|| Just(Value::Null).boxed(), |right| self.variations(right, schema));
                let value = (0..100u32, near, self.values(&field, schema));
                value.prop_map(move |(dice, near, other)| match dice {
                    0..70 => right.clone().map(|value| (field.clone(), value)),
                    70..90 => (!near.is_null()).then(|| (field.clone(), near)),
                    90..95 => Some((field.clone(), other)),
                    _ => None,
                })
            })
            .collect();
        fields.prop_map(object_of).boxed()
    }

    /// Objects that `schema` allows.
    pub fn objects(&self, name: &str, schema: &Value) -> BoxedStrategy<Value> {
        if let Some(properties) = schema["properties"].as_object() {
            let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
            let fields: Vec<_> = properties
                .iter()
                .map(|(field, schema)| {
                    let density = if required.iter().any(|name| *name == field) { 100 } else { self.density };
                    let value = self.values(field, schema);
                    let field = field.clone();
                    (0..100u32, value).prop_map(move |(dice, value)| (dice < density).then(|| (field.clone(), value)))
                })
                .collect();
            return self.seen_or(name, Value::is_object, fields.prop_map(object_of).boxed());
        }
        if !schema["additionalProperties"].is_null() {
            let key = select(vec!["cpu", "memory", "example.org/team", "a", "storage"]);
            let entry = (key, self.values(name, &schema["additionalProperties"]));
            let object = |entries: Vec<(&str, Value)>| {
                Value::from(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            };
            return self.seen_or(name, Value::is_object, vec(entry, 0..3).prop_map(object).boxed());
        }
        self.seen_or(name, Value::is_object, documents())
    }

    fn texts(&self, name: &str, schema: &Value) -> BoxedStrategy<Value> {
        let bound = |field: &str| schema[field].as_u64().and_then(|bound| usize::try_from(bound).ok());
        let (least, most) = (bound("minLength").unwrap_or(0), bound("maxLength").unwrap_or(usize::MAX));
        let anchored = schema["pattern"].as_str().map(|pattern| {
            let inner = pattern.strip_prefix('^').unwrap_or(pattern);
            // What a pattern leaves open at its end may be anything.
            inner.strip_suffix('$').map_or_else(|| format!("{inner}[a-z0-9/._-]{{0,20}}"), ToOwned::to_owned)
        });
        let made = anchored.and_then(|pattern| string_regex(&pattern).ok()).map(Strategy::boxed);
        let made = made.unwrap_or_else(|| "[a-z0-9][a-z0-9.:/ -]{0,12}".boxed());
        let fitting = made.prop_map(move |text| {
            let text: String = text.chars().take(most).collect();
            if text.chars().count() < least { "x".repeat(least) } else { text }
        });
        self.seen_or(name, Value::is_string, fitting.prop_map(Value::from).boxed())
    }

    /// Often what was seen under that name, where anything was.
    fn seen_or(&self, name: &str, is_one: fn(&Value) -> bool, other: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
        let seen = self.vocabulary.of(name, is_one);
        if seen.is_empty() { other } else { prop_oneof![select(seen), other].boxed() }
    }
}

fn object_of(fields: Vec<Option<(String, Value)>>) -> Value {
    fields.into_iter().flatten().collect::<Map<_, _>>().into()
}

/// Whole numbers between the schema's bounds, the bounds themselves among them.
fn integers(schema: &Value) -> BoxedStrategy<Value> {
    let least = schema["minimum"].as_i64().unwrap_or(i64::from(i32::MIN));
    let most = schema["maximum"].as_i64().unwrap_or(i64::MAX).max(least);
    let near = least.max(0)..=most.min(least.max(0).saturating_add(70_000));
    let near = if near.is_empty() { (least..=most).boxed() } else { near.boxed() };
    prop_oneof![1 => Just(least), 1 => Just(most), 6 => near].prop_map(Value::from).boxed()
}

/// Small documents of any shape.
fn documents() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,8}".prop_map(Value::from),
    ];
    let key = || select(vec!["metadata", "spec", "containers", "labels", "name", "annotations", "x"]);
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let fields = vec((key(), inner.clone()), 0..3);
        let object = |fields: Vec<(&str, Value)>| {
            Value::from(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
        };
        prop_oneof![fields.prop_map(object), vec(inner, 0..3).prop_map(Value::from)]
    })
    .boxed()
}
