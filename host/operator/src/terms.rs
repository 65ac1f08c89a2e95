//! What one term of leadership remembers ends with it.
//!
//! Between two terms of this process another replica may have written. What was remembered of our own writes would then be an old
//! picture over a newer one, so it is forgotten before the first reconcile of the next term, and after the last one of the term
//! before: one that was still at work would put it back.

use tokio::sync::{RwLock, RwLockReadGuard};

/// The last term in which something was reconciled.
#[derive(Default)]
pub struct Terms(RwLock<Option<u64>>);

/// A reconcile at work: no other term begins meanwhile.
pub type Within<'a> = RwLockReadGuard<'a, Option<u64>>;

impl Terms {
    /// Begins a reconcile of a term. The first one of a term waits until those of the term before are done, and forgets.
    pub async fn enter(&self, term: u64, forget: impl Fn()) -> Within<'_> {
        loop {
            let current = self.0.read().await;
            if *current >= Some(term) {
                return current;
            }
            drop(current);
            let mut current = self.0.write().await;
            if *current < Some(term) {
                forget();
                *current = Some(term);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Baselines;
    use futures::FutureExt;
    use opstack_core::ids::ObjectKey;
    use opstack_core::inventory::Baseline;

    /// A Lease that is lost and gained again between two looks at it shows no moment without one.
    #[tokio::test]
    async fn what_a_term_remembers_does_not_outlive_it() {
        let (terms, baselines) = (Terms::default(), Baselines::default());
        let key: ObjectKey = "OpNode.optimism.io/ns/a".parse().unwrap();
        let forget = || baselines.clear();
        let first = terms.enter(1, forget).await;
        let again = terms.enter(1, forget).await;
        baselines.set(&key, Baseline::default());
        drop(again);
        let mut next = Box::pin(terms.enter(2, forget));
        assert!((&mut next).now_or_never().is_none(), "a reconcile of the first term is at work");
        baselines.set(&key, Baseline::default());
        drop(first);
        let next = next.await;
        assert!(baselines.get(&key).is_none(), "it is of the term before");
        baselines.set(&key, Baseline::default());
        drop(next);
        drop(terms.enter(2, forget).await);
        assert!(baselines.get(&key).is_some());
    }
}
