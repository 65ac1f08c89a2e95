//! What every reconcile shares.

use opstack_core::answer::Facts;
use opstack_core::ids::ObjectKey;
use opstack_core::inventory::Baseline;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::budgets::Budgets;
use crate::chain::Chain;
use crate::hub::Hub;
use crate::leader::Leader;
use crate::metrics::Metrics;
use crate::plugins::Registry;
use crate::report::Written;
use crate::terms::{Terms, Within};
use crate::turns::Turns;

/// Handles on everything around a reconcile.
pub struct Context {
    /// Cache, watches, wake-ups.
    pub hub: Arc<Hub>,
    /// Plugins in service.
    pub registry: Arc<Registry>,
    /// Whether we may write.
    pub leader: Arc<Leader>,
    /// Probes and actions.
    pub chain: Arc<Chain>,
    /// What objects and namespaces were granted.
    pub budgets: Budgets,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Facts about the cluster that plugins are told.
    pub facts: Arc<Facts>,
    /// What was applied last, by owner; rebuilt from statuses after a restart.
    pub baselines: Baselines,
    /// When statuses were written.
    pub written: Written,
    /// Whose turn it is to have its pods replaced.
    pub turns: Turns,
    /// The term that the two above are of.
    pub terms: Terms,
}

impl Context {
    /// Begins a reconcile of a term, which is the term while what is returned lives.
    pub async fn enter(&self, term: u64) -> Within<'_> {
        let forget = || {
            self.baselines.clear();
            self.turns.clear();
            self.written.clear();
        };
        self.terms.enter(term, forget).await
    }

    /// Forgets an object that is gone: nothing is asked or done for it any more.
    pub fn forget(&self, key: &ObjectKey) {
        self.chain.forget(key);
        self.hub.deps.forget(key);
        self.baselines.forget(key);
        self.written.forget(key);
        self.budgets.release(key);
    }
}

/// Baselines by owner.
#[derive(Default)]
pub struct Baselines(Mutex<HashMap<ObjectKey, Baseline>>);

impl Baselines {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectKey, Baseline>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The baseline of an owner, if something was applied since the start.
    pub fn get(&self, owner: &ObjectKey) -> Option<Baseline> {
        self.lock().get(owner).cloned()
    }

    /// Remembers a baseline.
    pub fn set(&self, owner: &ObjectKey, baseline: Baseline) {
        self.lock().insert(owner.clone(), baseline);
    }

    /// Forgets everything: another replica has written since.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Forgets an owner that is gone.
    pub fn forget(&self, owner: &ObjectKey) {
        self.lock().remove(owner);
    }
}
