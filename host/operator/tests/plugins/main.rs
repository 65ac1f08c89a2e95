//! Plugins on their way into service, and what goes with an object, against an API server of a few paths.
//!
//! The compiler is the program `opstack` itself, as a child of the test.

#[path = "../../../engine/tests/support/module.rs"]
mod module;

mod api;
mod claims;
mod compile;
mod failover;
mod forgotten;
mod guest;
mod world;
