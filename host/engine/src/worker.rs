//! The compiler in a child process: what the child does.
//!
//! It gives up what it does not need before it reads a byte of what nobody vouches for: processor time, memory, files, its
//! priority. What it then can't do, it does not do; the parent learns it by its end.

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use std::io::{Read, Write};
use wasmtime::Engine;

use crate::artifact::{Artifact, MAX_BYTES};
use crate::child::CompileLimits;
use crate::engine::EngineError;
use crate::{compiler, message, settings};

/// The worker could not begin or say what came of it.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The system does not take a limit.
    #[error("failed to limit what compiling may take: {0}")]
    Limit(rustix::io::Errno),
    /// The input ended early, or nobody reads the output.
    #[error("failed to read a component or to write what was made of it: {0}")]
    Pipe(#[from] std::io::Error),
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Compiles a component from a reader into a writer, within limits. For a process that does nothing else: the limits are the
/// whole process's, and can't be lifted again.
///
/// # Errors
/// When it can't begin. Why a component is not compiled is an answer, and no error.
pub fn compile_stdin(limits: CompileLimits, from: impl Read, to: impl Write) -> Result<(), WorkerError> {
    confine(limits).map_err(WorkerError::Limit)?;
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let engine = Engine::new(&settings::one_thread()).map_err(EngineError::Configuration)?;
    let code = Artifact::open(&bytes).and_then(|artifact| compiler::here(&engine, &artifact));
    Ok(message::write(code, to)?)
}

fn confine(limits: CompileLimits) -> rustix::io::Result<()> {
    // Who waits for a reconcile comes first. Best effort.
    let _ = nice(10);
    // The parent takes the end by this signal for the plugin's fault, so the harder one comes later.
    limit(Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds.saturating_add(5))?;
    limit(Resource::As, limits.memory, limits.memory)?;
    // It writes to a pipe alone, and leaves nothing behind when it is ended.
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Core, 0, 0)
}

/// Lowers a limit. One that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> rustix::io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let least = |wanted: u64, known: &[Option<u64>]| Some(known.iter().flatten().fold(wanted, |a, b| a.min(*b)));
    setrlimit(resource, Rlimit { current: least(soft, &[current, maximum]), maximum: least(hard, &[maximum]) })
}
