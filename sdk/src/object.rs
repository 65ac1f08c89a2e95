//! The custom resource as a plugin receives it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

use crate::answer::{Failure, FieldError};

/// The part of the metadata that a plugin may rely on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; kinds are namespaced.
    pub namespace: String,
    /// Unique for one life of the object. Empty in an offline render.
    pub uid: String,
    /// When it was made, as RFC 3339 text, which sorts by time. Absent in an offline render.
    pub creation_timestamp: Option<String>,
    /// Counts the changes of the spec.
    pub generation: i64,
    /// Labels set by the user.
    pub labels: BTreeMap<String, String>,
    /// Annotations set by the user.
    pub annotations: BTreeMap<String, String>,
    /// Set once deletion was asked for.
    pub deletion_timestamp: Option<String>,
}

impl Metadata {
    /// `<namespace>/<name>`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A custom resource whose spec was parsed.
#[derive(Clone, Debug, Deserialize)]
pub struct Object<S> {
    /// Who it is.
    pub metadata: Metadata,
    /// What the user wants.
    pub spec: S,
    /// What was reported last; `null` before the first time.
    #[serde(default)]
    pub status: serde_json::Value,
}

impl<S: DeserializeOwned> Object<S> {
    /// Parses a document.
    ///
    /// # Errors
    /// `invalid`, with the path of the first field that does not fit.
    pub fn parse(json: &str) -> Result<Self, Failure> {
        // The plain parser is fast; the one that tracks paths runs only to explain a failure.
        serde_json::from_str(json).or_else(|_| {
            let mut reader = serde_json::Deserializer::from_str(json);
            serde_path_to_error::deserialize(&mut reader)
                .map_err(|error| Failure::Invalid(vec![FieldError::new(error.path(), told(error.inner()))]))
        })
    }
}

/// What the parser says, without the place in a document that the user never saw. A word that YAML 1.1 takes for a boolean, as
/// `kubectl` does, is a text here.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.rfind(" at line ").and_then(|end| text.get(..end)).unwrap_or(&text);
    let way_out = if said.ends_with("expected a boolean") { "; write true or false" } else { "" };
    format!("{said}{way_out}")
}
