//! What the plugins answer, natively.

use opstack_sdk::answer::{Action, Failure, GeneratedSecret, Probe};
use opstack_sdk::call::{reconcile, render_client};
use opstack_sdk::testkit::{Around, FakeCluster};
use opstack_sdk::wire::types::{Condition, ConditionStatus};
use opstack_sdk::wire::workload::{Children, Response};
use serde_json::Value;

use geth::Geth;
use op_batcher::OpBatcher;
use op_challenger::OpChallenger;
use op_network::OptimismNetwork;
use op_node::OpNode;
use op_proposer::OpProposer;
use reth::Reth;

use crate::Kind;

/// An answer.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The children; none where they are kept.
    pub children: Vec<Value>,
    /// Why the children stay as they are, where the plugin wants that.
    pub kept: Option<String>,
    /// Questions to the chain.
    pub probes: Vec<Probe>,
    /// Side effects on the chain.
    pub actions: Vec<Action>,
    /// Secrets that the host generates.
    pub secrets: Vec<GeneratedSecret>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// `.status` without conditions.
    pub status: Value,
}

impl Rendered {
    fn of(response: Response) -> Self {
        let parsed = |json: &str| serde_json::from_str(json).unwrap_or_default();
        let (children, kept) = match response.children {
            Children::Keep(why) => (vec![], Some(why)),
            Children::Apply(children) => (children.iter().map(|child| parsed(&child.object)).collect(), None),
        };
        Self {
            children,
            kept,
            probes: response.probes,
            actions: response.actions,
            secrets: response.secrets,
            conditions: response.conditions,
            status: parsed(&response.status),
        }
    }

    /// Whether something that takes effect is other than in another answer: not what is only told.
    pub fn differs(&self, other: &Self) -> bool {
        let rest = |one: &Self| format!("{:?}{:?}{:?}", one.probes, one.actions, one.secrets);
        self.children != other.children || rest(self) != rest(other)
    }

    /// Why the client that the spec wants does not come beside the one that serves.
    pub fn refused(&self) -> Option<&str> {
        let is_it =
            |condition: &&Condition| condition.name == "ClientServes" && condition.reason == "ClientUnavailable";
        self.conditions.iter().find(is_it).map(|condition| condition.message.as_str())
    }

    /// Why the field at `path` has no effect, if the condition `FieldsHonored` says so: of it, or of all that it is in.
    pub fn not_honoured(&self, path: &str) -> Option<String> {
        let condition = self.conditions.iter().find(|condition| condition.name == "FieldsHonored")?;
        if condition.status != ConditionStatus::No {
            return None;
        }
        let message = without_indices(&condition.message);
        let mut parts = message.split("; spec.").map(|part| part.trim_start_matches("spec."));
        parts.find_map(|part| {
            let (named, why) = part.split_once(": ")?;
            let rest = path.strip_prefix("spec.")?.strip_prefix(named)?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then(|| why.to_string())
        })
    }

    /// The containers of all pods, those that run first among them.
    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        let pods = self.children.iter().map(|child| &child["spec"]["template"]["spec"]);
        pods.flat_map(|pod| [&pod["initContainers"], &pod["containers"]])
            .flat_map(|containers| containers.as_array().into_iter().flatten())
    }
}

/// `static[3]` as `static[]`.
fn without_indices(text: &str) -> String {
    let mut parts = text.split('[');
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        out.push('[');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

/// What the plugin of a kind answers for the first of the documents, with both execution clients installed.
///
/// # Errors
/// The plugin's own.
pub fn render(kind: Kind, documents: &[Value], around: &Around) -> Result<Rendered, Failure> {
    let (object, others) = documents.split_first().ok_or_else(|| Failure::other("no document"))?;
    let cluster =
        FakeCluster::new(others.to_vec()).client("geth", render_client::<Geth>).client("reth", render_client::<Reth>);
    let request = around.request(object);
    let response = match kind {
        Kind::Network => reconcile::<OptimismNetwork>(&cluster, request),
        Kind::Node => reconcile::<OpNode>(&cluster, request),
        Kind::Batcher => reconcile::<OpBatcher>(&cluster, request),
        Kind::Proposer => reconcile::<OpProposer>(&cluster, request),
        Kind::Challenger => reconcile::<OpChallenger>(&cluster, request),
    };
    response.map(Rendered::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_found_by_the_path() {
        let mut rendered = Rendered::of(Response {
            children: Children::Apply(vec![]),
            secrets: vec![],
            probes: vec![],
            actions: vec![],
            status: "null".into(),
            conditions: vec![],
            events: vec![],
            requeue_after_ms: None,
        });
        let message = "spec.a.b: no such thing; it is missing; spec.list[12]: not this one; spec.whole: none";
        rendered.conditions.push(Condition {
            name: "FieldsHonored".into(),
            status: ConditionStatus::No,
            reason: "FieldsWithoutEffect".into(),
            message: message.into(),
        });
        assert_eq!(rendered.not_honoured("spec.a.b").as_deref(), Some("no such thing; it is missing"));
        assert_eq!(rendered.not_honoured("spec.list[]").as_deref(), Some("not this one"));
        assert_eq!(rendered.not_honoured("spec.whole.part").as_deref(), Some("none"));
        assert_eq!(rendered.not_honoured("spec.a"), None);
        assert_eq!(rendered.not_honoured("spec.a.bc"), None);
    }
}
