//! The choice of the sequencer that makes the blocks: situations one by one, and sequencers under random faults.

mod faults;
mod model;
mod moment;
mod program;
mod promises;
mod stages;
