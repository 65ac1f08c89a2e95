//! What a component asks of L1, of L2 and of its own program, and what the answers say.

use serde_json::Value;

use super::Component;
use crate::answer::{Condition, Probe, Question, ServiceTarget, Target};
use crate::opstack::node::Upstream;
use crate::opstack::observed::{self, Finding};
use crate::opstack::status::{L1_CONNECTED, L2_CONNECTED};

impl Component<'_> {
    /// Where the host's prober finds L1.
    pub fn l1_target(&self) -> Option<Target> {
        self.l1.target(self.namespace())
    }

    /// A question for the program's own metrics, while it runs and serves them.
    pub fn metrics_probe(&self, id: &str, names: &[&str], wake_on: &[&str]) -> Option<Probe> {
        let asked = self.metrics.reachable() && !self.stopped();
        asked.then(|| {
            let target = Target::Service(ServiceTarget {
                namespace: self.namespace().into(),
                name: self.metadata.name.clone(),
                port: self.metrics.port,
                path: self.metrics.path.clone(),
            });
            let question = Question::Metrics(names.iter().map(ToString::to_string).collect());
            observed::probe(id, target, question, wake_on)
        })
    }

    /// The condition of L1, which was asked for `eth_chainId` first.
    pub fn l1_condition(&self, probe: &str, connected: impl FnOnce(&Value) -> Condition) -> Condition {
        let finding = Finding::seek(self.cx, probe, self.l1_target().is_some());
        let chain_id = self.network.spec.l1_chain_id.get();
        chain_condition(&finding, L1_CONNECTED, "the L1 RPC endpoint", chain_id, connected)
    }

    /// The condition of an execution RPC of L2, which was asked for `eth_chainId` first. It is not known where the
    /// RPC is (`upstream`) while something is missing.
    pub fn l2_condition(
        &self,
        probe: &str,
        upstream: Option<&Upstream>,
        what: &str,
        connected: impl FnOnce(&Value) -> Condition,
    ) -> Condition {
        let observable = upstream.is_none_or(|upstream| upstream.target.is_some());
        let finding = Finding::seek(self.cx, probe, observable);
        chain_condition(&finding, L2_CONNECTED, what, self.network.spec.chain_id.get(), connected)
    }
}

/// It has to be the right chain.
fn chain_condition(
    finding: &Finding,
    name: &'static str,
    what: &str,
    chain_id: u64,
    connected: impl FnOnce(&Value) -> Condition,
) -> Condition {
    finding.condition(name, what, |answer| match observed::result(answer, 0) {
        Err(error) => Condition::no(name, "RPCError", format!("{what} answers with an error: {error}")),
        Ok(id) if observed::quantity(id) != Some(chain_id) => Condition::no(
            name,
            "WrongChain",
            match observed::quantity(id) {
                Some(other) => format!("{what} serves chain {other}, not {chain_id}"),
                None => format!("{what} says that its chain id is {id}, not {chain_id}"),
            },
        ),
        Ok(_) => connected(answer),
    })
}
