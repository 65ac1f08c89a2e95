//! What the host does for a plugin, in small: asks what the plugin wants to know, and calls it again with the answers,
//! until it has no new question.

use std::{collections::BTreeMap, time::Duration};

use opstack_sdk::answer::{Failure, Observation, Probe, Question, Target};
use opstack_sdk::testkit::{FakeCluster, request};
use opstack_sdk::wire::workload::Response;
use opstack_sdk::{Workload, call};
use serde_json::{Value, json};

use crate::Rpc;

/// More rounds than any discovery needs.
const ROUNDS: usize = 12;
/// When everything was measured: 2026-01-01T00:00:00Z, in milliseconds since the Unix epoch.
const MEASURED: u64 = 1_767_225_600_000;

/// What a plugin answers when it knows all that it asks.
#[derive(Debug)]
pub struct Settled {
    /// Its status.
    pub status: Value,
    /// The probes that it declares.
    pub probes: Vec<Probe>,
    response: Response,
}

impl Settled {
    /// Status, reason and message of a condition.
    ///
    /// # Panics
    /// When there is none of the name.
    pub fn condition(&self, name: &str) -> (String, String, String) {
        let found = self.response.conditions.iter().find(|condition| condition.name == name);
        let found = found.unwrap_or_else(|| panic!("no condition {name}"));
        let status = format!("{:?}", found.status).replace("ConditionStatus::", "");
        (status, found.reason.clone(), found.message.clone())
    }

    /// The answer as a whole.
    pub fn response(&self) -> &Response {
        &self.response
    }
}

/// Calls the plugin with answers from the endpoints that it names until its questions are those of the round before.
///
/// # Panics
/// When the plugin fails, or asks on and on.
pub fn settle<W: Workload>(object: &Value, around: Vec<Value>) -> Settled {
    let cluster = FakeCluster::new(around);
    let mut object = object.clone();
    let mut heard: BTreeMap<String, Observation> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let mut request = request(&object);
        request.observations = heard.values().cloned().collect();
        let answer: Result<Response, Failure> = call::reconcile::<W>(&cluster, request);
        let response = answer.unwrap_or_else(|failure| panic!("the plugin failed: {failure}"));
        let status: Value = serde_json::from_str(&response.status).unwrap();
        object["status"] = status.clone();
        let ids: Vec<_> = response.probes.iter().map(|probe| probe.id.clone()).collect();
        if ids.len() == heard.len() && ids.iter().all(|id| heard.contains_key(id)) {
            return Settled { status, probes: response.probes.clone(), response };
        }
        heard.retain(|id, _| ids.contains(id));
        for probe in &response.probes {
            heard.entry(probe.id.clone()).or_insert_with(|| observe(probe));
        }
    }
    panic!("after {ROUNDS} rounds the plugin still asks something else")
}

fn observe(probe: &Probe) -> Observation {
    let Target::Url(url) = &probe.target else { panic!("{} goes nowhere that this test knows", probe.id) };
    let Question::JsonRpc(calls) = &probe.question else { panic!("{} is no JSON-RPC", probe.id) };
    let calls: Vec<_> =
        calls.iter().map(|call| (call.method.clone(), serde_json::from_str(&call.params).unwrap())).collect();
    let timeout = Duration::from_millis(probe.timeout_ms.into());
    let answer = Rpc::new(url).batch(&calls, timeout).map(|answers| {
        let told = answers.into_iter().map(|answer| match answer.get("result") {
            Some(result) => json!({"result": result}),
            None => json!({"error": answer["error"]}),
        });
        told.collect::<Value>().to_string()
    });
    Observation { probe: probe.id.clone(), pod: String::new(), measured_at: MEASURED, stale: false, answer }
}
