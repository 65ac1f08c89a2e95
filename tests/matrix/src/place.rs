//! Places in documents.

use std::fmt;

use serde_json::{Map, Value};

use crate::values;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A field.
    Field(String),
    /// An item of a list: the first.
    Item,
    /// A value of a map.
    Entry,
}

/// A place below a document's root: `spec.opNode.p2p.static[]`, `spec.resources.limits{}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item => f.write_str("[]")?,
                Step::Entry => f.write_str("{}")?,
            }
        }
        Ok(())
    }
}

impl Path {
    /// The place of a text without lists and maps: `spec.opNode.rpc.host`.
    pub fn of_fields(text: &str) -> Self {
        Self(text.split('.').map(|name| Step::Field(name.into())).collect())
    }

    /// The place one step further.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The names of the fields on the way, the last first.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().rev().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Item | Step::Entry => None,
        })
    }

    /// What is there.
    pub fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        let mut here = document;
        let mut above = "";
        for step in &self.0 {
            here = match step {
                Step::Field(name) => {
                    above = name;
                    here.get(name)?
                }
                Step::Item => here.get(0)?,
                Step::Entry => here.get(entry_key(above))?,
            };
        }
        Some(here)
    }

    /// Puts a value there. What is missing on the way is made, with the fields that `schema`, that of `spec`, requires;
    /// `None` makes the way only, and what is required at its end.
    pub fn put(&self, document: &mut Value, schema: &Value, value: Option<Value>) {
        let mut here = document;
        // The schema of the document is known below `spec`.
        let whole = serde_json::json!({"properties": {"spec": schema}});
        let mut schema = &whole;
        let mut above = String::new();
        let mut walked = Self(vec![]);
        for (index, step) in self.0.iter().enumerate() {
            walked = walked.then(step.clone());
            let last = index + 1 == self.0.len();
            let (inner, slot) = match step {
                Step::Field(name) => {
                    above.clone_from(name);
                    let fields = object(here);
                    let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
                    if !fields.contains_key(name) && (!last || required) {
                        fields.insert(name.clone(), values::fill(&walked, &schema["properties"][name]));
                    }
                    if last && value.is_none() && !required {
                        return;
                    }
                    (&schema["properties"][name], fields.entry(name).or_insert(Value::Null))
                }
                Step::Item => {
                    let items = list(here);
                    if items.is_empty() && (!last || value.is_some()) {
                        items.push(values::fill(&walked, &schema["items"]));
                    }
                    let Some(first) = items.first_mut() else { return };
                    (&schema["items"], first)
                }
                Step::Entry => {
                    let entries = object(here);
                    if last && value.is_none() {
                        return;
                    }
                    (&schema["additionalProperties"], entries.entry(entry_key(&above)).or_insert(Value::Null))
                }
            };
            schema = inner;
            here = slot;
        }
        if let Some(value) = value {
            *here = value;
        }
    }

    /// Takes away what is there.
    pub fn remove(&self, document: &mut Value) {
        let Some((last, before)) = self.0.split_last() else { return };
        let above = self.fields().nth(usize::from(matches!(last, Step::Field(_)))).unwrap_or_default().to_string();
        let mut here = document;
        for step in before {
            let next = match step {
                Step::Field(name) => here.get_mut(name),
                Step::Item => here.get_mut(0),
                Step::Entry => None,
            };
            let Some(next) = next else { return };
            here = next;
        }
        match (last, here) {
            (Step::Field(name), Value::Object(fields)) => _ = fields.remove(name),
            (Step::Entry, Value::Object(fields)) => _ = fields.remove(entry_key(&above)),
            (Step::Item, Value::Array(items)) => items.clear(),
            _ => {}
        }
    }
}

/// Key of the entry that is tried in a map.
fn entry_key(map: &str) -> &'static str {
    match map {
        "requests" | "limits" => "memory",
        _ => "example.org/matrix",
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("it was made one"),
    }
}

fn list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(vec![]);
    }
    match value {
        Value::Array(items) => items,
        _ => unreachable!("it was made one"),
    }
}
