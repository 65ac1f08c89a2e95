//! Trying the values of a field in the contexts of its kind.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::{Result, ensure};
use opstack_sdk::answer::Failure;
use opstack_sdk::testkit::Around;
use serde_json::Value;

use crate::companions::companions;
use crate::contexts::{contexts, flavours};
use crate::furniture::{for_network, furnish};
use crate::{Context, Kind, Leaf, Rendered, leaves, render};

/// What came of a value. What comes later is better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No context takes it.
    Unusable,
    /// It was accepted, and changed nothing.
    Ignored,
    /// It was refused by an answer that names the field.
    Refused(String),
    /// The condition `FieldsHonored` names the field, and why it has no effect.
    NotHonoured(String),
    /// It changed what is rendered.
    Rendered,
}

/// An answer with another value in one field.
#[derive(Clone, Debug)]
pub struct Variation {
    /// What was rendered: the kind of the first document.
    pub kind: Kind,
    /// Whose field it is; another kind than `kind` where a network is varied under those who look at it.
    pub of: Kind,
    /// The field: `spec.opNode.p2p.listenPort`.
    pub path: String,
    /// Its value.
    pub value: Value,
    /// The case.
    pub case: String,
    /// The object that was rendered, then what it may look up.
    pub documents: Vec<Value>,
    /// What came of it.
    pub rendered: Rendered,
}

/// A value of a field, and the best that came of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The value.
    pub value: Value,
    /// What came of it.
    pub outcome: Outcome,
    /// The answer, where one was usable.
    pub variation: Option<Variation>,
}

impl Trial {
    /// Whether the value shows.
    pub fn is_told(&self) -> bool {
        matches!(self.outcome, Outcome::Rendered | Outcome::NotHonoured(_))
    }
}

/// Whether further contexts tell nothing more: all values show; or one does, where not all can be tried anyway, and the
/// others are usable.
fn is_enough(leaf: &Leaf, trials: &[Trial]) -> bool {
    let is_tried = |trial: &Trial| trial.outcome != Outcome::Unusable;
    let one_of_many = !leaf.is_finite() && trials.iter().any(Trial::is_told) && trials.iter().all(is_tried);
    one_of_many || trials.iter().all(Trial::is_told) || leaf.is_finite() && is_forced(trials)
}

/// Whether all values but one are told as not honoured, or refused by name: the one that is left says what is so anyway.
pub fn is_forced(trials: &[Trial]) -> bool {
    let is_denied = |trial: &&Trial| matches!(trial.outcome, Outcome::NotHonoured(_) | Outcome::Refused(_));
    let mut left = trials.iter().filter(|trial| !is_denied(trial));
    left.next().is_some_and(|trial| trial.outcome == Outcome::Ignored) && left.next().is_none()
}

/// What is made once for a kind: the contexts, and the schema.
struct Known(Vec<Context>, Value);

impl Known {
    fn of(kind: Kind) -> Rc<Self> {
        Rc::new(Self(contexts(kind), kind.schema()))
    }
}

/// Renders documents.
pub type Render = dyn Fn(Kind, &[Value], &Around) -> Result<Rendered, Failure>;

/// Tries values.
pub struct Explorer {
    known: RefCell<BTreeMap<Kind, Rc<Known>>>,
    render: Box<Render>,
}

impl Default for Explorer {
    fn default() -> Self {
        Self::with(Box::new(render))
    }
}

impl Explorer {
    /// One that renders its own way.
    pub fn with(render: Box<Render>) -> Self {
        Self { known: RefCell::default(), render }
    }

    /// What comes of each value of a field, in contexts of a flavour.
    pub fn explore(&self, leaf: &Leaf, flavour: &str) -> Vec<Trial> {
        let known = self.known.borrow_mut().entry(leaf.kind).or_insert_with(|| Known::of(leaf.kind)).clone();
        let (known, schema) = (&known.0, &known.1);
        let values = leaf.values();
        let mut trials: Vec<_> = values
            .iter()
            .map(|value| Trial { value: value.clone(), outcome: Outcome::Unusable, variation: None })
            .collect();
        let contexts = known.iter().filter(|context| flavour.is_empty() || context.flavour == flavour);
        // A value that is there already is changed from another one; and what must be there is there before, too.
        let begins = if leaf.is_finite() { &values[..] } else { values.get(..1).unwrap_or_default() };
        let begins = begins.iter().map(Some);
        for begin in [None].into_iter().chain(begins) {
            for context in contexts.clone() {
                if is_enough(leaf, &trials) {
                    return trials;
                }
                self.explore_in(context, leaf, schema, begin, &mut trials);
            }
        }
        trials
    }

