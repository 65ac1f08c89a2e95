//! The JSON paths of printer columns, as far as the API server takes them there: fields, elements, and the choice of an
//! element by the value of a field.

use serde_json::Value;

/// A JSON path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// `.name`, `['name']`
    Field(String),
    /// `[0]`; from the end where negative.
    Element(i64),
    /// `[*]`
    All,
    /// `[?(@.name=="value")]`
    Where(Path, String),
}

impl Path {
    /// Parses a path such as `.status.conditions[?(@.type=="Ready")].status`.
    ///
    /// # Errors
    /// Says at what the path is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        let mut steps = vec![];
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(|| {
                format!(
                    "{text:?} is no JSON path at {rest:?}; write .field, ['field'], [0], [*] or [?(@.field==\"value\")]"
                )
            })?;
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() {
            return Err("a JSON path is empty; write one such as .status.phase".into());
        }
        Ok(Self(steps))
    }

    /// All values at the path, without those that are null.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.find(value)).collect();
        }
        found.retain(|value| !value.is_null());
        found
    }
}

impl Step {
    fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let elements = || value.as_array().into_iter().flatten();
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::All if value.is_object() => {
                value.as_object().into_iter().flat_map(|object| object.values()).collect()
            }
            Self::All => elements().collect(),
            Self::Element(index) => {
                let length = elements().count();
                let index = usize::try_from(*index)
                    .ok()
                    .or_else(|| length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?));
                index.and_then(|index| elements().nth(index)).into_iter().collect()
            }
            Self::Where(path, wanted) => {
                elements().filter(|element| path.find(element).iter().any(|value| is(value, wanted))).collect()
            }
        }
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        other => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
    }
}

/// The first step, and what follows it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let (name, rest) = field(rest);
        return (!name.is_empty()).then_some((Step::Field(name), rest));
    }
    let (inner, rest) = bracketed(text.strip_prefix('[')?)?;
    let inner = inner.trim();
    if inner == "*" {
        return Some((Step::All, rest));
    }
    if let Some(condition) = inner.strip_prefix("?(@").and_then(|inner| inner.strip_suffix(')')) {
        let (path, value) = condition.split_once("==")?;
        let value = value.trim();
        return Some((Step::Where(Path::parse(path).ok()?, unquoted(value).unwrap_or(value).into()), rest));
    }
    let step = match unquoted(inner) {
        Some(name) => Step::Field(name.into()),
        None => Step::Element(inner.parse().ok()?),
    };
    Some((step, rest))
}

/// A field's name up to the next dot or bracket; `\.` is a dot of its own.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, text.get(index..).unwrap_or_default()),
            _ => name.push(character),
        }
    }
    (name, "")
}

/// What is in the bracket, and what follows it; a bracket in quotes is text.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (None, ']') => return Some((text.get(..index)?, text.get(index + 1..)?)),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    None
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "list": ["one", "two", null],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "a]b", "status": "False"}],
        });
        for (path, found) in [
            (".list", json!([["one", "two", null]])),
            (".list[0]", json!(["one"])),
            (".list[-2]", json!(["two"])),
            (".list[-9]", json!([])),
            (".list[*]", json!(["one", "two"])),
            (".missing.field", json!([])),
            (r".metadata.annotations.a\.b/c", json!(["x"])),
            (".metadata.annotations['a.b/c']", json!(["x"])),
            (r#".conditions[?(@.type=="Ready")].status"#, json!(["True"])),
            (".conditions[?(@.type == 'a]b')].status", json!(["False"])),
            (".conditions[*].status", json!(["True", "False"])),
        ] {
            assert_eq!(json!(Path::parse(path).unwrap().find(&object)), found, "{path}");
        }
        for bad in ["", "status", ".a..b", ".a[", ".a[x]", ".a[?(@.b)]"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
