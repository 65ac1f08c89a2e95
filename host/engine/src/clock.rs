//! The clock by which calls are interrupted: one thread that counts steps while an engine lives.

use std::time::Duration;
use wasmtime::Engine;

const STEP: Duration = Duration::from_millis(5);

/// Starts the clock of an engine. It ends with the engine.
///
/// # Errors
/// When there is no thread.
pub(crate) fn start(engine: &Engine) -> std::io::Result<()> {
    let weak = engine.weak();
    let clock = std::thread::Builder::new().name("opstack-clock".into());
    clock.spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(STEP);
        }
    })?;
    Ok(())
}

/// Steps after which a deadline has surely passed.
pub(crate) fn steps(deadline: Duration) -> u64 {
    // One more: the step that runs now may be almost over.
    let steps = deadline.as_micros().div_ceil(STEP.as_micros()).saturating_add(1);
    // The engine adds this to its count, which must not overflow.
    u64::try_from(steps).unwrap_or(u64::MAX).min(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early_and_never_overflows() {
        assert_eq!(steps(Duration::ZERO), 1);
        assert_eq!(steps(Duration::from_millis(5)), 2);
        assert_eq!(steps(Duration::from_millis(6)), 3);
        assert_eq!(steps(Duration::MAX), u64::MAX / 2);
    }
}
