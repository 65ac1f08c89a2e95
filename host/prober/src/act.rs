//! One action, from the first look at the Lease to the one call.

use opstack_core::probe::{Action, MAX_TIMEOUT, RpcCall, Target};
use serde_json::Value;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

use crate::counters::ActionCounters;
use crate::endpoint::{EndpointUrl, Resolve};
use crate::failure::Failure;
use crate::http::Http;
use crate::rpc::{self, Said};

/// Largest result of a call: it is kept for as long as the act is declared.
const OUTCOME_LIMIT: usize = 64 * 1024;

/// Tells whether this process leads. The operator implements it from its Lease.
pub trait Fence: Send + Sync {
    /// The fencing token of the present term: another one means that somebody else may have led in between.
    ///
    /// # Errors
    /// Why this process does not lead, or can't be sure that it does.
    fn still_leader(&self) -> Result<u64, String>;

    /// How long this process may still be sure that it leads. A call has to be over by then.
    fn left(&self) -> Duration {
        Duration::MAX
    }
}

/// A term that lasts no longer than this is too short for a call.
const SHORTEST: Duration = Duration::from_secs(1);

/// Why an action has no result. Only [`Unknown`](Self::Unknown) leaves open whether it was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The fact it rests on is not so, or could not be found out. Not sent.
    #[error("precondition: {0}")]
    Precondition(String),
    /// This process does not lead, or not in the term in which it began. Not sent.
    #[error("fenced: {0}")]
    Fenced(String),
    /// The endpoint could not be found or reached.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The node answered so.
    #[error("error {code}: {message}")]
    Answered {
        /// The error's code.
        code: i64,
        /// The error's message.
        message: String,
    },
    /// What stands before the node turned it away.
    #[error("turned away: {0}")]
    TurnedAway(String),
    /// It was sent, and no answer tells what became of it.
    #[error("unknown: {0}; it may have been done")]
    Unknown(String),
}

impl ActionError {
    pub(crate) fn count(&self, counters: &ActionCounters) {
        match self {
            Self::Precondition(_) => counters.precondition.add(),
            Self::Fenced(_) => counters.fenced.add(),
            Self::NotSent(_) => counters.not_sent.add(),
            Self::Answered { .. } | Self::TurnedAway(_) => counters.failed.add(),
            Self::Unknown(_) => counters.unknown.add(),
        }
    }
}

/// Why the way to the call ended early.
#[derive(Debug, PartialEq)]
pub(crate) enum Stop {
    /// The plugin no longer wants it, or the process is ending. Not sent, and nothing to tell.
    Withdrawn,
    /// To be told.
    Because(ActionError),
}

impl From<ActionError> for Stop {
    fn from(error: ActionError) -> Self {
        Self::Because(error)
    }
}

/// What an action needs.
pub(crate) struct Hands<'a> {
    pub(crate) http: &'a Http,
    pub(crate) resolver: &'a dyn Resolve,
    pub(crate) fence: &'a dyn Fence,
    /// On behalf of whom.
    pub(crate) namespace: &'a Arc<str>,
}

