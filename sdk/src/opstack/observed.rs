//! Questions to chains that several kinds ask, and what their answers say about a connection.

use serde_json::Value;

use crate::answer::{Condition, Observation, Probe, Question, Target, json_rpc};
use crate::cluster::Context;
use crate::opstack::fault;

/// How often endpoints are asked, in milliseconds.
pub const INTERVAL_MS: u32 = 15_000;
/// How long an answer may take where the user did not say.
pub const TIMEOUT_MS: u32 = 10_000;

/// A probe with the usual timing.
pub fn probe(id: &str, target: Target, question: Question, wake_on: &[&str]) -> Probe {
    Probe {
        id: id.into(),
        target,
        question,
        interval_ms: INTERVAL_MS,
        timeout_ms: TIMEOUT_MS,
        wake_on: wake_on.iter().map(ToString::to_string).collect(),
    }
}

/// A JSON-RPC probe with the usual timing.
pub fn rpc_probe(id: &str, target: Target, calls: &[(&str, &str)], wake_on: &[&str]) -> Probe {
    probe(id, target, json_rpc(calls), wake_on)
}

/// What a probe found, if it was asked.
pub fn observation<'a>(cx: &'a Context<'_>, id: &str) -> Option<&'a Observation> {
    cx.observations.iter().find(|observation| observation.probe == id)
}

/// What is known of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The prober can't dial it.
    NotObservable,
    /// Nobody has asked yet.
    NotAsked,
    /// The last good answer is old.
    Stale,
    /// No answer; says why.
    Failed(String),
    /// The answer.
    Answer(Value),
}

impl Finding {
    /// What the probe `id` found.
    pub fn of(cx: &Context<'_>, id: &str) -> Self {
        let Some(found) = observation(cx, id) else { return Self::NotAsked };
        match &found.answer {
            Err(why) => Self::Failed(why.clone()),
            Ok(_) if found.stale => Self::Stale,
            Ok(json) => serde_json::from_str(json).map_or_else(|error| Self::Failed(error.to_string()), Self::Answer),
        }
    }

    /// What the probe `id` found, unless it could not be declared.
    pub fn seek(cx: &Context<'_>, id: &str, observable: bool) -> Self {
        if observable { Self::of(cx, id) } else { Self::NotObservable }
    }

    /// A condition: `judge` looks at an answer, all else is the same for every endpoint.
    pub fn condition(&self, name: &'static str, what: &str, judge: impl FnOnce(&Value) -> Condition) -> Condition {
        let not_observable = || {
            let message = format!("{what} is not a single HTTP URL, so the operator can't ask it");
            Condition::unknown(name, "NotObservable", message)
        };
        match self {
            Self::NotObservable => not_observable(),
            Self::Failed(why) if fault::is_list(why) => not_observable(),
            Self::NotAsked => Condition::unknown(name, "NotObserved", format!("{what} was not asked yet")),
            Self::Stale => Condition::unknown(name, "ObservationStale", format!("the last answer of {what} is old")),
            Self::Failed(why) => Condition::no(name, fault::reason(why), format!("{what} gave no answer: {why}")),
            Self::Answer(answer) => judge(answer),
        }
    }
}

/// The result of the call at an index of a JSON-RPC batch.
///
/// # Errors
/// The error that the endpoint gave.
pub fn result(batch: &Value, index: usize) -> Result<&Value, String> {
    let call = &batch[index];
    match call.get("result") {
        Some(result) => Ok(result),
        None => Err(call["error"]["message"].as_str().unwrap_or("no result").into()),
    }
}

/// A hexadecimal quantity of JSON-RPC.
pub fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// Sum of a metric's series whose labels hold `label` (all where it is nothing), from the answer of a metrics probe.
pub fn metric(answer: &Value, name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let series = answer[name].as_array()?;
    let values: Vec<f64> = series
        .iter()
        .filter(|series| label.is_none_or(|(key, value)| series["labels"][key] == value))
        .filter_map(|series| series["value"].as_f64())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// Whether the call at an index of a batch, an `eth_getCode`, found a contract.
pub fn has_code(batch: &Value, index: usize) -> bool {
    result(batch, index).ok().and_then(Value::as_str).is_some_and(|code| code.len() > "0x".len())
}
