//! The Kubernetes Pod Security Standards, checked before the API server would.
//!
//! A namespace need not enforce a standard, and no API server judges the pods of a kind that it does not know; a plugin must not
//! be the way around either. So nothing here goes by an object's kind: the whole object is walked, and whatever is shaped like a
//! part of a pod is judged wherever it stands, in a patch as in a complete object. What is shaped wrongly is refused, for a
//! controller that reads it may be more lenient than this.

use serde_json::Value;

use crate::blame::{Blame, Fault};
use crate::grants::PodSecurity;
use crate::ids::{ObjectKey, PluginName};

mod context;
mod rules;

/// What the standards distinguish, apart from `privileged`, which asks nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Baseline,
    Restricted,
}

/// A broken rule and where it is broken.
struct Problem {
    /// From the innermost part outwards.
    path: Vec<String>,
    what: String,
}

impl Problem {
    fn below(mut self, part: String) -> Self {
        self.path.push(part);
        self
    }

    /// `spec.template.spec.containers[0] (geth) is privileged`.
    fn told(self) -> String {
        self.told_below().trim_start_matches('.').into()
    }

    /// The same behind the name of what was walked.
    fn told_below(self) -> String {
        let path: String = self.path.into_iter().rev().collect();
        format!("{path}{}", self.what)
    }
}

/// Checks all that an object leads to. What the owner's `spec` asks for in so many words is the user's fault, else it is the
/// plugin's.
pub(super) fn check(
    key: &ObjectKey,
    object: &Value,
    granted: PodSecurity,
    (plugin, spec): (&PluginName, &Value),
) -> Result<(), Fault> {
    let (level, name) = match granted {
        PodSecurity::Privileged => return Ok(()),
        PodSecurity::Baseline => (Level::Baseline, "baseline"),
        PodSecurity::Restricted => (Level::Restricted, "restricted"),
    };
    let Some(problem) = walk(object, level) else { return Ok(()) };
    let Some(asked) = asked(spec, level, &problem.what) else {
        let message = format!("{key} breaks the {name} pod security standard: {}", problem.told());
        return Err(Fault::plugin(REASON, message));
    };
    let enough = if walk(object, Level::Baseline).is_none() { "Baseline" } else { "Privileged" };
    let message = format!(
        "spec{}. This breaks the {name} pod security standard, to which the Plugin {plugin} is held. Take it out, or have an administrator set spec.grants.podSecurity of that Plugin to {enough}",
        asked.told_below()
    );
    Err(Fault::new(Blame::Spec, REASON, message))
}

const REASON: &str = "PodSecurity";

/// Where a spec says what is wrong with a pod. Any object in it may become a security context.
fn asked(node: &Value, level: Level, what: &str) -> Option<Problem> {
    match node {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| Some(asked(item, level, what)?.below(format!("[{index}]"))))
        }
        Value::Object(fields) => {
            let mut said = rules::said(fields, level).chain(context::problem(fields, level));
            if let Some(what) = said.find(|said| what.ends_with(said)) {
                return Some(Problem { path: vec![], what });
            }
            let mut inner = fields.iter();
            inner.find_map(|(name, value)| Some(asked(value, level, what)?.below(format!(".{name}"))))
        }
        _ => None,
    }
}

/// Maps whose keys are anybody's words. They are left out where all their values are texts.
const TEXTS: [&str; 7] = ["annotations", "data", "stringData", "binaryData", "labels", "matchLabels", "nodeSelector"];

fn walk(node: &Value, level: Level) -> Option<Problem> {
    match node {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| Some(walk(item, level)?.below(format!("[{index}]"))))
        }
        Value::Object(fields) => {
            if let Some(what) = rules::problem(fields, level) {
                return Some(Problem { path: vec![], what });
            }
            let mut inner = fields.iter().filter(|(name, value)| !(TEXTS.contains(&name.as_str()) && is_texts(value)));
            inner.find_map(|(name, value)| Some(walk(value, level)?.below(format!(".{name}"))))
        }
        _ => None,
    }
}

fn is_texts(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.values().all(Value::is_string))
}

#[cfg(test)]
mod tests;
