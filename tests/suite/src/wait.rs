//! Bounded waits.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for anything that is going to happen, on a machine that does other things as well.
pub const MINUTE: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Asks `poll` until it answers, and gives how long that took as well. Its error is what is to be seen instead.
///
/// # Panics
/// When `within` is over, with the last error.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, poll: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    let begun = Instant::now();
    match try_until(within, poll) {
        Ok(answer) => (answer, begun.elapsed()),
        Err(seen) => panic!("waited {within:?} in vain for {what}; what there is instead:\n{seen}"),
    }
}

/// Asks `poll` until it answers.
///
/// # Errors
/// What there is instead when `within` is over.
pub fn try_until<T>(within: Duration, mut poll: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        match poll() {
            Err(_) if begun.elapsed() < within => thread::sleep(POLL_INTERVAL),
            last => return last,
        }
    }
}
