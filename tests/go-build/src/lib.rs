//! Programs of others for tests, built once per machine from their published Go modules.
//!
//! A [`Plan`] names what is built and how; what decides the result goes into a fingerprint, and that into the name of
//! a directory in the user's cache, the plan's [`Home`]:
//!
//! ```text
//! $XDG_CACHE_HOME/opstack/<kind>/<release>-<fingerprint>/
//!     bin/<program>          complete as soon as it has its name
//!     src/<unit>/            the main module in which a unit's programs are compiled
//!     build.lock             held while something is built
//! ```
//!
//! A changed recipe builds anew, an unchanged one never does. However many processes ask at the same time, one builds
//! and the others wait; a build that was interrupted goes on where it stopped. What is missing on the machine (Go, room
//! on the disk) is said before anything long begins.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fingerprint;
mod go;
mod home;
mod plan;
mod spawn;
mod unit;
mod voice;

pub use fingerprint::fingerprint;
pub use go::Go;
pub use home::Home;
pub use plan::Plan;
pub use spawn::spawn;
pub use unit::{GO_ENVIRONMENT, OLDEST_GO, Program, Unit};
pub use voice::Voice;
