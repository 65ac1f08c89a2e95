//! Three real sequencers and two real operators under faults: op-nodes and operators are killed and stand still, the Lease and pods
//! are deleted, and a person has another one make the blocks meanwhile. The controllers of Kubernetes make the pods; that they run,
//! and how they end, is reported as a kubelet would. Who makes blocks is counted by the sequencers' own answers and by the blocks
//! that they tell.
//!
//! `OPSTACK_SEQUENCER_FAULTS` says how many faults there are (24 by default, which take about two minutes).

mod driver;
mod lookout;

use std::thread;
use std::time::Duration;

use driver::{Driver, SEQUENCERS};
use lookout::Lookout;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Between two faults.
const PAUSE_MS: std::ops::Range<u64> = 200..1_800;

#[test]
fn no_two_real_sequencers_make_blocks_whatever_goes_wrong() {
    let faults = std::env::var("OPSTACK_SEQUENCER_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(24);
    let mut driver = Driver::start();
    let lookout = Lookout::start(Driver::addresses());
    driver.makes_blocks();
    let first = driver.active();
    driver.hand_over(first.expect("one makes blocks"));
    driver.another_makes_blocks(first);
    let mut dice = StdRng::seed_from_u64(14);
    for count in 0..faults {
        let at = dice.random_range(0..SEQUENCERS);
        match dice.random_range(0..14) {
            0..3 => driver.restart(at),
            3 => driver.delete_pod(at),
            4 => driver.force_pod(at),
            5..7 => driver.freeze(at),
            7 => driver.thaw_all(),
            8 => driver.kill_operator(at % 2),
            9 => driver.freeze_operator(at % 2),
            10 => driver.thaw_operators(),
            11 | 12 => driver.hand_over(driver.active().unwrap_or(at)),
            _ => driver.delete_lease(),
        }
        // Time passes between faults; what is waited for is nothing in particular.
        thread::sleep(Duration::from_millis(dice.random_range(PAUSE_MS)));
        driver.care();
        if let Some(broken) = lookout.broken() {
            panic!("after {} faults: {broken}\n{}", count + 1, driver.log());
        }
    }
    driver.thaw_all();
    driver.thaw_operators();
    driver.makes_blocks();
    let figures = lookout.conclude();
    println!("S3.8: {faults} faults on real sequencers: {figures}; one makes blocks again");
}
