//! The work queue of one kind: each object at most once in line and at most once at work.
//!
//! An object that is named while it is at work is looked at again afterwards, so no change is missed; one that is named many
//! times before its turn is looked at once. The controller of kube-runtime is built on stores of whole objects; ours keep
//! less, which is why the queue stands here.

use opstack_core::ids::ObjectKey;
use opstack_core::requeue::{Requeue, backoff};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

#[derive(Default)]
struct Inner {
    line: VecDeque<ObjectKey>,
    waiting: BTreeSet<ObjectKey>,
    working: HashMap<ObjectKey, bool>,
    later: BTreeMap<(Instant, ObjectKey), ()>,
    due: HashMap<ObjectKey, Instant>,
    failures: HashMap<ObjectKey, u32>,
}

/// A queue of objects.
#[derive(Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names an object: something about it changed.
    pub fn add(&self, key: ObjectKey) {
        self.lock().enqueue(key);
        self.changed.notify_one();
    }

    /// Names an object that is to be looked at after so long, or sooner if it is named again.
    pub fn add_after(&self, key: ObjectKey, delay: Duration) {
        self.lock().schedule(key, delay);
        self.changed.notify_one();
    }

    /// The next object, when there is one. It must be given to [`Self::done`] afterwards.
    pub async fn next(&self) -> ObjectKey {
        loop {
            let wake = self.changed.notified();
            let due = {
                let mut inner = self.lock();
                inner.promote(Instant::now());
                if let Some(key) = inner.take() {
                    if !inner.line.is_empty() {
                        self.changed.notify_one();
                    }
                    return key;
                }
                inner.later.keys().next().map(|(due, _)| *due)
            };
            match due {
                None => wake.await,
                Some(due) => tokio::select! { () = wake => {}, () = sleep_until(due) => {} },
            }
        }
    }

    /// The object is about to be looked at: whatever it was named for until now will be seen.
    pub fn begin(&self, key: &ObjectKey) {
        if let Some(again) = self.lock().working.get_mut(key) {
            *again = false;
        }
    }

    /// The object was looked at; says when next. `random` in `[0, 1)` spreads retries.
    pub fn done(&self, key: ObjectKey, requeue: Requeue, random: f64) {
        let mut inner = self.lock();
        let again = inner.working.remove(&key).unwrap_or(false);
        let delay = match requeue {
            Requeue::Backoff => {
                let failures = inner.failures.entry(key.clone()).or_default();
                *failures += 1;
                Some(backoff(*failures, random))
            }
            Requeue::After(delay) => {
                inner.failures.remove(&key);
                Some(delay)
            }
            Requeue::Await | Requeue::Behind => {
                inner.failures.remove(&key);
                None
            }
        };
        if again || requeue == Requeue::Behind {
            inner.enqueue(key);
        } else if let Some(delay) = delay {
            inner.schedule(key, delay);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Objects in line, for metrics.
    pub fn depth(&self) -> usize {
        self.lock().line.len()
    }

    /// Whether nothing is in line or at work.
    pub fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.line.is_empty() && inner.working.is_empty()
    }
}

impl Inner {
    fn enqueue(&mut self, key: ObjectKey) {
        if let Some(due) = self.due.remove(&key) {
            self.later.remove(&(due, key.clone()));
        }
        if let Some(again) = self.working.get_mut(&key) {
            *again = true;
        } else if self.waiting.insert(key.clone()) {
            self.line.push_back(key);
        }
    }

    fn schedule(&mut self, key: ObjectKey, delay: Duration) {
        let due = Instant::now() + delay;
        if self.waiting.contains(&key) || self.due.get(&key).is_some_and(|known| *known <= due) {
            return;
        }
        if let Some(known) = self.due.insert(key.clone(), due) {
            self.later.remove(&(known, key.clone()));
        }
        self.later.insert((due, key), ());
    }

    fn promote(&mut self, now: Instant) {
        while let Some(((due, _), ())) = self.later.first_key_value()
            && *due <= now
            && let Some(((_, key), ())) = self.later.pop_first()
        {
            self.due.remove(&key);
            self.enqueue(key);
        }
    }

    fn take(&mut self) -> Option<ObjectKey> {
        let key = self.line.pop_front()?;
        self.waiting.remove(&key);
        self.working.insert(key.clone(), false);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        format!("OpNode.optimism.io/ns/{name}").parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_named_at_work_is_looked_at_again_and_only_once() {
        let queue = Queue::default();
        queue.add(key("a"));
        queue.add(key("a"));
        let at_work = queue.next().await;
        queue.add(key("a"));
        queue.add(key("a"));
        assert_eq!(queue.depth(), 0, "never twice at work");
        queue.done(at_work, Requeue::Await, 0.0);
        let again = queue.next().await;
        queue.done(again, Requeue::Await, 0.0);
        assert!(queue.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_object_was_named_for_before_the_look_at_it_is_seen_by_that_look() {
        let queue = Queue::default();
        queue.add(key("a"));
        let taken = queue.next().await;
        queue.add(key("a"));
        queue.begin(&taken);
        queue.done(taken, Requeue::Await, 0.0);
        assert!(queue.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_yields_comes_behind_those_in_line() {
        let queue = Queue::default();
        ["a", "b", "c"].iter().for_each(|name| queue.add(key(name)));
        let first = queue.next().await;
        queue.done(first, Requeue::Behind, 0.0);
        for expected in ["b", "c", "a"] {
            let next = queue.next().await;
            assert_eq!(next, key(expected));
            queue.done(next, Requeue::Await, 0.0);
        }
        assert!(queue.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_come_back_later_and_changes_at_once() {
        let queue = Queue::default();
        queue.add(key("a"));
        let begun = Instant::now();
        for _ in 0..3 {
            let failed = queue.next().await;
            queue.done(failed, Requeue::Backoff, 1.0);
        }
        queue.next().await;
        assert_eq!(begun.elapsed().as_millis() / 250, 7, "250 ms, then 500, then 1000");
        queue.done(key("a"), Requeue::Backoff, 1.0);
        queue.add(key("a"));
        let begun = Instant::now();
        queue.next().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
