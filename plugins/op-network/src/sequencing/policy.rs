//! `spec.sequencer.ha`: what the user wants, checked.

use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::opstack::honoured::Honoured;
use opstack_sdk::opstack::sequencing::{HaMode, HighAvailability};

use super::decide::Policy;

const PATH: &str = "spec.sequencer.ha";
/// The prober asks at most so often, and at least so.
const INTERVALS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;

/// What the user wants.
///
/// # Errors
/// Durations that contradict each other, or that nobody can keep.
pub fn policy(ha: &HighAvailability) -> Result<Policy, Failure> {
    let (interval, longest) = (ha.check_interval.as_millis(), ha.max_block_time.as_millis());
    let mut errors = vec![];
    if !INTERVALS.contains(&interval) {
        let message = format!("{} is not between 1s and 1h; write for instance \"5s\"", ha.check_interval);
        errors.push(FieldError::new(format!("{PATH}.checkInterval"), message));
    }
    if longest < interval {
        let message = format!(
            "{} is shorter than {PATH}.checkInterval ({}), so that each check would find the chain to stand still; write at least that, for instance \"5m\"",
            ha.max_block_time, ha.check_interval
        );
        errors.push(FieldError::new(format!("{PATH}.maxBlockTime"), message));
    }
    Failure::check(errors)?;
    Ok(Policy { max_block_time: longest, check_interval: interval, allow_loss: ha.allow_unsafe_head_loss })
}

/// Says what of it has no effect.
pub fn report(ha: &HighAvailability, honoured: &mut Honoured) {
    let default = HighAvailability::default();
    let (operator, conductor) = ([HaMode::Operator].as_slice(), [HaMode::Operator, HaMode::Conductor].as_slice());
    for (field, changed, modes) in [
        ("maxBlockTime", ha.max_block_time != default.max_block_time, operator),
        ("checkInterval", ha.check_interval != default.check_interval, conductor),
        ("allowUnsafeHeadLoss", ha.allow_unsafe_head_loss, operator),
    ] {
        if changed && !modes.contains(&ha.mode) {
            let names: Vec<_> = modes.iter().map(|mode| format!("{mode:?}")).collect();
            let why = format!("counts only where {PATH}.mode is {}", names.join(" or "));
            honoured.refuse(format!("{PATH}.{field}"), why);
        }
    }
}