    fn explore_in(&self, context: &Context, leaf: &Leaf, schema: &Value, begin: Option<&Value>, trials: &mut [Trial]) {
        let mut before = context.clone();
        let Some(document) = before.documents.get_mut(before.at) else { return };
        for (beside, value) in companions(leaf.kind, &leaf.path) {
            match value {
                Some(value) => beside.put(document, schema, Some(value)),
                None => beside.remove(document),
            }
        }
        furnish(&mut before.documents, before.at, &leaf.path);
        self.put(&mut before, leaf, schema, begin);
        let settled = self.settle(&mut before);
        let Ok(base) = (self.render)(before.kind, &before.documents, &before.around) else { return };
        if base.kept.is_some() {
            return;
        }
        for trial in trials.iter_mut().filter(|trial| !trial.is_told()) {
            let mut after = before.clone();
            self.put(&mut after, leaf, schema, Some(&trial.value));
            if after.documents == before.documents {
                continue;
            }
            if settled && !self.settle(&mut after) {
                self.note_refusal(&after, leaf, trial);
                continue;
            }
            self.judge(after, &base, leaf, trial);
        }
    }

    fn judge(&self, after: Context, base: &Rendered, leaf: &Leaf, trial: &mut Trial) {
        let path = leaf.path.to_string();
        let answer = (self.render)(after.kind, &after.documents, &after.around);
        let (outcome, rendered) = match answer {
            Err(Failure::Invalid(errors)) => match errors.iter().find(|error| error.path == path) {
                Some(error) => return better(trial, Outcome::Refused(error.message.clone())),
                None => return,
            },
            Err(_) => return,
            Ok(rendered) => {
                if let Some(why) = rendered.refused().filter(|why| why.contains(&path)) {
                    return better(trial, Outcome::Refused(why.into()));
                }
                let outcome = match rendered.not_honoured(&path) {
                    _ if rendered.kept.is_some() => return self.note_refusal(&after, leaf, trial),
                    _ if rendered.differs(base) => Outcome::Rendered,
                    Some(why) => Outcome::NotHonoured(why),
                    None => Outcome::Ignored,
                };
                (outcome, rendered)
            }
        };
        if outcome > trial.outcome || trial.variation.is_none() {
            trial.variation = Some(Variation {
                kind: after.kind,
                of: leaf.kind,
                path,
                value: trial.value.clone(),
                case: after.case,
                documents: after.documents,
                rendered,
            });
        }
        better(trial, outcome);
    }

    /// A network that does not take a value says so in its conditions, and leaves its children as they are.
    fn note_refusal(&self, context: &Context, leaf: &Leaf, trial: &mut Trial) {
        if leaf.kind != Kind::Network {
            return;
        }
        let Ok(answer) = self.answer_of_network(context) else { return };
        let path = leaf.path.to_string();
        let naming = answer.kept.filter(|why| why.contains(&path));
        if let Some(why) = naming {
            better(trial, Outcome::Refused(why));
        }
    }

    /// Puts a value into the varied document; nothing makes the way only.
    fn put(&self, context: &mut Context, leaf: &Leaf, schema: &Value, value: Option<&Value>) {
        let Some(document) = context.documents.get_mut(context.at) else { return };
        let value = match value {
            Some(Value::String(text)) if leaf.path.fields().next() == Some("inline") => {
                Some(for_network(text, document).into())
            }
            other => other.cloned(),
        };
        leaf.path.put(document, schema, value);
    }

    fn answer_of_network(&self, context: &Context) -> Result<Rendered, Failure> {
        let mut documents = context.documents.clone();
        let network = documents.remove(context.at);
        documents.insert(0, network);
        (self.render)(Kind::Network, &documents, &Around::default())
    }

    /// Does for a network that others look at what the host would: its status and its ConfigMaps are there. Says
    /// whether the network's plugin took it.
    fn settle(&self, context: &mut Context) -> bool {
        if context.at == 0 {
            return false;
        }
        let Ok(answer) = self.answer_of_network(context) else { return false };
        if answer.kept.is_some() {
            return false;
        }
        context.documents[context.at]["status"] = answer.status;
        for child in answer.children {
            let is_it = |document: &Value| {
                ["kind", "apiVersion"].iter().all(|field| document[*field] == child[*field])
                    && ["name", "namespace"]
                        .iter()
                        .all(|field| document["metadata"][*field] == child["metadata"][*field])
            };
            context.documents.retain(|document| !is_it(document));
            context.documents.push(child);
        }
        true
    }
}

fn better(trial: &mut Trial, outcome: Outcome) {
    if outcome > trial.outcome {
        trial.outcome = outcome;
    }
}

/// Every leaf of every kind with each of its values that a context takes: by kind, leaf, flavour and value.
///
/// # Errors
/// When a kind has no variation at all.
pub fn variations() -> Result<Vec<Variation>> {
    let explorer = Explorer::default();
    let mut all = vec![];
    for kind in Kind::ALL {
        let before = all.len();
        for leaf in leaves(kind) {
            for flavour in flavours(&leaf) {
                all.extend(explorer.explore(&leaf, flavour).into_iter().filter_map(|trial| trial.variation));
            }
        }
        ensure!(all.len() > before, "no field of {} could be varied", kind.name());
    }
    Ok(all)
}
