//! Every field of every kind, each with other values: what it changes in what is rendered.
//!
//! A field that is accepted and silently ignored is a defect. [`leaves()`] lists the fields of the kinds by their schemas,
//! [`values`] has other values for each, and the [`Explorer`] puts them into the [`cases()`] of the plugins and renders,
//! natively. `tests/coverage.rs` demands that each changes what is rendered, or is named as not honoured.
//!
//! [`variations()`] are all answers that this gives, for whoever wants to try them on the real programs:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! for variation in matrix::variations()? {
//!     println!("{} {} = {} in {}", variation.of.name(), variation.path, variation.value, variation.case);
//!     for container in variation.rendered.containers() {
//!         println!("    {} {}", container["command"], container["args"]);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod contexts;
pub mod coverage;
pub mod values;

mod cases;
mod companions;
mod explore;
mod furniture;
mod leaves;
mod place;
mod render;
mod table;

pub use cases::{Kind, NamedCase, cases};
pub use contexts::Context;
pub use explore::{Explorer, Outcome, Variation, variations};
pub use leaves::{Leaf, leaves};
pub use place::{Path, Step};
pub use render::{Rendered, render};
