//! Whether every field is honoured, or told as not honoured.

use std::fmt::Write as _;

use crate::contexts::flavours;
use crate::explore::{Trial, is_forced};
use crate::{Explorer, Kind, Leaf, Outcome};

/// Fields that the host honours, before it asks a plugin: path, where, and the words there.
pub const BY_THE_HOST: [(&str, &str, &str); 1] =
    [("spec.paused", "host/operator/src/reconcile.rs", r#"object["spec"]["paused"] == true"#)];

/// Fields that repeat what is decided elsewhere: any other value is refused by a message that names them, and so none is
/// ignored. Kind, path, and what decides.
pub const REPEATED: [(Kind, &str, &str); 2] = [
    (Kind::Node, "spec.opGeth.network", "spec.optimismNetworkRef decides"),
    (Kind::Node, "spec.executionClient.settings.network", "spec.optimismNetworkRef decides"),
];

/// How a field is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// It changes what is rendered.
    Rendered,
    /// It does so in some cases, and is told as not honoured in others.
    InPart(String),
    /// It is told as not honoured.
    NotHonoured(String),
    /// It repeats another field, and must say the same.
    Repeated(String),
    /// The host honours it.
    ByTheHost,
    /// It is accepted and ignored; says which values, in which contexts.
    Ignored(String),
}

/// How a field is covered in contexts of all its flavours.
pub fn coverage(explorer: &Explorer, leaf: &Leaf) -> Covered {
    let path = leaf.path.to_string();
    let found: Vec<_> = flavours(leaf).into_iter().map(|flavour| (flavour, explorer.explore(leaf, flavour))).collect();
    if BY_THE_HOST.iter().any(|(host, ..)| *host == path) {
        let is_ignored = found.iter().flat_map(|(_, trials)| trials).all(|trial| trial.outcome == Outcome::Ignored);
        return if is_ignored { Covered::ByTheHost } else { Covered::Ignored("a plugin honours it, too".into()) };
    }
    let repeated = REPEATED.iter().find(|(kind, repeated, _)| *kind == leaf.kind && *repeated == path);
    if let Some((.., decides)) = repeated {
        let told = |trial: &Trial| matches!(trial.outcome, Outcome::Refused(_) | Outcome::NotHonoured(_));
        let is_repeated = found.iter().all(|(_, trials)| {
            trials.iter().any(told) && trials.iter().all(|trial| trial.outcome != Outcome::Rendered)
        });
        return if is_repeated {
            Covered::Repeated((*decides).into())
        } else {
            let other = |trial: &&Trial| !told(trial);
            let others = found.iter().flat_map(|(_, trials)| trials).filter(other);
            let others: Vec<_> = others.map(|trial| (&trial.value, &trial.outcome)).take(3).collect();
            Covered::Ignored(format!("it is neither refused nor told: {others:?}"))
        };
    }
    let lacks: Vec<_> = found.iter().filter_map(|(flavour, trials)| lack(leaf, flavour, trials)).collect();
    if !lacks.is_empty() {
        return Covered::Ignored(lacks.join("; "));
    }
    let mut trials = found.iter().flat_map(|(_, trials)| trials);
    let why = trials.clone().find_map(|trial| match &trial.outcome {
        Outcome::NotHonoured(why) => Some(why.clone()),
        _ => None,
    });
    match (trials.any(|trial| trial.outcome == Outcome::Rendered), why) {
        (true, None) => Covered::Rendered,
        (true, Some(why)) => Covered::InPart(why),
        (false, why) => Covered::NotHonoured(why.unwrap_or_default()),
    }
}

/// What is not covered in contexts of one flavour.
fn lack(leaf: &Leaf, flavour: &str, trials: &[Trial]) -> Option<String> {
    if leaf.is_finite() && is_forced(trials) {
        return None;
    }
    let lacking: Vec<_> = trials.iter().filter(|trial| !trial.is_told()).collect();
    let is_enough = if leaf.is_finite() { lacking.is_empty() } else { lacking.len() < trials.len() };
    (!is_enough).then(|| {
        let mut text = if flavour.is_empty() { String::new() } else { format!("{flavour}: ") };
        for trial in lacking {
            let case = trial.variation.as_ref().map_or_else(String::new, |variation| format!(" in {}", variation.case));
            let outcome = match &trial.outcome {
                Outcome::Refused(why) => format!("refused ({why})"),
                Outcome::Unusable => "taken by no case".into(),
                _ => "ignored".into(),
            };
            _ = write!(text, "{} {outcome}{case}, ", trial.value);
        }
        text.trim_end_matches(", ").to_string()
    })
}
