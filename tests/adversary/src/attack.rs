//! An attack that is objects alone: a folder in `attacks` with
//!
//! - `attack.yaml`: the objects, which the tenant creates one after the other; `${NAME}` is replaced by a fact of the stage, and an
//!   object without a namespace is in the tenant's,
//! - `expect.yaml`, optional: what the API server and the operator answer, see [`Expected`]. In any case the victim's picture stays.

use std::{collections::BTreeMap, fs};

use serde::Deserialize;
use serde_json::Value;
use suite::{condition, paths, plugins};

use crate::tenant::placed;

/// What is known of the stage, by the names that attacks use.
pub type Facts = BTreeMap<&'static str, String>;

/// One attack.
pub struct Attack {
    /// The folder's name.
    pub name: String,
    /// What is created.
    pub objects: Vec<Value>,
    /// What has to come of it.
    pub expected: Expected,
}

/// What the attacker gets to hear.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The status of the API server's answer to each object.
    #[serde(default = "created")]
    pub answer: u16,
    /// Conditions of the attacker's objects.
    #[serde(default)]
    pub told: Vec<Told>,
    /// Objects (`Kind/name`, in the tenant's namespace) that the operator must not make.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Objects of the attack that the operator must not delete.
    #[serde(default)]
    pub present: Vec<String>,
}

impl Default for Expected {
    fn default() -> Self {
        Self { answer: created(), told: Vec::new(), absent: Vec::new(), present: Vec::new() }
    }
}

fn created() -> u16 {
    201
}

/// A condition that an object has to have, and that is not `True`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// `Kind/name`
    pub of: String,
    /// Its type.
    #[serde(default = "ready")]
    pub condition: String,
    /// Its reason; any where there is none.
    pub reason: Option<String>,
    /// A part of its message.
    #[serde(default)]
    pub says: String,
}

fn ready() -> String {
    "Ready".into()
}

impl Told {
    /// Whether an object has the condition, for its present spec.
    pub fn is_true_of(&self, object: &Value) -> bool {
        let (status, reason) = condition::brief(object, &self.condition);
        let is_reason = self.reason.as_ref().is_none_or(|wanted| wanted == reason);
        let is_present = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        is_present
            && ["False", "Unknown"].contains(&status)
            && is_reason
            && condition::message(object, &self.condition).contains(&self.says)
    }
}

/// The path of `Kind/name` in the tenant's namespace.
///
/// # Panics
/// For a kind that these tests don't know, or another notation.
pub fn path_of(name: &str) -> String {
    let (kind, name) = name.split_once('/').unwrap_or_else(|| panic!("{name}: write Kind/name"));
    let version = match kind {
        "ConfigMap" | "Secret" | "Service" | "ServiceAccount" | "Pod" => "v1",
        "StatefulSet" | "Deployment" => "apps/v1",
        "NetworkPolicy" => "networking.k8s.io/v1",
        _ => "optimism.io/v1alpha1",
    };
    paths::of(&placed(serde_json::json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}})))
}

/// All attacks, by name.
///
/// # Panics
/// When a file can't be read, or names an unknown fact.
pub fn all(facts: &Facts) -> Vec<Attack> {
    let directory = plugins::root().join("tests/adversary/attacks");
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    let attack = |folder: &std::path::PathBuf| {
        let read = |file: &str| fs::read_to_string(folder.join(file));
        let text = read("attack.yaml").unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let text = filled(&text, facts);
        let documents = serde_norway::Deserializer::from_str(&text).map(Value::deserialize);
        let objects = documents.map(|object| placed(object.unwrap_or_else(|error| panic!("{text}: {error}"))));
        let expected = read("expect.yaml").ok().map(|text| {
            let told: Expected = serde_norway::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            told
        });
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Attack { name, objects: objects.collect(), expected: expected.unwrap_or_default() }
    };
    folders.iter().map(attack).collect()
}

/// The text with facts in the place of their names.
fn filled(text: &str, facts: &Facts) -> String {
    let mut filled = text.to_string();
    for (name, value) in facts {
        filled = filled.replace(&format!("${{{name}}}"), value);
    }
    assert!(!filled.contains("${"), "an unknown fact in:\n{filled}");
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::NAMESPACE;

    #[test]
    fn every_attack_can_be_read_and_is_about_objects_of_its_own() {
        const NAMES: [&str; 12] = [
            "victim_account",
            "VICTIM_ACCOUNT",
            "VICTIM_NETWORK_UID",
            "VICTIM_NODE_UID",
            "VICTIM_BATCHER_UID",
            "ATTACKER_L1",
            "CLOSED_PORT",
            "METADATA_NAME",
            "ROLLUP",
            "GENESIS",
            "OPERATOR",
            "API_SERVER",
        ];
        let facts = Facts::from(NAMES.map(|name| (name, "a-fact".to_string())));
        let attacks = all(&facts);
        assert!(attacks.len() >= 40, "{}", attacks.len());
        let mut seen = std::collections::BTreeSet::new();
        for Attack { name, objects, expected } in &attacks {
            assert!(!objects.is_empty(), "{name} makes nothing");
            for object in objects {
                let path = paths::of(object);
                assert!(seen.insert(path.clone()), "{name}: {path} is another attack's");
                let is_own = path.contains(&format!("/namespaces/{NAMESPACE}/"));
                assert!(is_own || expected.answer == 403, "{name}: {path} is elsewhere, and not refused");
            }
            let made = |of: &String| objects.iter().any(|object| paths::of(object) == path_of(of));
            let told = expected.told.iter().map(|told| &told.of).chain(&expected.present);
            told.for_each(|of| assert!(made(of), "{name}: {of} is not made by it"));
        }
    }
}
