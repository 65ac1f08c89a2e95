//! What the operator does when it is killed, lied to, cut off or doubled, and what its plugins do when they are given nonsense.
//!
//! ```text
//! operator (a real process) ─► Proxy (counts calls, makes them fail) ─► API server (a real one)
//! ```
//!
//! The tests read [`state::State`]s: what a namespace holds, without what differs from run to run. A fault is survived if the
//! state afterwards is the state of a run without one.
#![deny(missing_docs)]

pub mod api;
pub mod call;
pub mod lab;
pub mod life;
pub mod mutate;
pub mod proxy;
pub mod renderer;
pub mod schema;
pub mod specs;
pub mod state;
