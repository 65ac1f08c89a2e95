//! What one endpoint said last, and the face of it that an owner watches.

use opstack_core::probe::{Observation, Probe};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use crate::kept::Over;
use crate::question::Answer;

/// A good answer ages for so many intervals until it is stale.
const FRESH_INTERVALS: u32 = 3;

/// What was measured, and when.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// By the monotonic clock.
    pub(crate) at: Instant,
    /// Milliseconds since the Unix epoch.
    pub(crate) epoch: u64,
    pub(crate) answer: Result<Answer, Arc<str>>,
    /// The answer was not kept for this.
    pub(crate) over: Option<Over>,
}

impl Measured {
    /// Bytes that are kept of the answer.
    pub(crate) fn bytes(&self) -> usize {
        self.answer.as_ref().map_or_else(|why| why.len(), |answer| answer.text.len())
    }

    /// The same without the answer, for which there is no room.
    pub(crate) fn refused(self, over: Over) -> Self {
        Self { answer: Err(over.to_string().into()), over: Some(over), ..self }
    }
}

/// What a probe says beside its target and its question, which all who ask the same have in common.
#[derive(Debug)]
pub(crate) struct Wish {
    id: Box<str>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) wake_on: Box<[String]>,
}

impl Wish {
    pub(crate) fn of(probe: Probe) -> Self {
        let Probe { id, interval, timeout, wake_on, .. } = probe;
        Self { id: id.into(), interval, timeout, wake_on: wake_on.into() }
    }

    pub(crate) fn is_of(&self, probe: &Probe) -> bool {
        *self.id == *probe.id
            && self.interval == probe.interval
            && self.timeout == probe.timeout
            && *self.wake_on == *probe.wake_on
    }
}

/// The last word of one endpoint.
#[derive(Debug)]
pub(crate) struct Cell {
    last: Measured,
    /// When the last good answer came. Until there was one: since when it is waited for.
    good: Instant,
}

/// The part of a cell whose change wakes the owner: its health and the values that the probe watches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Face {
    good: bool,
    over: bool,
    stale: bool,
    /// Marks of them, not they themselves.
    watched: Box<[Option<u64>]>,
}

impl Cell {
    pub(crate) fn new(first: Measured) -> Self {
        Self { good: first.at, last: first }
    }

    pub(crate) fn update(&mut self, measured: Measured) {
        if measured.answer.is_ok() {
            self.good = measured.at;
        }
        self.last = measured;
    }

    /// Bytes that are kept of the answer.
    pub(crate) fn bytes(&self) -> usize {
        self.last.bytes()
    }

    /// Why the last answer was not kept.
    pub(crate) fn over(&self) -> Option<Over> {
        self.last.over
    }

    /// When it becomes stale if nothing good comes.
    pub(crate) fn stale_at(&self, interval: Duration) -> Instant {
        self.good + interval * FRESH_INTERVALS
    }

    pub(crate) fn face(&self, wish: &Wish, now: Instant) -> Face {
        let watched = match &self.last.answer {
            Ok(answer) => wish.wake_on.iter().map(|pointer| answer.mark(pointer)).collect(),
            Err(_) => Box::default(),
        };
        let (good, over) = (self.last.answer.is_ok(), self.last.over.is_some());
        Face { good, over, stale: now >= self.stale_at(wish.interval), watched }
    }

    pub(crate) fn observation(&self, wish: &Wish, pod: &str, now: Instant) -> Observation {
        let answer = match &self.last.answer {
            Ok(answer) => Ok(answer.text.clone()),
            Err(why) => Err(why.to_string()),
        };
        Observation {
            probe: wish.id.to_string(),
            pod: pod.to_owned(),
            measured_at: self.last.epoch,
            stale: now >= self.stale_at(wish.interval),
            answer,
        }
    }
}
