//! What is measured of the operator and of the victim's programs: memory, and how long each program was left without a question.

use std::{
    fs,
    time::{Duration, Instant},
};

use rpc_double::Double;
use suite::{Operator, until};

/// The operator's resident memory, in mebibytes.
///
/// # Panics
/// When it does not run.
pub fn memory(operator: &Operator) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", operator.id())).expect("the operator runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024
}

/// The longest time within a span during which a program was asked nothing.
pub fn longest_gap(program: &Double, from: Instant, to: Instant) -> Duration {
    let asked = program.times().into_iter().filter(|time| (from..to).contains(time));
    let moments: Vec<Instant> = [from].into_iter().chain(asked).chain([to]).collect();
    moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

/// Lets a time pass that is itself what a test is about.
pub fn pass(time: Duration) {
    let begun = Instant::now();
    let passed = || if begun.elapsed() >= time { Ok(()) } else { Err(format!("{:?}", begun.elapsed())) };
    until("a while to pass", time * 2 + suite::MINUTE, passed);
}
