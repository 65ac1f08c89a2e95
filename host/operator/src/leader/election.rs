//! What to do about the Lease, from what it says and for how long it has said so. No clock and no network.
//!
//! Whatever may have been held by another is taken only after a whole duration in which nobody renewed it: a Lease that is
//! not there may have been deleted under its holder, and one without a holder may have been edited.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use std::time::Duration;
use tokio::time::Instant;

/// Annotation by which a holder says that it has given the Lease back itself; its value is the transition count.
pub const RELEASED: &str = "opstack.optimism.io/released";

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make it, in our name.
    Make,
    /// Put our name into it, with this transition count.
    Take(i32),
    /// Renew it.
    Renew(i32),
    /// Nothing, for a reason.
    Wait(&'static str),
}

/// What this process knows of the Lease.
#[derive(Debug)]
pub struct Election {
    identity: String,
    duration: Duration,
    /// The version that was seen last, and since when.
    seen: Option<(String, Instant)>,
    /// Before then another one may still take itself for the holder of a Lease that was deleted.
    waits_until: Option<Instant>,
    /// Whether no operator was ever here: then nobody held a Lease that is missing.
    is_first: bool,
    /// The highest transition count seen.
    transitions: i32,
}

impl Election {
    /// Nothing is known yet, but whether an operator was ever here.
    pub fn new(identity: &str, duration: Duration, is_first: bool) -> Self {
        Self { identity: identity.into(), duration, seen: None, waits_until: None, is_first, transitions: 0 }
    }

    /// What to do, by the Lease as it is now.
    pub fn step(&mut self, lease: Option<&Lease>, now: Instant) -> Step {
        let Some(lease) = lease else {
            self.seen = None;
            return Step::Make;
        };
        self.is_first = false;
        let spec = lease.spec.clone().unwrap_or_default();
        let transitions = spec.lease_transitions.unwrap_or(0);
        self.transitions = self.transitions.max(transitions);
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if holder == self.identity {
            return Step::Renew(transitions);
        }
        // Whoever holds it now is to be watched for a whole duration, which is longer than what may be left of an earlier one.
        self.waits_until = None;
        let unchanged = self.unchanged_for(lease, now);
        if holder.is_empty() && is_released(lease, transitions) || unchanged >= self.duration_of(&spec) {
            return Step::Take(self.transitions.saturating_add(1));
        }
        Step::Wait(if holder.is_empty() {
            "the Lease names no holder, and no holder has given it back; it is taken when its duration has passed"
        } else {
            "another replica holds the lease"
        })
    }

    /// The Lease was made. Another one may believe to hold one that was deleted, for a whole duration at most.
    pub fn made(&mut self, now: Instant) {
        if !std::mem::take(&mut self.is_first) {
            self.waits_until = Some(now + self.duration);
        }
    }

    /// The Lease was taken from another.
    pub fn taken(&mut self) {
        self.waits_until = None;
    }

    /// Whether holding the Lease is leading.
    pub fn may_lead(&self, now: Instant) -> bool {
        self.waits_until.is_none_or(|until| now >= until)
    }

    /// The transition count of a Lease that is made: it goes on from the one that was deleted.
    pub fn next_transitions(&self) -> i32 {
        if self.is_first { 0 } else { self.transitions.saturating_add(1) }
    }

    /// How long the Lease has been as it is, by our own clock.
    fn unchanged_for(&mut self, lease: &Lease, now: Instant) -> Duration {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.seen {
            Some((known, since)) if *known == version => now.duration_since(*since),
            _ => {
                self.seen = Some((version, now));
                Duration::ZERO
            }
        }
    }

    /// What its holder believes in: what the Lease says, and no less than what we are started with. Who edits it shortens no
    /// holder's term.
    fn duration_of(&self, spec: &LeaseSpec) -> Duration {
        let said = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        said.map_or(self.duration, |said| self.duration.max(Duration::from_secs(said)))
    }
}

