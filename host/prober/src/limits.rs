//! How much is asked at once: of one endpoint, of all, and of those that may not answer.
//!
//! However many endpoints hang, those that answer find a slot: who let its last question time out gets only a part of
//! all slots, and who was never asked gets only a part, so the two together can't take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Endpoints that hung share this part of all slots.
const HUNG: usize = 4;
/// Endpoints that were not asked yet share this part.
const UNTRIED: usize = 2;
/// When so many endpoints are known, those in which nobody is are forgotten.
const MANY_LANES: usize = 1024;

/// Slots for questions in flight.
pub(crate) struct Limits {
    per_endpoint: usize,
    total: Arc<Semaphore>,
    hung: Arc<Semaphore>,
    untried: Arc<Semaphore>,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

/// What is known of one endpoint.
struct Lane {
    slots: Arc<Semaphore>,
    standing: Mutex<Standing>,
}

/// What is to be expected of an endpoint.
#[derive(Clone, Copy, Debug)]
enum Standing {
    Untried,
    Hung,
    /// It answered, well or badly, or refused at once.
    Prompt,
}

/// Leave to ask. Gives the slots back when dropped.
pub(crate) struct Permit {
    lane: Arc<Lane>,
    _slots: [Option<OwnedSemaphorePermit>; 3],
}

impl Limits {
    pub(crate) fn new(per_endpoint: usize, total: usize) -> Self {
        let share = |part: usize| Arc::new(Semaphore::new((total / part).max(1)));
        Self {
            per_endpoint: per_endpoint.max(1),
            total: share(1),
            hung: share(HUNG),
            untried: share(UNTRIED),
            lanes: Mutex::default(),
        }
    }

    /// Waits in the endpoint's line first, then in the others': who waits for a slow endpoint takes nobody's place.
    pub(crate) async fn enter(&self, origin: String) -> Permit {
        let lane = self.lane(origin);
        let own = slot(&lane.slots).await;
        let standing = *lane.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let share = match standing {
            Standing::Untried => slot(&self.untried).await,
            Standing::Hung => slot(&self.hung).await,
            Standing::Prompt => None,
        };
        let total = slot(&self.total).await;
        Permit { lane, _slots: [own, share, total] }
    }

    fn lane(&self, origin: String) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&origin) {
            return lane.clone();
        }
        if lanes.len() >= MANY_LANES {
            // Pods come and go.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let slots = Arc::new(Semaphore::new(self.per_endpoint));
        let lane = Arc::new(Lane { slots, standing: Mutex::new(Standing::Untried) });
        lanes.insert(origin, lane.clone());
        lane
    }
}

impl Permit {
    /// Notes whether the endpoint let the question time out.
    pub(crate) fn done(self, timed_out: bool) {
        let standing = if timed_out { Standing::Hung } else { Standing::Prompt };
        *self.lane.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
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

    fn enter(limits: &Limits, origin: impl ToString) -> Option<Permit> {
        limits.enter(origin.to_string()).now_or_never()
    }

    #[test]
    fn an_endpoint_has_its_own_slots() {
        let limits = Limits::new(2, 64);
        let _first = enter(&limits, "a").unwrap();
        let second = enter(&limits, "a").unwrap();
        assert!(enter(&limits, "a").is_none());
        assert!(enter(&limits, "b").is_some());
        second.done(false);
        assert!(enter(&limits, "a").is_some());
    }

    #[test]
    fn endpoints_that_hang_or_may_hang_leave_slots_to_the_others() {
        let limits = Limits::new(1, 8);
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
        let limits = Limits::new(1, 4);
        for origin in ["a", "b"] {
            enter(&limits, origin).unwrap().done(true);
        }
        enter(&limits, "a").unwrap().done(false);
        let _b = enter(&limits, "b").unwrap();
        assert!(enter(&limits, "a").is_some());
    }
}
