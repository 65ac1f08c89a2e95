//! How much is asked at once: of one endpoint, for one namespace, and at all.
//!
//! Nothing here is shared between namespaces but the number of all slots, and that by [`Slots`]: neither many endpoints of
//! one tenant, nor slow ones, nor the same endpoint delay the questions of another. Within a namespace, endpoints that let
//! a question time out, or were never asked, get only a part of its slots, so that those that answer find one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::slots::{Class, Slot, Slots};

/// Questions of each namespace in flight, beside the slots that all share.
const OWN: usize = 4;
/// When so many endpoints are known, those in which nobody is are forgotten.
const MANY_LANES: usize = 1024;

/// Slots for questions in flight.
pub(crate) struct Limits {
    per_endpoint: usize,
    slots: Slots,
    lanes: Mutex<Lanes>,
}

/// By namespace and endpoint.
type Lanes = HashMap<(Arc<str>, String), Arc<Lane>>;

/// What a namespace knows of one endpoint.
struct Lane {
    slots: Arc<Semaphore>,
    class: Mutex<Class>,
}

/// Leave to ask. Gives the slots back when dropped.
pub(crate) struct Permit {
    lane: Arc<Lane>,
    _own: Option<OwnedSemaphorePermit>,
    _slot: Slot,
}

impl Limits {
    pub(crate) fn new(per_endpoint: usize, total: usize) -> Self {
        Self { per_endpoint: per_endpoint.max(1), slots: Slots::new(total, OWN), lanes: Mutex::default() }
    }

    /// Waits in the endpoint's line first, then in the namespace's: who waits for a slow endpoint takes nobody's place.
    pub(crate) async fn enter(&self, namespace: &Arc<str>, origin: String) -> Permit {
        let lane = self.lane(namespace, origin);
        // Nothing closes it; were it closed, it would no longer limit.
        let own = lane.slots.clone().acquire_owned().await.ok();
        let class = *lane.class.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slots.take(namespace, class).await;
        Permit { lane, _own: own, _slot: slot }
    }

    fn lane(&self, namespace: &Arc<str>, origin: String) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.clone(), origin);
        if let Some(lane) = lanes.get(&key) {
            return lane.clone();
        }
        if lanes.len() >= MANY_LANES {
            // Pods come and go.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let slots = Arc::new(Semaphore::new(self.per_endpoint));
        let lane = Arc::new(Lane { slots, class: Mutex::new(Class::Untried) });
        lanes.insert(key, lane.clone());
        lane
    }
}

impl Permit {
    /// Notes whether the endpoint let the question time out. One that answered, well or badly, or refused, is prompt.
    pub(crate) fn done(self, timed_out: bool) {
        let class = if timed_out { Class::Hung } else { Class::Prompt };
        *self.lane.class.lock().unwrap_or_else(PoisonError::into_inner) = class;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn enter_for(limits: &Limits, namespace: &str, origin: impl ToString) -> Option<Permit> {
        limits.enter(&namespace.into(), origin.to_string()).now_or_never()
    }

    fn enter(limits: &Limits, origin: impl ToString) -> Option<Permit> {
        enter_for(limits, "ns", origin)
    }

    #[test]
    fn an_endpoint_has_its_own_slots() {
        let limits = Limits::new(2, 64);
        let _first = enter(&limits, "a").unwrap();
        let second = enter(&limits, "a").unwrap();
        assert!(enter(&limits, "a").is_none());
        assert!(enter(&limits, "b").is_some());
        assert!(enter_for(&limits, "other", "a").is_some(), "and so it has for each namespace");
        second.done(false);
        assert!(enter(&limits, "a").is_some());
    }

    #[test]
    fn endpoints_that_hang_or_may_hang_leave_slots_to_the_others() {
        // One namespace alone gets half of them.
        let limits = Limits::new(1, 16);
        for origin in 0..8 {
            enter(&limits, origin).unwrap().done(true);
        }
        for origin in 10..18 {
            enter(&limits, origin).unwrap().done(false);
        }
        let hung: Vec<_> = (0..8).filter_map(|origin| enter(&limits, origin)).collect();
        let untried: Vec<_> = (20..28).filter_map(|origin| enter(&limits, origin)).collect();
        let prompt: Vec<_> = (10..18).filter_map(|origin| enter(&limits, origin)).collect();
        assert_eq!((hung.len(), untried.len(), prompt.len()), (2, 4, 2));
    }

    #[test]
    fn an_endpoint_that_answers_is_trusted_again() {
        let limits = Limits::new(1, 8);
        for origin in ["a", "b"] {
            enter(&limits, origin).unwrap().done(true);
        }
        enter(&limits, "a").unwrap().done(false);
        let _b = enter(&limits, "b").unwrap();
        assert!(enter(&limits, "a").is_some());
    }
}
