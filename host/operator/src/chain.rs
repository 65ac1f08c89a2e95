//! Probes and actions of all objects: the prober and the executor at work in this cluster.
//!
//! Here they get what they must not know by themselves: where targets are, who leads, and whom a wake concerns. A standby asks
//! nothing and does nothing; it begins when it gets the Lease.

mod pods;
mod targets;

use opstack_core::blame::{Blame, Fault};
use opstack_core::budget::OVER_BUDGET;
use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Action, ActionOutcome, Observation, Probe};
use opstack_prober::{Config, Executor, Fence, Prober, SetupError, Wake};
use std::sync::Arc;
use std::time::Duration;
use tracing::error;

use crate::hub::Hub;
use crate::leader::Leader;

use targets::Targets;

/// What is asked of the chain and done to it.
pub struct Chain {
    /// Nothing where not even an HTTP client can be made; then nothing is asked, and so nothing is known.
    parts: Option<Parts>,
}

struct Parts {
    prober: Arc<Prober>,
    executor: Executor,
}

impl Chain {
    /// Nothing asked yet. Needs a tokio runtime around it.
    pub fn new(hub: Arc<Hub>, leader: Arc<Leader>, cluster_domain: &str, config: Config) -> Arc<Self> {
        let parts = Parts::new(&hub, &leader, cluster_domain, config);
        let parts = parts.inspect_err(|error| error!(%error, "no probe is asked and no action is done")).ok();
        if let Some(Parts { prober, .. }) = &parts {
            tokio::spawn(follow(leader, prober.clone()));
        }
        Arc::new(Self { parts })
    }

    /// Replaces an object's questions.
    pub fn declare(&self, owner: &ObjectKey, probes: &[Probe]) {
        if let Some(Parts { prober, .. }) = &self.parts {
            prober.declare(owner, probes);
        }
    }

    /// Runs an object's actions, each at most once.
    pub fn act(&self, owner: &ObjectKey, actions: &[Action]) {
        if let Some(Parts { executor, .. }) = &self.parts {
            executor.execute(owner, actions.to_vec());
        }
    }

    /// Whether an object declared an action before, in this term of the process.
    pub fn knows(&self, owner: &ObjectKey, id: &str) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.executor.knows(owner, id))
    }

    /// Forgets an object.
    pub fn forget(&self, owner: &ObjectKey) {
        self.declare(owner, &[]);
        self.act(owner, &[]);
    }

    /// What its probes found.
    pub fn observations(&self, owner: &ObjectKey) -> Vec<Observation> {
        self.parts.as_ref().map(|parts| parts.prober.observations(owner)).unwrap_or_default()
    }

    /// Whether all its probes were asked at least once by this process. If not, it is woken when they were.
    pub fn is_measured(&self, owner: &ObjectKey) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.prober.is_measured(owner))
    }

    /// That its answers are over a budget of bytes, if they are. It is woken when that changes.
    pub fn over_budget(&self, owner: &ObjectKey) -> Option<Fault> {
        let over = self.parts.as_ref()?.prober.over_budget(owner)?;
        let message = format!("{over}. It counts as no answer. Ask less, or let the administrator raise that budget");
        Some(Fault::new(Blame::Spec, OVER_BUDGET, message))
    }

    /// What became of its actions.
    pub fn outcomes(&self, owner: &ObjectKey) -> Vec<ActionOutcome> {
        self.parts.as_ref().map(|parts| parts.executor.outcomes(owner)).unwrap_or_default()
    }

    /// Begins no further action, and waits until none is in flight: only then may the Lease be given back.
    pub async fn stop(&self) {
        if let Some(Parts { executor, .. }) = &self.parts {
            executor.stop().await;
        }
    }

    /// Numbers for metrics.
    pub fn gauges(&self) -> Vec<(String, f64)> {
        self.parts.as_ref().map(Parts::gauges).unwrap_or_default()
    }
}

impl Parts {
    fn new(hub: &Arc<Hub>, leader: &Arc<Leader>, cluster_domain: &str, config: Config) -> Result<Self, SetupError> {
        let targets = Arc::new(Targets::new(hub.clone(), cluster_domain));
        let wake: Wake = {
            let hub = hub.clone();
            Arc::new(move |owner| hub.wake(owner))
        };
        let fence = Arc::new(ByLease(leader.clone()));
        let executor = Executor::new(&config.reach, targets.clone(), fence, wake.clone())?;
        let prober = Prober::new(config, targets, wake)?;
        prober.pause();
        Ok(Self { prober: Arc::new(prober), executor })
    }

    fn gauges(&self) -> Vec<(String, f64)> {
        let (probes, actions) = (self.prober.counters(), self.executor.counters());
        let mut gauges = vec![
            ("probe_owners".to_string(), self.prober.owners() as f64),
            ("probe_questions".to_string(), self.prober.questions() as f64),
            ("probes_in_flight".to_string(), probes.in_flight.get() as f64),
            ("probes_waiting".to_string(), probes.waiting.get() as f64),
            ("probe_answer_bytes".to_string(), self.prober.bytes() as f64),
            ("probe_wakes_total".to_string(), probes.wakes.get() as f64),
            ("actions_in_flight".to_string(), actions.in_flight.get() as f64),
        ];
        let labelled =
            |name: &str, (outcome, count): (&str, u64)| (format!("{name}{{outcome=\"{outcome}\"}}"), count as f64);
        gauges.extend(probes.by_outcome().map(|count| labelled("probes_total", count)));
        gauges.extend(actions.by_outcome().map(|count| labelled("actions_total", count)));
        gauges
    }
}

/// Lets the prober ask while this process leads.
async fn follow(leader: Arc<Leader>, prober: Arc<Prober>) {
    let mut terms = leader.subscribe();
    loop {
        let leads = terms.borrow_and_update().is_some();
        if leads {
            prober.resume()
        } else {
            prober.pause()
        }
        if terms.changed().await.is_err() {
            return;
        }
    }
}

/// The Lease as the executor sees it.
struct ByLease(Arc<Leader>);

impl Fence for ByLease {
    fn still_leader(&self) -> Result<u64, String> {
        self.0.check().map(|term| term.token).map_err(|fault| fault.message)
    }

    fn left(&self) -> Duration {
        self.0.check().map(|term| term.left()).unwrap_or_default()
    }
}
