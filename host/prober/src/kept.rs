//! How much is kept of answers: for one object, and for all of a namespace.

use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of answers that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// For one object.
    pub per_object: usize,
    /// For all objects of a namespace.
    pub per_namespace: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { per_object: 4 * 1024 * 1024, per_namespace: 32 * 1024 * 1024 }
    }
}

/// An answer that would be over a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// The object's.
    #[error(
        "the answer is larger than what is left for it: with its {bytes} bytes the answers kept for this object would be over {limit} bytes (--budget answer-bytes-per-object)"
    )]
    Object {
        /// Of the answer.
        bytes: usize,
        /// The budget.
        limit: usize,
    },
    /// The namespace's.
    #[error(
        "the answer is larger than what is left for it: with its {bytes} bytes the answers kept for this namespace would be over {limit} bytes (--budget answer-bytes-per-namespace)"
    )]
    Namespace {
        /// Of the answer.
        bytes: usize,
        /// The budget.
        limit: usize,
    },
}

/// What is kept, by namespace.
#[derive(Default)]
pub(crate) struct Stock {
    limits: Kept,
    bytes: HashMap<Arc<str>, usize>,
}

impl Stock {
    pub(crate) fn new(limits: Kept) -> Self {
        Self { limits, bytes: HashMap::new() }
    }

    /// Which budget would be exceeded if an answer of `before` bytes were one of `bytes`, the object's answers being
    /// `object` bytes.
    pub(crate) fn over(&self, namespace: &Arc<str>, object: usize, before: usize, bytes: usize) -> Option<Over> {
        let Kept { per_object, per_namespace } = self.limits;
        let would_be = |kept: usize| (kept + bytes).saturating_sub(before);
        if would_be(object) > per_object {
            return Some(Over::Object { bytes, limit: per_object });
        }
        let kept = self.bytes.get(namespace).copied().unwrap_or_default();
        (would_be(kept) > per_namespace).then_some(Over::Namespace { bytes, limit: per_namespace })
    }

    /// Notes that what was `before` bytes is now `after` bytes.
    pub(crate) fn change(&mut self, namespace: &Arc<str>, before: usize, after: usize) {
        let kept = self.bytes.entry(namespace.clone()).or_default();
        *kept = (*kept + after).saturating_sub(before);
        if *kept == 0 {
            self.bytes.remove(namespace);
        }
    }

    /// Of all namespaces.
    pub(crate) fn total(&self) -> usize {
        self.bytes.values().sum()
    }
}
