//! Which actions of one owner wait, are at work or are done. No task and no socket.

use opstack_core::probe::{Action, ActionOutcome};
use std::collections::HashSet;

/// The actions of one owner, in the order in which it declared them.
#[derive(Default)]
pub(crate) struct Ledger {
    acts: Vec<Act>,
    /// A worker goes through them.
    pub(crate) worked_on: bool,
}

struct Act {
    id: String,
    state: State,
}

enum State {
    Waiting(Box<Action>),
    /// `withdrawn`: meanwhile it is no longer declared. It is kept until it ends, so that it can't run twice at once.
    AtWork {
        withdrawn: bool,
    },
    Done(ActionOutcome),
}

impl Ledger {
    /// Takes up what is new, and forgets what is no longer declared. The first of equal ids counts, for ever.
    pub(crate) fn declare(&mut self, actions: Vec<Action>) {
        let mut known = std::mem::take(&mut self.acts);
        let mut ids = HashSet::new();
        for action in actions {
            if !ids.insert(action.id.clone()) {
                continue;
            }
            let state = match known.iter().position(|act| act.id == action.id) {
                Some(at) => match known.swap_remove(at).state {
                    State::AtWork { .. } => State::AtWork { withdrawn: false },
                    state => state,
                },
                None => State::Waiting(Box::new(action.clone())),
            };
            self.acts.push(Act { id: action.id, state });
        }
        let at_work = known.into_iter().filter(|act| matches!(act.state, State::AtWork { .. }));
        self.acts.extend(at_work.map(|act| Act { id: act.id, state: State::AtWork { withdrawn: true } }));
    }

    /// The next action to run.
    pub(crate) fn begin(&mut self) -> Option<Action> {
        self.acts.iter_mut().find_map(|act| match &act.state {
            State::Waiting(action) => {
                let action = action.as_ref().clone();
                act.state = State::AtWork { withdrawn: false };
                Some(action)
            }
            State::AtWork { .. } | State::Done(_) => None,
        })
    }

    /// Whether an id is declared.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.acts.iter().any(|act| act.id == id && !matches!(act.state, State::AtWork { withdrawn: true }))
    }

    /// Whether any action waits.
    pub(crate) fn waits(&self) -> bool {
        self.acts.iter().any(|act| matches!(act.state, State::Waiting(_)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }

    /// Whether an action at work is still declared.
    pub(crate) fn wants(&self, id: &str) -> bool {
        self.acts.iter().any(|act| act.id == id && matches!(act.state, State::AtWork { withdrawn: false }))
    }

    /// Ends an action. Without an outcome it was never sent and is forgotten. Tells whether the owner is to know.
    pub(crate) fn end(&mut self, id: &str, outcome: Option<ActionOutcome>) -> bool {
        let Some(at) = self.acts.iter().position(|act| act.id == id) else { return false };
        let wanted = self.wants(id);
        match (self.acts.get_mut(at), outcome) {
            (Some(act), Some(outcome)) if wanted => {
                act.state = State::Done(outcome);
                true
            }
            _ => {
                self.acts.remove(at);
                false
            }
        }
    }

    /// What has ended.
    pub(crate) fn outcomes(&self) -> Vec<ActionOutcome> {
        let outcomes = self.acts.iter().filter_map(|act| match &act.state {
            State::Done(outcome) => Some(outcome.clone()),
            State::Waiting(_) | State::AtWork { .. } => None,
        });
        outcomes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opstack_core::probe::{Precondition, RpcCall, Target};
    use serde_json::json;
    use std::time::Duration;

    fn action(id: &str, method: &str) -> Action {
        let call = RpcCall { method: method.into(), params: json!([]) };
        Action {
            id: id.into(),
            target: Target::Url("http://node".into()),
            pod: None,
            call: call.clone(),
            precondition: Precondition { call, pointer: String::new(), equals: json!(true) },
            timeout: Duration::from_secs(1),
        }
    }

    fn done(id: &str) -> Option<ActionOutcome> {
        Some(ActionOutcome { id: id.into(), at: 7, outcome: Ok("null".into()) })
    }

    #[test]
    fn an_id_runs_once_while_it_is_declared_whatever_it_says_later() {
        let mut ledger = Ledger::default();
        ledger.declare(vec![action("a", "first"), action("a", "twin")]);
        assert_eq!(ledger.begin().unwrap().call.method, "first");
        ledger.declare(vec![action("a", "second")]);
        assert!(ledger.begin().is_none());
        assert!(ledger.end("a", done("a")));
        ledger.declare(vec![action("a", "third")]);
        assert!(ledger.begin().is_none());
        assert_eq!(ledger.outcomes().len(), 1);
    }

    #[test]
    fn what_is_no_longer_declared_is_forgotten_and_may_run_again() {
        let mut ledger = Ledger::default();
        ledger.declare(vec![action("a", "m"), action("b", "m")]);
        assert_eq!(ledger.begin().unwrap().id, "a");
        ledger.end("a", done("a"));
        ledger.declare(vec![]);
        assert!(ledger.is_empty());
        ledger.declare(vec![action("a", "m")]);
        assert_eq!(ledger.begin().unwrap().id, "a");
    }

    #[test]
    fn what_is_withdrawn_at_work_is_not_sent_and_not_told() {
        let mut ledger = Ledger::default();
        ledger.declare(vec![action("a", "m")]);
        ledger.begin();
        ledger.declare(vec![]);
        assert!(!ledger.wants("a") && !ledger.knows("a"));
        ledger.declare(vec![action("a", "m")]);
        assert!(ledger.wants("a"), "declared again while at work: it is the same act");
        assert!(!ledger.waits());
        ledger.declare(vec![]);
        assert!(!ledger.end("a", done("a")));
        assert!(ledger.is_empty());
    }

    #[test]
    fn actions_run_in_the_order_of_their_declaration() {
        let mut ledger = Ledger::default();
        ledger.declare(vec![action("b", "m"), action("a", "m")]);
        ledger.declare(vec![action("a", "m"), action("b", "m"), action("c", "m")]);
        let order: Vec<_> = std::iter::from_fn(|| ledger.begin()).map(|action| action.id).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }
}
