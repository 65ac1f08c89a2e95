//! Whether a watch shows what is: from what became of its attempts.

use std::time::{Duration, Instant};

/// A watch that was listed counts as well when it has not failed for so long: that the list was answered does not tell whether
/// the watch after it is allowed, and a watch in which nothing happens says nothing.
const SETTLED: Duration = Duration::from_secs(10);

/// What is known of one watch.
#[derive(Debug, Default)]
pub struct Health {
    /// Since when no attempt went well.
    failing: Option<Instant>,
    /// When the latest list was complete, if nothing has failed since.
    listed: Option<Instant>,
}

impl Health {
    /// Notes that all objects have been listed.
    pub fn listed(&mut self, now: Instant) {
        self.listed = Some(now);
    }

    /// Notes that the list or the watch failed, and says whether anything had gone well since it failed before.
    pub fn failed(&mut self, now: Instant) -> bool {
        let was_well = self.failing_for(now).is_none();
        if was_well {
            self.failing = Some(now);
        }
        self.listed.take().is_some() || was_well
    }

    /// How long the watch has been failing; nothing while it is well.
    pub fn failing_for(&self, now: Instant) -> Option<Duration> {
        let settled = self.listed.is_some_and(|listed| now.duration_since(listed) >= SETTLED);
        self.failing.filter(|_| !settled).map(|since| now.duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_list_that_is_tried_in_vain_goes_on_failing() {
        let (mut health, start) = (Health::default(), Instant::now());
        assert!(health.failed(start), "nothing had failed before");
        for second in 1..100 {
            assert!(!health.failed(start + second * SECOND));
        }
        assert_eq!(health.failing_for(start + 100 * SECOND), Some(100 * SECOND));
    }

    #[test]
    fn a_list_without_a_watch_after_it_is_no_recovery() {
        let (mut health, start) = (Health::default(), Instant::now());
        for second in 0..100 {
            health.listed(start + 2 * second * SECOND);
            assert!(health.failed(start + (2 * second + 1) * SECOND), "the list had gone well");
        }
        assert_eq!(health.failing_for(start + 200 * SECOND), Some(199 * SECOND));
    }

    #[test]
    fn a_watch_that_stays_silent_after_its_list_is_well() {
        let (mut health, start) = (Health::default(), Instant::now());
        assert_eq!(health.failing_for(start), None, "nothing is known against it");
        health.failed(start);
        health.listed(start + SECOND);
        assert_eq!(health.failing_for(start + 2 * SECOND), Some(2 * SECOND));
        assert_eq!(health.failing_for(start + SECOND + SETTLED), None);
        assert!(health.failed(start + 60 * SECOND), "it was well in between");
        assert_eq!(health.failing_for(start + 61 * SECOND), Some(SECOND));
    }
}
