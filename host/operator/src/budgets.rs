//! What objects and namespaces were granted of what everybody shares; see [`opstack_core::budget`].

use opstack_core::answer::{Answer, Event};
use opstack_core::blame::Fault;
use opstack_core::budget::{Ledger, Limits};
use opstack_core::ids::ObjectKey;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::hub::Hub;

/// The ledger of this process, and whom it wakes.
pub struct Budgets {
    ledger: Mutex<Ledger>,
    hub: Arc<Hub>,
    started: Instant,
}

impl Budgets {
    /// Nothing granted yet.
    pub fn new(limits: Limits, hub: Arc<Hub>) -> Self {
        Self { ledger: Mutex::new(Ledger::new(limits)), hub, started: Instant::now() }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants an object what its answer wants. Those that were refused look again when others want less.
    ///
    /// # Errors
    /// The budget that it is over.
    pub fn claim(&self, owner: &ObjectKey, answer: &Answer) -> Result<(), Fault> {
        let woken = self.ledger().claim(owner, answer)?;
        self.wake(&woken);
        Ok(())
    }

    /// Takes back what an object had that is gone.
    pub fn release(&self, owner: &ObjectKey) {
        let woken = self.ledger().release(owner);
        self.wake(&woken);
    }

    /// Those of an object's events that may be written now.
    pub fn events(&self, owner: &ObjectKey, events: Vec<Event>) -> Vec<Event> {
        if events.is_empty() { events } else { self.ledger().events(owner, events, self.started.elapsed()) }
    }

    fn wake(&self, woken: &[ObjectKey]) {
        woken.iter().for_each(|key| self.hub.wake(key));
    }
}
