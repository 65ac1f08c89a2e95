//! The shell of the operator: everything that watches, waits, dials or writes.
//!
//! Decisions are made in `opstack-core`, plugins run in `opstack-engine`; here they meet the cluster. The one path through it is
//! [`reconcile`]; what feeds it are [`cache`], [`hub`] and [`queue`], what it writes goes through [`apply`] and [`report`].
//! No kind of any plugin is named anywhere in here.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]
#![forbid(unsafe_code)]

pub mod admin;
pub mod apply;
pub mod budgets;
pub mod cache;
pub mod chain;
pub mod children;
pub mod cli;
pub mod context;
pub mod controller;
pub mod deps;
pub mod finalizer;
pub mod flights;
pub mod fresh;
pub mod hosts;
pub mod hub;
pub mod kinds;
pub mod leader;
pub mod lookups;
pub mod metrics;
pub mod named;
pub mod namespaces;
pub mod own;
pub mod page;
pub mod plugins;
pub mod queue;
pub mod reconcile;
pub mod render;
pub mod replace;
pub mod report;
pub mod run;
pub mod schema;
pub mod secrets;
pub mod server;
pub mod telemetry;
pub mod terms;
pub mod turns;
pub mod view;