/// Whether its last holder has given it back, and not somebody else cleared its name.
fn is_released(lease: &Lease, transitions: i32) -> bool {
    let annotations = lease.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(RELEASED)).is_some_and(|said| *said == transitions.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DURATION: Duration = Duration::from_secs(15);

    fn lease(version: u64, holder: Option<&str>, released: Option<i32>) -> Lease {
        let annotations = released.map(|count| json!({RELEASED: count.to_string()}));
        serde_json::from_value(json!({
            "metadata": {"name": "l", "resourceVersion": version.to_string(), "annotations": annotations},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3},
        }))
        .unwrap()
    }

    fn newcomer() -> Election {
        Election::new("we", DURATION, false)
    }

    #[test]
    fn a_lease_that_was_deleted_is_held_for_its_duration_before_anybody_leads() {
        let (mut we, start) = (newcomer(), Instant::now());
        assert_eq!(we.step(None, start), Step::Make);
        we.made(start);
        assert_eq!(we.step(Some(&lease(7, Some("we"), None)), start), Step::Renew(3));
        assert!(!we.may_lead(start + DURATION - Duration::from_millis(1)));
        assert!(we.may_lead(start + DURATION));
    }

    #[test]
    fn a_lease_that_is_deleted_again_is_waited_for_again() {
        let (mut we, start) = (newcomer(), Instant::now());
        we.made(start);
        let later = start + 2 * DURATION;
        assert!(we.may_lead(later));
        assert_eq!(we.step(None, later), Step::Make);
        we.made(later);
        assert!(!we.may_lead(later));
    }

    #[test]
    fn where_no_operator_ever_was_the_first_one_leads_at_once_and_only_the_first_time() {
        let (mut we, start) = (Election::new("we", DURATION, true), Instant::now());
        assert_eq!((we.step(None, start), we.next_transitions()), (Step::Make, 0));
        we.made(start);
        assert!(we.may_lead(start));
        we.made(start);
        assert!(!we.may_lead(start));
        // One that has seen another's is not the first, whatever becomes of that.
        let mut we = Election::new("we", DURATION, true);
        we.step(Some(&lease(7, Some("other"), None)), start);
        assert_eq!(we.step(None, start), Step::Make);
        we.made(start);
        assert!(!we.may_lead(start));
    }

    #[test]
    fn transitions_go_on_where_a_deleted_lease_ended() {
        let (mut we, start) = (newcomer(), Instant::now());
        we.step(Some(&lease(7, Some("other"), None)), start);
        we.step(None, start);
        assert_eq!(we.next_transitions(), 4);
    }

    #[test]
    fn only_what_its_holder_gave_back_is_taken_at_once() {
        let start = Instant::now();
        assert_eq!(newcomer().step(Some(&lease(7, None, Some(3))), start), Step::Take(4));
        for released in [None, Some(2)] {
            let mut we = newcomer();
            let cleared = lease(7, None, released);
            assert!(matches!(we.step(Some(&cleared), start), Step::Wait(_)), "somebody cleared it");
            assert_eq!(we.step(Some(&cleared), start + DURATION), Step::Take(4));
        }
    }

    #[test]
    fn one_that_is_renewed_is_never_taken_and_a_shortened_one_no_sooner() {
        let (mut we, start) = (newcomer(), Instant::now());
        for version in 0..10 {
            let now = start + u32::try_from(version).unwrap() * (DURATION - Duration::from_secs(1));
            assert!(matches!(we.step(Some(&lease(version, Some("other"), None)), now), Step::Wait(_)));
        }
        let (mut we, mut shortened) = (newcomer(), lease(7, Some("other"), None));
        shortened.spec.as_mut().unwrap().lease_duration_seconds = Some(1);
        we.step(Some(&shortened), start);
        assert!(matches!(we.step(Some(&shortened), start + Duration::from_secs(5)), Step::Wait(_)));
        assert_eq!(we.step(Some(&shortened), start + DURATION), Step::Take(4));
    }
}
