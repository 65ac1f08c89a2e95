//! What keeps a component from being rendered while its status still has something to say.

use crate::answer::{Answer, Condition, Failure};
use crate::opstack::signing::NoSigner;
use crate::opstack::status::{Phase, READY};

/// What keeps a component from being rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// `Pending` where something is missing, `Error` where something is wrong.
    pub phase: Phase,
    /// Why, for `Ready=False`.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl Obstacle {
    /// Something that is expected to appear.
    pub fn waiting(what: &str) -> Self {
        Self { phase: Phase::Pending, reason: "Waiting", message: format!("waiting for {what}") }
    }

    /// The answer that changes nothing and says why. The caller adds the other conditions.
    pub fn answer<S>(self, status: impl FnOnce(Phase) -> S) -> Answer<S> {
        let mut answer = Answer::keep(status(self.phase), &self.message);
        answer.condition(Condition::no(READY, self.reason, self.message));
        answer
    }
}

impl From<&NoSigner> for Obstacle {
    fn from(missing: &NoSigner) -> Self {
        match missing {
            NoSigner::Missing(what) => Self::waiting(what),
            NoSigner::Malformed(how) => Self { phase: Phase::Error, reason: "KeyMalformed", message: how.clone() },
        }
    }
}

/// A `waiting` failure as an obstacle; others stay failures.
///
/// # Errors
/// Failures that are not `waiting`.
pub fn obstacle<T>(result: Result<T, Failure>) -> Result<Result<T, Obstacle>, Failure> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Waiting(what)) => Ok(Err(Obstacle::waiting(&what))),
        Err(failure) => Err(failure),
    }
}
