//! How objects see the chain and touch it: one prober that asks, and one executor that acts.
//!
//! Plugins say what they want to know; the [`Prober`] asks for all of them and wakes an object when an answer has
//! changed for it. Plugins say what is to be done; the [`Executor`] does it once, if the fact it rests on still holds
//! and this process still leads. Where a target is, and who leads, is told through [`Resolve`] and [`Fence`]: there is
//! no client of Kubernetes here, and no kind of any plugin.
//!
//! Which methods a plugin may call is not decided here; `opstack_core::policy::check_calls` does that, before.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")
)]
#![forbid(unsafe_code)]

mod act;
mod board;
mod cell;
mod counters;
mod endpoint;
mod executor;
mod exposition;
mod failure;
mod http;
mod inquiry;
mod kept;
mod ledger;
mod limits;
mod names;
mod pointer;
mod prober;
mod question;
mod reach;
mod rpc;
mod slots;
mod sorted;
mod task;

pub use act::{ActionError, Fence};
pub use counters::{ActionCounters, Count, ProbeCounters};
pub use endpoint::{Endpoint, EndpointUrl, InvalidUrl, Resolve};
pub use executor::Executor;
pub use http::SetupError;
pub use ipnet::IpNet;
pub use kept::{Kept, Over};
pub use prober::{Prober, Wake};
pub use reach::Reach;
pub use task::Config;
