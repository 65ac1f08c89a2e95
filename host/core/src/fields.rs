//! Paths of fields, as grants name them: `metadata.labels['optimism.io/synced']`.

use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// A path from the root of an object to a field. It stands for all that is below, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<String>);

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no path of a field; write it as metadata.labels['example.org/name']")]
pub struct InvalidPath(String);

impl FieldPath {
    /// Whether a field is this one or below it.
    pub fn covers(&self, field: &Self) -> bool {
        field.0.starts_with(&self.0)
    }
}

impl FromStr for FieldPath {
    type Err = InvalidPath;

    /// Parses names with dots between them, and `['…']` around those that are no words.
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath(text.into());
        let (mut parts, mut rest) = (Vec::new(), text.strip_prefix('.').unwrap_or(text));
        loop {
            let (part, after) = match rest.strip_prefix("['") {
                Some(quoted) => quoted.split_once("']").ok_or_else(invalid)?,
                None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
            };
            if part.is_empty() || part.contains('\'') {
                return Err(invalid());
            }
            parts.push(part.to_string());
            rest = match after.strip_prefix('.') {
                Some(next) if !next.starts_with('[') => next,
                None if after.is_empty() => return Ok(Self(parts)),
                None if after.starts_with("['") => after,
                _ => return Err(invalid()),
            };
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let is_word = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            match (is_word, index) {
                (false, _) => write!(f, "['{part}']")?,
                (true, 0) => f.write_str(part)?,
                (true, _) => write!(f, ".{part}")?,
            }
        }
        Ok(())
    }
}

/// The fields that an object sets, but for those that say which object it is. A list is one field, and so is an empty map.
pub fn set_by(object: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    collect(object, &mut Vec::new(), &mut found);
    const IDENTITY: [&[&str]; 4] = [&["apiVersion"], &["kind"], &["metadata", "name"], &["metadata", "namespace"]];
    found.retain(|FieldPath(parts)| !IDENTITY.iter().any(|known| known == parts));
    found
}

fn collect(value: &Value, at: &mut Vec<String>, found: &mut Vec<FieldPath>) {
    match value.as_object().filter(|fields| !Map::is_empty(fields)) {
        Some(fields) => {
            for (name, value) in fields {
                at.push(name.clone());
                collect(value, at, found);
                at.pop();
            }
        }
        None => found.push(FieldPath(at.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_survives_its_text() {
        for text in ["spec", "spec.replicas", "metadata.labels['optimism.io/synced']", "['a.b'].c"] {
            assert_eq!(path(text).to_string(), text);
        }
        assert_eq!(path(".spec['replicas']"), path("spec.replicas"));
        for bad in ["", ".", "a..b", "a.", "a[0]", "a['b'", "a['']", "a.['b']", "a['b']c", "a['b'']"] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_covers_what_is_below_it() {
        assert!(path("metadata.labels").covers(&path("metadata.labels['a/b']")));
        assert!(path("metadata.labels").covers(&path("metadata.labels")));
        assert!(!path("metadata.labels['a/b']").covers(&path("metadata.labels")));
        assert!(!path("metadata.label").covers(&path("metadata.labels")));
    }

    #[test]
    fn what_an_object_sets_is_found_and_its_identity_is_not() {
        let object = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "ns", "labels": {"x/y": "1"}, "annotations": {}},
            "spec": {"hostPID": true, "containers": [{"name": "a"}]}});
        let found: Vec<_> = set_by(&object).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["metadata.annotations", "metadata.labels['x/y']", "spec.containers", "spec.hostPID"]);
    }
}
