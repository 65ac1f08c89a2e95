//! When an object is looked at again.

use std::time::Duration;

use crate::blame::{Blame, Fault};
use crate::conditions::Standing;

/// When next, if nothing changes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// Not before something changes.
    Await,
    /// After so long, because the plugin asked.
    After(Duration),
    /// When those have been looked at that stand in line now.
    Behind,
    /// Later and later, with jitter.
    Backoff,
}

/// What the API server refuses is tried again after so long. The refusal may rest on what the object does not say and no watch
/// tells of: a rule of admission, the schema of a child's kind, a feature that is switched on, a storage class.
const REFUSED_AGAIN: Duration = Duration::from_secs(300);

fn is_refusal(fault: &Fault) -> bool {
    [Fault::REJECTED, Fault::CLAIM_NOT_RESIZED].contains(&fault.reason)
}

/// What a fault calls for.
pub fn after(fault: &Fault) -> Requeue {
    match fault {
        fault if retried(fault.blame) => Requeue::Backoff,
        fault if is_refusal(fault) => Requeue::After(REFUSED_AGAIN),
        _ => Requeue::Await,
    }
}

/// What a standing calls for.
pub fn of(standing: &Standing, asked: Option<Duration>) -> Requeue {
    match standing {
        Standing::Faulty { retried: true, .. } => Requeue::Backoff,
        Standing::Faulty { fault, .. } if is_refusal(fault) => Requeue::After(REFUSED_AGAIN),
        Standing::Invalid(_) | Standing::Waiting(_) | Standing::Paused => Requeue::Await,
        _ => asked.map_or(Requeue::Await, Requeue::After),
    }
}

/// The same, and after `rest` at the latest, for something was put off till then. What failed keeps to its backoff.
pub fn within(requeue: Requeue, rest: Duration) -> Requeue {
    match requeue {
        Requeue::Await => Requeue::After(rest),
        Requeue::After(asked) => Requeue::After(asked.min(rest)),
        other => other,
    }
}

/// From so many objects in line on, children are more urgent than telling about them.
const CROWD: usize = 16;

/// Whether an object whose children were just written lets others make theirs before its status is written. It comes to
/// its turn again behind those in line now, and then it has nothing to write but its status, so that it is put off once.
pub fn yields(wrote: bool, in_line: usize) -> bool {
    wrote && in_line >= CROWD
}

/// Whether a fault may go away by itself. A plugin's fault stays until the plugin or the object changes: the call is pure.
/// A spec's stays until the spec changes. `NameTaken` goes when the other object does, which is watched.
pub fn retried(blame: Blame) -> bool {
    matches!(blame, Blame::Host | Blame::Cluster)
}

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(300);

/// Delay before the attempt after `failures` failures in a row (1 is the first). `random` is in `[0, 1)`: the delay is
/// between half of the exponential step and the whole of it, so that many objects don't come back together.
pub fn backoff(failures: u32, random: f64) -> Duration {
    let step = FIRST.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(20))).min(LAST);
    step.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_waits_in_a_crowd_and_only_behind_children() {
        assert!(yields(true, CROWD));
        assert!(!yields(true, CROWD - 1));
        assert!(!yields(false, usize::MAX), "the second time");
    }

    #[test]
    fn a_refusal_of_the_api_server_is_tried_again() {
        for (reason, next) in [
            (Fault::REJECTED, Requeue::After(REFUSED_AGAIN)),
            (Fault::CLAIM_NOT_RESIZED, Requeue::After(REFUSED_AGAIN)),
            ("Trap", Requeue::Await),
        ] {
            let fault = Fault::plugin(reason, "");
            assert_eq!(after(&fault), next, "{reason}");
            assert_eq!(of(&Standing::Faulty { fault, retried: false }, None), next, "{reason}");
        }
        assert_eq!(after(&Fault::new(Blame::Cluster, "Taken", "")), Requeue::Backoff);
    }

    #[test]
    fn what_was_put_off_is_not_forgotten() {
        assert_eq!(within(Requeue::Await, FIRST), Requeue::After(FIRST));
        assert_eq!(within(Requeue::After(LAST), FIRST), Requeue::After(FIRST));
        assert_eq!(within(Requeue::After(FIRST), LAST), Requeue::After(FIRST));
        assert_eq!(within(Requeue::Backoff, FIRST), Requeue::Backoff);
    }

    #[test]
    fn backoff_grows_to_a_limit_and_spreads() {
        assert_eq!(backoff(1, 1.0), FIRST);
        assert_eq!(backoff(1, 0.0), FIRST / 2);
        assert_eq!(backoff(3, 1.0), FIRST * 4);
        assert_eq!(backoff(u32::MAX, 1.0), LAST);
    }
}
