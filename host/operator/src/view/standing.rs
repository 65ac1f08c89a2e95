//! Where an object stands, in a word: from the conditions that the host writes.

use serde::Serialize;
use serde_json::Value;

/// How good news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// As it should be.
    Good,
    /// On its way by itself.
    Busy,
    /// Somebody has to act.
    Bad,
    /// Nobody knows.
    Unknown,
}

/// A word, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// How good that is.
    pub tone: Tone,
    /// `Ready`, `Outdated`, `Reconciling`, `Stalled`, `NotReady`, `Paused`, `Deleting` or `Unknown`.
    pub word: &'static str,
    /// Reason of the condition `Ready`; empty where there is none, and where all is well.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// A condition as it stands in a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub name: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in a word.
    pub reason: String,
    /// Why.
    pub message: String,
}

/// The conditions of an object.
pub fn conditions(object: &Value) -> Vec<Condition> {
    let text = |condition: &Value, field: &str| condition[field].as_str().unwrap_or_default().to_string();
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .map(|condition| Condition {
            name: text(condition, "type"),
            status: text(condition, "status"),
            reason: text(condition, "reason"),
            message: text(condition, "message"),
        })
        .collect()
}

impl Standing {
    /// Of an object with these conditions.
    pub fn of(object: &Value, conditions: &[Condition]) -> Self {
        let find = |name: &str| conditions.iter().find(|condition| condition.name == name);
        let is = |name: &str, status: &str| find(name).is_some_and(|condition| condition.status == status);
        let (tone, word) = if !object["metadata"]["deletionTimestamp"].is_null() {
            (Tone::Busy, "Deleting")
        } else if is("Ready", "True") {
            return Self { tone: Tone::Good, word: "Ready", reason: String::new(), message: String::new() };
        } else if is("Paused", "True") {
            (Tone::Unknown, "Paused")
        } else if is("Stalled", "True") {
            (Tone::Bad, "Stalled")
        } else if is("Reconciling", "True") {
            (Tone::Busy, "Reconciling")
        } else if is("Ready", "False") {
            (Tone::Bad, "NotReady")
        } else {
            (Tone::Unknown, "Unknown")
        };
        let ready = find("Ready");
        Self {
            tone,
            word,
            reason: ready.map(|ready| ready.reason.clone()).unwrap_or_default(),
            message: ready.map(|ready| ready.message.clone()).unwrap_or_default(),
        }
    }

    /// The same of an object whose status is about another spec than its present one: what was good may not be.
    #[must_use]
    pub fn outdated(self) -> Self {
        if self.tone == Tone::Good { Self { tone: Tone::Busy, word: "Outdated", ..self } } else { self }
    }
}
