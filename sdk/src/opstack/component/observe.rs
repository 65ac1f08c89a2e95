//! What a component asks of L1, of L2 and of its own program, and what the answers say.

use serde_json::Value;

use super::{Component, Program};
use crate::answer::{Condition, Probe, Question, ServiceTarget, Target};
use crate::opstack::observed::{self, Finding, metric};
use crate::opstack::release::Chosen;
use crate::opstack::signing::{self, NoSigner, Signing};
use crate::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase, READY};
use crate::opstack::upstream::Upstream;

/// The probe of the program's own metrics.
pub const METRICS: &str = "metrics";
/// Condition: the program answers.
const RESPONDING: &str = "Responding";

impl Component<'_> {
    /// Where the host's prober finds L1.
    pub fn l1_target(&self) -> Option<Target> {
        self.l1.target(self.namespace())
    }

    /// Whether the program can be asked for its metrics.
    fn tells_metrics(&self) -> bool {
        self.metrics.reachable() && !self.stopped()
    }

    /// A question for the program's own metrics, while it runs and serves them: `names`, and whether it lives.
    pub fn metrics_probe(&self, names: &[&str]) -> Option<Probe> {
        self.tells_metrics().then(|| {
            let target = Target::Service(ServiceTarget {
                namespace: self.namespace().into(),
                name: self.metadata.name.clone(),
                port: self.metrics.port,
                path: self.metrics.path.clone(),
            });
            let names: Vec<String> = self.program.vital.iter().chain(names).map(ToString::to_string).collect();
            let wake_on: Vec<_> = names.iter().map(|name| format!("/{name}")).collect();
            let wake_on: Vec<_> = wake_on.iter().map(String::as_str).collect();
            observed::probe(METRICS, target, Question::Metrics(names), &wake_on)
        })
    }

    /// What the program's metrics say now; nothing where the last answer is old.
    pub fn told(&self) -> Option<Value> {
        match Finding::of(self.cx, METRICS) {
            Finding::Answer(answer) => Some(answer),
            _ => None,
        }
    }

    fn has_started(&self, answer: &Value) -> bool {
        let [up, _] = self.program.vital;
        metric(answer, up, None) == Some(1.0)
    }

    /// The phase of a program whose pod is ready. One that serves no metrics can't be asked.
    pub(super) fn phase_of_program(&self) -> Phase {
        match Finding::seek(self.cx, METRICS, self.tells_metrics()) {
            Finding::NotObservable => Phase::Running,
            Finding::Answer(answer) if self.has_started(&answer) => Phase::Running,
            Finding::Answer(_) | Finding::NotAsked | Finding::Stale => Phase::Pending,
            Finding::Failed(_) => Phase::Error,
        }
    }

    /// Why a program whose pod is ready is not: what keeps its phase from `Running`.
    pub(super) fn not_ready(&self) -> Option<Condition> {
        let Condition { reason, message, .. } = self.responding();
        (self.phase_of_program() != Phase::Running).then(|| Condition::no(READY, &reason, message))
    }

    /// The condition `Responding`: what is told of the program's work is as old as its last answer.
    fn responding(&self) -> Condition {
        let name = self.program.name;
        if self.stopped() {
            return Condition::no(RESPONDING, "Stopped", format!("{name} is stopped: spec.replicas is 0"));
        }
        let finding = Finding::seek(self.cx, METRICS, self.tells_metrics());
        if finding == Finding::NotObservable {
            let message = format!("the metrics of {name} can't be asked for; enable spec.metrics");
            return Condition::unknown(RESPONDING, "NotObservable", message);
        }
        finding.condition(RESPONDING, name, |answer| {
            let [_, info] = self.program.vital;
            let version = answer[info][0]["labels"]["version"].as_str().unwrap_or("of an unknown version");
            if self.has_started(answer) {
                Condition::yes(RESPONDING, "Started", format!("{name} {version} has started"))
            } else {
                Condition::no(RESPONDING, "Starting", format!("{name} {version} answers, and is still starting"))
            }
        })
    }

    /// The conditions about the program itself, who signs, and the account.
    pub fn conditions(&self, signing: &Result<Signing, NoSigner>) -> impl Iterator<Item = Condition> {
        let account = self.account_condition(signing.as_ref().ok());
        [self.responding(), signing::condition(signing), account].into_iter().chain(self.release_condition())
    }

    fn release_condition(&self) -> Option<Condition> {
        let Program { name, image: written_for, .. } = self.program;
        let image = self.common.image?;
        Chosen { field: "spec.image", image, program: name, written_for }.condition()
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
