//! What is asked of whom, on behalf of which namespace: the identity by which equal questions of many objects become one.
//!
//! Objects of different namespaces share no question: else one could set the pace of another's, or let it wait longer.

use opstack_core::probe::{Probe, Question, Target};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A question to a target. Cheap to clone, and cheap to compare with its clones.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry(Arc<Asked>);

#[derive(Debug, PartialEq)]
struct Asked {
    namespace: Arc<str>,
    target: Target,
    question: Question,
}

impl Inquiry {
    pub(crate) fn of(namespace: &Arc<str>, probe: &Probe) -> Self {
        let (target, question) = (probe.target.clone(), probe.question.clone());
        Self(Arc::new(Asked { namespace: namespace.clone(), target, question }))
    }

    /// Of the objects that ask.
    pub(crate) fn namespace(&self) -> &Arc<str> {
        &self.0.namespace
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0.target
    }

    pub(crate) fn question(&self) -> &Question {
        &self.0.question
    }
}

impl PartialEq for Inquiry {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

// JSON has no NaN, so all params equal themselves.
impl Eq for Inquiry {}

impl Hash for Inquiry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.namespace().hash(state);
        self.target().hash(state);
        match self.question() {
            Question::JsonRpc(calls) => calls.iter().for_each(|call| (&call.method, &call.params).hash(state)),
            Question::HttpGet => {}
            Question::Metrics(names) => names.hash(state),
        }
    }
}
