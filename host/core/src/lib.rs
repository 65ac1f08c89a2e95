//! The pure core of the operator: what happens between looking at the cluster and writing to it.
//!
//! One reconcile goes through these stages, each a type:
//!
//! ```text
//! Observed ─render─► Answer ─policy─► Desired ─plan─► Plan ─apply─► Applied ─status─► Status
//!            engine          policy.rs         plan.rs       shell           status.rs
//! ```
//!
//! Nothing here waits, dials, reads a clock or knows a plugin's kind. The manifest has no async runtime, no Kubernetes
//! client and no sandbox in it, so none of that can creep in.

// Not `indexing_slicing`: reading a JSON document by `["field"]` gives null where there is none, and slices are read by `get`.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]
#![forbid(unsafe_code)]

pub mod answer;
pub mod asks;
pub mod blame;
pub mod budget;
pub mod conditions;
pub mod document;
pub mod fields;
pub mod grants;
pub mod hash;
pub mod ids;
pub mod image;
pub mod inventory;
pub mod plan;
pub mod policy;
pub mod probe;
pub mod readiness;
pub mod requeue;
pub mod rollout;
pub mod status;
