//! Runs plugins: untrusted components behind the contract in `wit/`.
//!
//! ```text
//! bytes ─► Artifact (digest, validated) ─► Engine::load (imports checked, compiled or cached) ─► Plugin ─► a fresh instance per call
//! ```
//!
//! Nothing here knows Kubernetes: what a plugin may ask while it runs comes through [`Host`]. Every failure says whose it is.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

mod artifact;
mod compiled;
mod contract;
mod engine;
mod fault;
mod host;
mod imports;
mod limits;
mod plugin;
mod translate;

pub use artifact::{Artifact, Digest};
pub use compiled::Origin;
pub use engine::{Engine, EngineConfig, EngineError, LoadError};
pub use host::{Denied, Host, LogLevel};
pub use limits::Limits;
pub use plugin::{Plugin, Role};
