//! Bounds of one call.

use std::time::Duration;
use wasmtime::{ResourceLimiter, Result};

use crate::settings::TABLE_ELEMENTS;

/// What one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// Time, instantiation and host calls included.
    pub deadline: Duration,
    /// Bytes of an answer, and of what the plugin hands to the host in one call of it.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 * 1024 * 1024, deadline: Duration::from_secs(1), output: 4 * 1024 * 1024 }
    }
}

/// What a guest was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    Table,
}

/// Refuses growth beyond the limits, and remembers that it did: a guest that gets no memory traps somewhere else.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: usize,
    pub(crate) refused: Option<Refused>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory: limits.memory, refused: None }
    }

    fn allow(&mut self, allowed: bool, what: Refused) -> bool {
        if !allowed {
            self.refused = Some(what);
        }
        allowed
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(self.allow(desired <= self.memory, Refused::Memory))
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(self.allow(desired <= TABLE_ELEMENTS, Refused::Table))
    }
}
