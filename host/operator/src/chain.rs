//! Probes and actions of all objects. (The prober comes next; until then nothing is asked, and so nothing is known.)

use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Action, ActionOutcome, Observation, Probe};
use std::sync::Arc;

use crate::hub::Hub;
use crate::leader::Leader;

/// What is asked of the chain and done to it.
pub struct Chain {}

impl Chain {
    /// Nothing asked yet.
    pub fn new(_hub: Arc<Hub>, _leader: Arc<Leader>, _cluster_domain: &str) -> Arc<Self> {
        Arc::new(Self {})
    }

    /// Replaces an object's questions.
    pub fn declare(&self, _owner: &ObjectKey, _probes: &[Probe]) {}

    /// Runs an object's actions, each at most once.
    pub fn act(&self, _owner: &ObjectKey, _actions: &[Action]) {}

    /// Forgets an object.
    pub fn forget(&self, _owner: &ObjectKey) {}

    /// What its probes found.
    pub fn observations(&self, _owner: &ObjectKey) -> Vec<Observation> {
        vec![]
    }

    /// What became of its actions.
    pub fn outcomes(&self, _owner: &ObjectKey) -> Vec<ActionOutcome> {
        vec![]
    }

    /// Numbers for metrics.
    pub fn gauges(&self) -> Vec<(String, f64)> {
        vec![]
    }
}
