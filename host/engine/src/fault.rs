//! From the ways in which a call can end badly to a fault with its blame.

use opstack_core::blame::{Blame, Fault};
use wasmtime::{Error, Trap};

use crate::host::{Denied, State};
use crate::limits::Limits;

/// Why the host ended a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Denied(Denied),
}

/// The fault behind an error of the engine.
pub(crate) fn of(error: &Error, state: &State, limits: &Limits) -> Fault {
    if let Some(Refusal::Denied(denied)) = error.downcast_ref::<Refusal>() {
        return Fault::plugin("NotGranted", denied.0.clone());
    }
    if state.limiter.refused_memory {
        let mib = limits.memory / (1024 * 1024);
        return Fault::plugin(
            "MemoryLimit",
            format!("it used more than the {mib} MiB of memory that spec.limits.memoryMib allows"),
        );
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => {
            let millis = limits.deadline.as_millis();
            Fault::plugin(
                "Deadline",
                format!("it took more than the {millis} ms that spec.limits.deadlineMillis allows"),
            )
        }
        Some(Trap::StackOverflow) => Fault::plugin("StackOverflow", "it overflowed its stack"),
        Some(trap) => {
            let said = state.last_error.as_deref().map(|said| format!(" after it said: {said}")).unwrap_or_default();
            Fault::plugin("Trap", format!("it trapped ({trap}){said}"))
        }
        None if is_pool(error) => Fault::new(Blame::Host, "NoInstance", "no free instance; too many calls at once"),
        // What the guest handed over breaks the canonical ABI: invalid UTF-8, a pointer out of bounds.
        None => Fault::plugin("InvalidAnswer", format!("{error:#}")),
    }
}

fn is_pool(error: &Error) -> bool {
    error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some()
}
