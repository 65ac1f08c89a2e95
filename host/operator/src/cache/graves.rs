//! Pods that were deleted a while ago, each in the state in which it was last.
//!
//! That an object is gone does not tell how it ended: a kubelet that has seen the end of a pod writes so before the object goes, and
//! nobody does of a pod whose machine is cut off. What the last state says is lost with the object, unless somebody keeps it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::Entry;

/// How long each is kept.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How many are kept of a namespace: one that makes and deletes many forgets none of another one's.
const KEPT: usize = 64;

/// The last states, by namespace.
#[derive(Default)]
pub struct Graves(HashMap<Arc<str>, VecDeque<(Instant, Arc<Entry>)>>);

impl Graves {
    /// Keeps the last state of an object that is gone.
    pub fn bury(&mut self, last: Arc<Entry>, now: Instant) {
        let namespace = last.key.namespace.clone();
        let graves = self.0.entry(namespace).or_default();
        graves.retain(|(_, known)| known.live.uid != last.live.uid);
        graves.push_back((now, last));
        if graves.len() > KEPT {
            graves.pop_front();
        }
        self.0.retain(|_, graves| {
            graves.retain(|(since, _)| now.duration_since(*since) < KEPT_FOR);
            !graves.is_empty()
        });
    }

    /// Those of a namespace, or of all, the oldest first.
    pub fn of(&self, namespace: Option<&str>, now: Instant) -> Vec<Arc<Entry>> {
        let chosen = self.0.iter().filter(|(place, _)| namespace.is_none_or(|wanted| wanted == place.as_ref()));
        let recent = chosen.flat_map(|(_, graves)| graves).filter(|(since, _)| now.duration_since(*since) < KEPT_FOR);
        recent.map(|(_, last)| last.clone()).collect()
    }
}
