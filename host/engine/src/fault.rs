//! From the ways in which a call can end badly to a fault with its blame.

use opstack_core::blame::{Blame, Fault};
use wasmtime::{Error, PoolConcurrencyLimitError, Trap};

use crate::host::{Denied, State};
use crate::limits::{Limits, Refused};
use crate::settings::TABLE_ELEMENTS;

/// Context of what goes wrong before a call begins: if nothing else explains it, the component's types are not the contract's.
#[derive(Debug, thiserror::Error)]
#[error("it does not fit the contract")]
pub(crate) struct Unfit;

/// The fault behind an error of the engine.
pub(crate) fn of(error: &Error, state: &State, limits: &Limits) -> Fault {
    if let Some(denied) = error.downcast_ref::<Denied>() {
        return Fault::plugin("NotGranted", denied.0.clone());
    }
    let trap = error.downcast_ref::<Trap>();
    match (trap, state.limiter.refused) {
        (Some(Trap::Interrupt), _) => deadline(limits),
        (Some(Trap::StackOverflow), _) => Fault::plugin("StackOverflow", "it overflowed its stack"),
        // Whatever the guest did next, it did for want of this.
        (_, Some(Refused::Memory)) => memory(limits),
        (_, Some(Refused::Table)) => {
            Fault::plugin("MemoryLimit", format!("its tables grew beyond {TABLE_ELEMENTS} elements"))
        }
        (Some(trap), None) => Fault::plugin("Trap", trapped(*trap, state.last_error.as_deref())),
        (None, None) if error.is::<PoolConcurrencyLimitError>() => {
            Fault::new(Blame::Host, "NoInstance", "no free instance; too many calls at once")
        }
        (None, None) if error.is::<Unfit>() => Fault::plugin("Mismatch", format!("{error:#}")),
        (None, None) if is_output(error) => output(limits),
        // What the guest handed over breaks the canonical ABI: invalid UTF-8, a pointer out of bounds.
        (None, None) => Fault::plugin("InvalidAnswer", format!("it broke the contract's encoding: {error:#}")),
    }
}

fn deadline(limits: &Limits) -> Fault {
    let millis = limits.deadline.as_millis();
    Fault::plugin("Deadline", format!("it took more than the {millis} ms that spec.limits.deadlineMillis allows"))
}

fn memory(limits: &Limits) -> Fault {
    let mib = mib(limits.memory);
    Fault::plugin(
        "MemoryLimit",
        format!("it needs more than the {mib} MiB of memory that spec.limits.memoryMib allows"),
    )
}

fn output(limits: &Limits) -> Fault {
    let mib = mib(limits.output);
    Fault::plugin("OutputLimit", format!("it gave the host more than the {mib} MiB that spec.limits.outputMib allows"))
}

fn mib(bytes: usize) -> usize {
    bytes / (1024 * 1024)
}

fn trapped(trap: Trap, said: Option<&str>) -> String {
    // A guest keeps part of its stack in its memory, below everything else.
    let hint = if trap == Trap::MemoryOutOfBounds { "; usually its stack overflowed" } else { "" };
    let said = said.map(|said| format!(" after it said: {said}")).unwrap_or_default();
    format!("it trapped ({trap}{hint}){said}")
}

/// The engine has no type for this error that could be asked for; a test holds it to these words.
fn is_output(error: &Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}
