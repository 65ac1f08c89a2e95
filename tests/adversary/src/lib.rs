//! Attacks by the tenant of one namespace against another's, and what they need: the tenant with its rights, a victim with a whole
//! chain, and the picture of the victim that no attack may change.
//!
//! An attack that is objects alone is a folder in `attacks`: see [`attack`]. What behaves is code in `tests`.

pub mod attack;
pub mod machines;
pub mod picture;
pub mod stage;
pub mod tenant;
pub mod victim;
pub mod watch;
