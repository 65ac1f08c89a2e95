//! The choice of the sequencer that makes the blocks: situations one by one, and sequencers under random faults.

mod faults;
mod model;
mod moment;
mod operator;
mod program;
mod promises;
mod proof;
mod stages;
mod stories;
