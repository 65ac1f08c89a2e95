//! What tests of the running operator have in common: a cluster to run against, the operator's process, the
//! plugins that it is given, and questions about what it did.
//!
//! ```no_run
//! use suite::{Operator, Site, hostile, plugins};
//!
//! let site = Site::start(control_plane::AuditLevel::Metadata);
//! let operator = Operator::start(&site);
//! site.install(&plugins::hostile());
//! site.namespace("here");
//! site.create(&hostile::object("here", "one", "good"));
//! site.wait_ready(&hostile::path("here", "one"), "True", "Ready");
//! operator.stop();
//! ```
//!
//! Nothing here waits by sleeping: every wait polls for a state, is bounded, and tells what it saw when it gives up.

pub mod audit;
pub mod chain;
pub mod condition;
pub mod hostile;
mod hosts;
pub mod kubelet;
mod operator;
pub mod pair;
pub mod paths;
pub mod plugins;
mod site;
pub mod specification;
mod wait;
pub mod world;

pub use hosts::Hosts;
pub use operator::{Operator, Signal, ask, program};
pub use site::Site;
pub use wait::{MINUTE, try_until, until};