impl Hands<'_> {
    /// Does it, or says why not. `wanted` is asked once, right before.
    pub(crate) async fn act(&self, action: &Action, wanted: impl FnOnce() -> bool) -> Result<String, Stop> {
        let limit = action.timeout.clamp(Duration::from_millis(1), MAX_TIMEOUT);
        let token = self.fence.still_leader().map_err(ActionError::Fenced)?;
        let url = self.find(action, limit).await?;
        self.check(action, &url, limit).await?;
        if !wanted() {
            return Err(Stop::Withdrawn);
        }
        Ok(self.call_within(action, &url, limit, token).await?)
    }

    /// The one call, in the term in which the action was begun. The Lease is looked at each time right before it goes on: a process
    /// that stood still must not send what it had put off.
    async fn call_within(
        &self,
        action: &Action,
        url: &EndpointUrl,
        limit: Duration,
        token: u64,
    ) -> Result<String, ActionError> {
        let left = self.fence.left();
        if left < SHORTEST {
            return Err(ActionError::Fenced("the lease is about to run out".into()));
        }
        let mut call = pin!(self.call(action, url, limit.min(left)));
        let mut is_begun = false;
        poll_fn(|cx| match self.still(token) {
            Ok(()) => {
                is_begun = true;
                call.as_mut().poll(cx)
            }
            Err(why) if is_begun => Poll::Ready(Err(ActionError::Unknown(why))),
            Err(why) => Poll::Ready(Err(ActionError::Fenced(why))),
        })
        .await
    }

    /// Whether this is still the term in which the action was begun.
    fn still(&self, token: u64) -> Result<(), String> {
        match self.fence.still_leader()? {
            now if now == token => Ok(()),
            now => Err(format!("this is term {now}, and it was begun in term {token}")),
        }
    }

    async fn find(&self, action: &Action, limit: Duration) -> Result<EndpointUrl, ActionError> {
        let resolved = timeout(limit, self.resolver.resolve(&action.target)).await;
        let endpoints = resolved.unwrap_or_else(|_| Err("the target was not found in time".into()));
        let endpoints = endpoints.map_err(ActionError::NotSent)?;
        let wanted = match (&action.target, &action.pod) {
            (Target::Pods { .. }, None) => return Err(ActionError::NotSent("it names no pod".into())),
            (Target::Pods { .. }, Some(pod)) => Some(pod),
            _ => None,
        };
        let mut endpoints = endpoints.into_iter();
        match endpoints.find(|endpoint| wanted.is_none_or(|pod| endpoint.pod == *pod)) {
            Some(endpoint) => Ok(endpoint.url),
            None => Err(ActionError::NotSent(match wanted {
                Some(pod) => format!("no pod {pod} is running"),
                None => "the target has no endpoint".into(),
            })),
        }
    }

    /// Asks whether the fact is still so.
    async fn check(&self, action: &Action, url: &EndpointUrl, limit: Duration) -> Result<(), ActionError> {
        let wanted = &action.precondition;
        let said = self.ask(&action.target, url, &wanted.call, limit).await;
        let result = match said {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                let said = rpc::message(url, &error);
                let text = format!("{} answered error {}: {said}", wanted.call.method, error.code);
                return Err(ActionError::Precondition(text));
            }
            Err(failure) => return Err(ActionError::Precondition(format!("{}: {failure}", wanted.call.method))),
        };
        let result: Value = serde_json::from_str(result.get()).unwrap_or_default();
        match result.pointer(&wanted.pointer) {
            Some(found) if *found == wanted.equals => Ok(()),
            found => {
                let found = found.map_or_else(|| "absent".into(), brief);
                let what = format!("{}{}", wanted.call.method, wanted.pointer);
                let text = format!("{what} is {found}, not {}", brief(&wanted.equals));
                Err(ActionError::Precondition(url.scrub_error(&text)))
            }
        }
    }

    /// The one call.
    async fn call(&self, action: &Action, url: &EndpointUrl, limit: Duration) -> Result<String, ActionError> {
        match self.ask(&action.target, url, &action.call, limit).await {
            Ok(Ok(result)) if result.get().len() > OUTCOME_LIMIT => Err(told(Failure::TooLarge(OUTCOME_LIMIT))),
            Ok(Ok(result)) => Ok(url.scrub(result.get()).into_owned()),
            Ok(Err(error)) => Err(ActionError::Answered { code: error.code, message: rpc::message(url, &error) }),
            Err(failure) => Err(told(failure)),
        }
    }

    async fn ask(&self, target: &Target, url: &EndpointUrl, call: &RpcCall, limit: Duration) -> Result<Said, Failure> {
        let asked = async {
            let way = self.http.way(self.namespace, target, url).await?;
            rpc::ask(&way, std::slice::from_ref(call)).await
        };
        let mut said = timeout(limit, asked).await.unwrap_or(Err(Failure::Timeout(limit)));
        let said = said.as_mut().map_err(|failure| failure.clone().scrubbed(url))?;
        said.pop().ok_or_else(|| Failure::Invalid("not a JSON-RPC answer".into()))
    }
}

/// What a failure says about a call that was to be made. In doubt it may have been done.
fn told(failure: Failure) -> ActionError {
    match failure {
        Failure::Unresolved(_) | Failure::Unreachable(_) => ActionError::NotSent(failure.to_string()),
        // A proxy that timed out has passed it on.
        Failure::Status(300..=407 | 409..=499) => ActionError::TurnedAway(failure.to_string()),
        _ => ActionError::Unknown(failure.to_string()),
    }
}

/// A value in a sentence.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_was_not_sent_is_told_so() {
        let unknown = [
            Failure::Timeout(Duration::from_secs(1)),
            Failure::Broken("reset".into()),
            Failure::Status(500),
            Failure::Status(504),
            Failure::Status(408),
            Failure::TooLarge(1),
            Failure::Invalid("no answer".into()),
        ];
        for failure in unknown {
            assert!(matches!(told(failure.clone()), ActionError::Unknown(_)), "{failure}");
        }
        assert!(matches!(told(Failure::Unreachable("refused".into())), ActionError::NotSent(_)));
        assert!(matches!(told(Failure::Status(403)), ActionError::TurnedAway(_)));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let text = brief(&Value::from("é".repeat(200)));
        assert_eq!(text.chars().count(), 101);
        assert!(text.ends_with('…'));
    }
}
