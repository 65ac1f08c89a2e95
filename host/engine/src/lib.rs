//! Runs plugins: untrusted components behind the contract in `wit/`.
//!
//! ```text
//! bytes ─► Artifact (digest) ─► Engine::load (from the cache, or validated and compiled) ─► Plugin ─► a fresh instance per call
//!                                                └─► Compiler: in this process, or in a child with limits
//! ```
//!
//! Nothing here knows Kubernetes: what a plugin may ask while it runs comes through [`Host`]. Every failure says whose it is.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

mod artifact;
mod bounds;
mod child;
mod clock;
mod compiled;
mod compiler;
mod contract;
mod engine;
mod error;
mod fault;
mod host;
mod limits;
mod message;
mod plugin;
mod refusals;
mod settings;
mod surface;
mod translate;
mod worker;
mod world;

pub use artifact::{Artifact, Digest, MAX_BYTES};
pub use child::{ChildCompiler, CompileLimits};
pub use compiled::Origin;
pub use compiler::Compiler;
pub use engine::{Engine, EngineError};
pub use error::LoadError;
pub use host::{Denied, Host, LogLevel};
pub use limits::Limits;
pub use plugin::{Plugin, Role};
pub use settings::EngineConfig;
pub use worker::{WorkerError, compile_stdin};
