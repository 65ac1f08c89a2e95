//! Writes under way, and what the watches tell of their objects meanwhile.
//!
//! The watch event of a write often comes before the write's answer. Only the answer tells that the event is our own, so what
//! comes meanwhile is held until then: otherwise a write would wake its owner once more, for nothing.

use opstack_core::ids::ObjectKey;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cache::Change;

#[derive(Default)]
struct Flight {
    /// Writes of one object at once are rare, but possible: two plugins may patch it.
    writes: usize,
    held: Vec<Change>,
}

/// What a write made of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// This version.
    Version(u64),
    /// Nothing: it is gone.
    Nothing,
}

impl Made {
    fn is(self, change: &Change) -> bool {
        match (self, &change.after) {
            (Self::Version(version), Some(entry)) => entry.resource_version == version,
            (Self::Nothing, None) => true,
            _ => false,
        }
    }
}

/// Writes under way, by object.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<ObjectKey, Flight>>);

impl Flights {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write of an object begins.
    pub fn begin(&self, key: &ObjectKey) {
        self.lock().entry(key.clone()).or_default().writes += 1;
    }

    /// Holds a change if its object is being written; gives it back otherwise.
    pub fn hold(&self, change: Change) -> Option<Change> {
        match self.lock().get_mut(&change.key) {
            Some(flight) => {
                flight.held.push(change);
                None
            }
            None => Some(change),
        }
    }

    /// Whether an object of this life is gone, by a change that is held.
    pub fn lost(&self, key: &ObjectKey, uid: &str) -> bool {
        let flights = self.lock();
        let mut held = flights.get(key).into_iter().flat_map(|flight| &flight.held);
        held.any(|change| {
            change.after.is_none() && change.before.as_ref().is_some_and(|before| before.live.uid.as_ref() == uid)
        })
    }

    /// A write ended, and made something if it succeeded. Gives the change that it was itself, if that came by the watch, and
    /// those that are held no longer.
    pub fn end(&self, key: &ObjectKey, made: Option<Made>) -> (Option<Change>, Vec<Change>) {
        let mut flights = self.lock();
        let Some(flight) = flights.get_mut(key) else { return (None, vec![]) };
        let place = made.and_then(|made| flight.held.iter().position(|change| made.is(change)));
        let own = place.map(|place| flight.held.remove(place));
        flight.writes = flight.writes.saturating_sub(1);
        if flight.writes > 0 {
            return (own, vec![]);
        }
        (own, flights.remove(key).map(|flight| flight.held).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::facts::Facts;
    use crate::cache::{Entry, Keep};
    use serde_json::json;
    use std::sync::Arc;

    fn change(version: u64) -> Change {
        let key: ObjectKey = "ConfigMap/ns/a".parse().unwrap();
        let object = json!({"metadata": {"name": "a", "namespace": "ns", "resourceVersion": version.to_string()}});
        let entry = Entry::of(&key.kind, object, Keep::default(), &Facts::keyed([0; 32]), &Arc::default());
        Change { key, before: None, after: Some(Arc::new(entry)) }
    }

    fn versions(changes: &[Change]) -> Vec<u64> {
        changes.iter().filter_map(|change| Some(change.after.as_ref()?.resource_version)).collect()
    }

    #[test]
    fn a_writes_own_event_is_told_from_those_of_others() {
        let (flights, key) = (Flights::default(), change(1).key);
        assert!(flights.hold(change(1)).is_some(), "nothing is being written");
        flights.begin(&key);
        for version in [2, 3, 4] {
            assert!(flights.hold(change(version)).is_none());
        }
        let (own, others) = flights.end(&key, Some(Made::Version(3)));
        assert_eq!(own.map(|own| versions(&[own])), Some(vec![3]));
        assert_eq!(versions(&others), [2, 4]);
        assert!(flights.lock().is_empty());
    }

    #[test]
    fn the_end_of_an_object_is_told_from_its_changes() {
        let (flights, key) = (Flights::default(), change(1).key);
        flights.begin(&key);
        flights.hold(change(2));
        assert!(!flights.lost(&key, ""), "a change is not an end");
        flights.hold(Change { before: change(2).after, after: None, ..change(2) });
        assert!(flights.lost(&key, "") && !flights.lost(&key, "another life"));
        let (own, others) = flights.end(&key, Some(Made::Nothing));
        assert!(own.is_some_and(|own| own.after.is_none()));
        assert_eq!(versions(&others), [2]);
    }

    #[test]
    fn a_failed_write_has_no_event_and_the_last_write_lets_all_go() {
        let (flights, key) = (Flights::default(), change(1).key);
        flights.begin(&key);
        flights.begin(&key);
        flights.hold(change(2));
        let (own, others) = flights.end(&key, None);
        assert!(own.is_none() && others.is_empty(), "the other write may be what this is");
        let (own, others) = flights.end(&key, None);
        assert!(own.is_none());
        assert_eq!(versions(&others), [2]);
    }
}
