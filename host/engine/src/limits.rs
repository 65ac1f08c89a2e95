//! Bounds of one call.

use std::time::Duration;
use wasmtime::{ResourceLimiter, Result};

/// What one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// Time, instantiation and host calls included.
    pub deadline: Duration,
    /// Bytes of an answer.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 * 1024 * 1024, deadline: Duration::from_secs(1), output: 4 * 1024 * 1024 }
    }
}

/// Refuses growth beyond the limits, and remembers that it did: a guest that gets no memory traps somewhere else.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: usize,
    pub(crate) refused_memory: bool,
}

/// More elements than this in tables is a defect.
const TABLE_ELEMENTS: usize = 100_000;

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory: limits.memory, refused_memory: false }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let allowed = desired <= self.memory;
        self.refused_memory |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
