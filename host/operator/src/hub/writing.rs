//! A write under way: what the API server answers enters the cache before the watch tells of it.

use opstack_core::ids::ObjectKey;

use super::Hub;
use crate::cache::{Change, is_outlined};
use crate::flights::Made;

/// A write under way. Dropped without an answer, it failed.
pub struct Writing<'a> {
    pub(super) hub: &'a Hub,
    pub(super) key: &'a ObjectKey,
    /// It is at work on this very object: it knows.
    pub(super) owner: Option<ObjectKey>,
    pub(super) made: Option<Made>,
}

impl Writing<'_> {
    /// Takes in the API server's answer, and names whom it concerns.
    pub fn answered(self, object: serde_json::Value) {
        self.take_in(object);
    }

    /// The same of a write of the status alone. A difference in what the user wants is somebody else's act, and its event comes
    /// too late to tell anything new.
    pub fn answered_by_status(self, object: serde_json::Value) {
        let (hub, key) = (self.hub, self.key);
        if self.take_in(object).is_some_and(|change| change.differs_in(|entry| &entry.intent)) {
            hub.wake(key);
        }
    }

    /// Takes in that the object is gone, and names whom that concerns.
    pub fn gone(mut self, uid: &str) {
        self.made = Some(Made::Nothing);
        let known = self.hub.cache.get(self.key).filter(|entry| entry.live.uid.as_ref() == uid);
        if let Some(change) = known.and_then(|entry| self.hub.cache.remove(&entry)) {
            self.hub.wake_lookers(&change, self.owner.as_ref());
        }
    }

    fn take_in(mut self, object: serde_json::Value) -> Option<Change> {
        let kind = &self.key.kind;
        let entry = self.hub.entry(kind, object);
        let entry = if is_outlined(kind) { entry.outlined() } else { entry };
        self.made = Some(Made::Version(entry.resource_version));
        let change = self.hub.cache.put(entry)?;
        let made = change.after.as_ref()?;
        if self.hub.flights.lost(self.key, &made.live.uid) {
            // Its end was told before the write was answered, and is what there is to tell.
            self.hub.cache.remove(made);
            return None;
        }
        self.hub.wake_lookers(&change, self.owner.as_ref());
        Some(change)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let (own, others) = self.hub.flights.end(self.key, self.made);
        if let Some(own) = own {
            self.hub.wake_lookers(&own, self.owner.as_ref());
        }
        others.iter().for_each(|change| self.hub.route(change));
    }
}
