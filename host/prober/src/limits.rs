//! How much is asked at once: of one endpoint, of all, and of those that don't answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Endpoints that let a question time out share this part of all slots until they answer, so that however many of them
/// hang, the others find a slot.
const SUSPECTS: usize = 4;
/// When so many endpoints are known, those in which nobody is are forgotten.
const MANY_LANES: usize = 1024;

/// Slots for questions in flight.
pub(crate) struct Limits {
    per_endpoint: usize,
    total: Arc<Semaphore>,
    suspects: Arc<Semaphore>,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

/// What is known of one endpoint.
struct Lane {
    slots: Arc<Semaphore>,
    suspect: AtomicBool,
}

/// Leave to ask. Gives the slots back when dropped.
pub(crate) struct Permit {
    lane: Arc<Lane>,
    _slots: [Option<OwnedSemaphorePermit>; 3],
}

impl Limits {
    pub(crate) fn new(per_endpoint: usize, total: usize) -> Self {
        let (per_endpoint, total) = (per_endpoint.max(1), total.max(1));
        Self {
            per_endpoint,
            total: Arc::new(Semaphore::new(total)),
            suspects: Arc::new(Semaphore::new((total / SUSPECTS).max(1))),
            lanes: Mutex::default(),
        }
    }

    /// Waits in the endpoint's line first, then in the others': who waits for a slow endpoint takes nobody's place.
    pub(crate) async fn enter(&self, origin: String) -> Permit {
        let lane = self.lane(origin);
        let own = slot(&lane.slots).await;
        let suspect = if lane.suspect.load(Ordering::Relaxed) { slot(&self.suspects).await } else { None };
        let total = slot(&self.total).await;
        Permit { lane, _slots: [own, suspect, total] }
    }

    fn lane(&self, origin: String) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&origin) {
            return lane.clone();
        }
        if lanes.len() >= MANY_LANES {
            // Pods come and go. Who is forgotten here is trusted again, once.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let slots = Arc::new(Semaphore::new(self.per_endpoint));
        let lane = Arc::new(Lane { slots, suspect: AtomicBool::new(false) });
        lanes.insert(origin, lane.clone());
        lane
    }
}

impl Permit {
    /// Notes whether the endpoint let the question time out.
    pub(crate) fn done(self, timed_out: bool) {
        self.lane.suspect.store(timed_out, Ordering::Relaxed);
    }
}

/// Nothing closes these semaphores; were one closed, it would no longer limit.
async fn slot(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    semaphore.clone().acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn an_endpoint_has_its_own_slots() {
        let limits = Limits::new(2, 64);
        let _first = limits.enter("a".into()).now_or_never().unwrap();
        let second = limits.enter("a".into()).now_or_never().unwrap();
        assert!(limits.enter("a".into()).now_or_never().is_none());
        assert!(limits.enter("b".into()).now_or_never().is_some());
        second.done(false);
        assert!(limits.enter("a".into()).now_or_never().is_some());
    }

    #[test]
    fn endpoints_that_hang_leave_slots_to_the_others() {
        let limits = Limits::new(1, 8);
        for origin in 0..8 {
            limits.enter(origin.to_string()).now_or_never().unwrap().done(true);
        }
        let hanging: Vec<_> = (0..8).filter_map(|origin| limits.enter(origin.to_string()).now_or_never()).collect();
        assert_eq!(hanging.len(), 2);
        let healthy: Vec<_> = (10..30).filter_map(|origin| limits.enter(origin.to_string()).now_or_never()).collect();
        assert_eq!(healthy.len(), 6);
    }

    #[test]
    fn an_endpoint_that_answers_is_trusted_again() {
        let limits = Limits::new(1, 4);
        for origin in ["a", "b"] {
            limits.enter(origin.into()).now_or_never().unwrap().done(true);
        }
        limits.enter("a".into()).now_or_never().unwrap().done(false);
        let _b = limits.enter("b".into()).now_or_never().unwrap();
        assert!(limits.enter("a".into()).now_or_never().is_some());
    }
}
