//! Numbers for metrics. Plain atomics: who exports them knows how.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Failure;

/// A number that grows, or one that goes up and down.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts up, and down again when the guard is dropped.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.add();
        Held(self)
    }
}

/// See [`Count::hold`].
pub(crate) struct Held<'a>(&'a Count);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.subtract();
    }
}

/// What became of questions.
#[derive(Debug, Default)]
pub struct ProbeCounters {
    /// Answered.
    pub ok: Count,
    /// The target is nowhere.
    pub unresolved: Count,
    /// No connection.
    pub unreachable: Count,
    /// No answer in time.
    pub timeout: Count,
    /// The connection broke.
    pub broken: Count,
    /// A bad HTTP status.
    pub status: Count,
    /// Too large an answer.
    pub too_large: Count,
    /// No answer to the question.
    pub invalid: Count,
    /// Owners that were woken.
    pub wakes: Count,
    /// Questions in flight now.
    pub in_flight: Count,
    /// Questions that are due and wait for a slot.
    pub waiting: Count,
}

impl ProbeCounters {
    pub(crate) fn asked<T>(&self, outcome: &Result<T, Failure>) {
        let count = match outcome {
            Ok(_) => &self.ok,
            Err(Failure::Unresolved(_)) => &self.unresolved,
            Err(Failure::Unreachable(_)) => &self.unreachable,
            Err(Failure::Timeout(_)) => &self.timeout,
            Err(Failure::Broken(_)) => &self.broken,
            Err(Failure::Status(_)) => &self.status,
            Err(Failure::TooLarge(_)) => &self.too_large,
            Err(Failure::Invalid(_)) => &self.invalid,
        };
        count.add();
    }

    /// Questions by what became of them, for a label.
    pub fn by_outcome(&self) -> [(&'static str, u64); 8] {
        [
            ("ok", self.ok.get()),
            ("unresolved", self.unresolved.get()),
            ("unreachable", self.unreachable.get()),
            ("timeout", self.timeout.get()),
            ("broken", self.broken.get()),
            ("status", self.status.get()),
            ("too_large", self.too_large.get()),
            ("invalid", self.invalid.get()),
        ]
    }
}

/// What became of actions.
#[derive(Debug, Default)]
pub struct ActionCounters {
    /// Done.
    pub done: Count,
    /// The fact it rests on was not so.
    pub precondition: Count,
    /// This process does not lead, or can't be sure that it does.
    pub fenced: Count,
    /// It could not be sent.
    pub not_sent: Count,
    /// The node answered that it won't or can't.
    pub failed: Count,
    /// It was sent, and nothing came back that tells whether it was done.
    pub unknown: Count,
    /// Actions at work now.
    pub in_flight: Count,
}

impl ActionCounters {
    /// Actions by what became of them, for a label.
    pub fn by_outcome(&self) -> [(&'static str, u64); 6] {
        [
            ("done", self.done.get()),
            ("precondition", self.precondition.get()),
            ("fenced", self.fenced.get()),
            ("not_sent", self.not_sent.get()),
            ("failed", self.failed.get()),
            ("unknown", self.unknown.get()),
        ]
    }
}
