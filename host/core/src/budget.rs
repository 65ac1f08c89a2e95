//! Budgets: how much one object, and all objects of a namespace, may want of what everybody shares.
//!
//! A plugin's answer says what its object wants. What is over a budget is refused as a whole, so that nothing of it is
//! done; what was granted before stays. Room is given in the order in which it is asked for, and who was refused is named
//! when some is given back.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::answer::{Answer, Children, Event};
use crate::blame::{Blame, Fault};
use crate::ids::ObjectKey;
use crate::policy::MAX_CHILDREN;

/// What is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// Objects that are made.
    Children,
    /// Secrets that are generated.
    Secrets,
    /// Questions to the chain.
    Questions,
    /// Pointers whose change wakes an object.
    Pointers,
    /// JSON-RPC calls with a side effect.
    Acts,
    /// Events: of one answer, and of a namespace in [`REFILL`].
    Events,
    /// Bytes of answers that are kept.
    AnswerBytes,
}

/// Reason of the condition of an object that is over a budget, after the word for who is to act.
pub const OVER_BUDGET: &str = "OverBudget";

/// An object may give [`BURST`] events at once, and its namespace as many as the budget says; both fill up again in this time.
pub const REFILL: Duration = Duration::from_secs(3600);
/// Events of one object.
const BURST: u32 = 50;

impl Item {
    /// All.
    pub const ALL: [Self; 7] =
        [Self::Children, Self::Secrets, Self::Questions, Self::Pointers, Self::Acts, Self::Events, Self::AnswerBytes];

    /// As in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Children => "children",
            Self::Secrets => "secrets",
            Self::Questions => "questions",
            Self::Pointers => "pointers",
            Self::Acts => "acts",
            Self::Events => "events",
            Self::AnswerBytes => "answer-bytes",
        }
    }
}

/// One budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of one object.
    pub per_object: usize,
    /// Of all objects of a namespace.
    pub per_namespace: usize,
}

/// All budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits(Vec<(Item, Limit)>);

impl Default for Limits {
    fn default() -> Self {
        let limit = |item| {
            let (per_object, per_namespace) = match item {
                Item::Children => (MAX_CHILDREN, 50_000),
                Item::Secrets => (64, 10_000),
                Item::Questions => (256, 10_000),
                Item::Pointers => (4096, 200_000),
                Item::Acts => (64, 1000),
                Item::Events => (16, 1000),
                Item::AnswerBytes => (4 * 1024 * 1024, 32 * 1024 * 1024),
            };
            (item, Limit { per_object, per_namespace })
        };
        Self(Item::ALL.map(limit).into())
    }
}

/// A setting that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no budget: give NAME=NUMBER, where NAME is one of {}", names())]
pub struct NoBudget {
    text: String,
}

fn names() -> String {
    let both = |item: Item| ["object", "namespace"].map(|scope| format!("{}-per-{scope}", item.name()));
    Item::ALL.map(both).concat().join(", ")
}

impl Limits {
    /// One of them.
    pub fn of(&self, item: Item) -> Limit {
        let found = self.0.iter().find(|(known, _)| *known == item);
        // All are there from the beginning.
        found.map_or(Limit { per_object: usize::MAX, per_namespace: usize::MAX }, |(_, limit)| *limit)
    }

    /// Changes one, by a setting such as `questions-per-namespace=2000`.
    ///
    /// # Errors
    /// [`NoBudget`].
    pub fn set(&mut self, text: &str) -> Result<(), NoBudget> {
        let no_budget = || NoBudget { text: text.into() };
        let (name, number) = text.split_once('=').ok_or_else(no_budget)?;
        let number: usize = number.parse().map_err(|_| no_budget())?;
        for (item, limit) in &mut self.0 {
            match name.strip_prefix(item.name()) {
                Some("-per-object") => limit.per_object = number,
                Some("-per-namespace") => limit.per_namespace = number,
                _ => continue,
            }
            return Ok(());
        }
        Err(no_budget())
    }
}

/// What an object wants, by item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand(Vec<(Item, usize)>);

impl Demand {
    /// What an answer wants. Children that stay as they are were counted before.
    pub fn of(answer: &Answer) -> Self {
        let mut wants = vec![
            (Item::Secrets, answer.secrets.len()),
            (Item::Questions, answer.probes.len()),
            (Item::Pointers, answer.probes.iter().map(|probe| probe.wake_on.len()).sum()),
            (Item::Acts, answer.actions.len()),
        ];
        if let Children::Apply(resources) = &answer.children {
            wants.push((Item::Children, resources.len()));
        }
        Self(wants)
    }

    fn get(&self, item: Item) -> Option<usize> {
        self.0.iter().find(|(known, _)| *known == item).map(|(_, count)| *count)
    }

    /// This, and of what it does not speak of as much as before.
    fn or(mut self, before: &Self) -> Self {
        let rest: Vec<_> = before.0.iter().filter(|(item, _)| self.get(*item).is_none()).copied().collect();
        self.0.extend(rest);
        self
    }
}

/// What is granted to whom.
#[derive(Debug, Default)]
pub struct Ledger {
    limits: Limits,
    tenants: HashMap<Arc<str>, Tenant>,
}

/// A namespace.
#[derive(Debug, Default)]
struct Tenant {
    granted: HashMap<ObjectKey, Demand>,
    /// Of all that are granted something.
    sums: HashMap<Item, usize>,
    refused: HashSet<ObjectKey>,
    events: Bucket,
    events_of: HashMap<ObjectKey, Bucket>,
}

impl Ledger {
    /// Nothing is granted yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, tenants: HashMap::new() }
    }

    /// Grants an object what its answer wants, in the place of what it was granted before. Gives those that were refused
    /// and may find room now.
    ///
    /// # Errors
    /// What it wants too much of. What it was granted before stays.
    pub fn claim(&mut self, owner: &ObjectKey, answer: &Answer) -> Result<Vec<ObjectKey>, Fault> {
        let demand = Demand::of(answer);
        let wants = demand.0.iter().copied().chain([(Item::Events, answer.events.len())]);
        for (item, wanted) in wants {
            let limit = self.limits.of(item).per_object;
            if wanted > limit {
                let over = Over { scope: "object", whose: owner.to_string(), item, wanted, limit };
                // This one had a name before there were budgets.
                let reason = if item == Item::Children { "TooManyObjects" } else { OVER_BUDGET };
                return Err(Fault::new(Blame::Plugin, reason, over.to_string()));
            }
        }
        let tenant = self.tenants.entry(owner.namespace.clone()).or_default();
        let before = tenant.granted.get(owner).cloned().unwrap_or_default();
        for (item, wanted) in &demand.0 {
            let (had, limit) = (before.get(*item).unwrap_or_default(), self.limits.of(*item).per_namespace);
            let wanted_by_all = tenant.granted_of(*item).saturating_sub(had) + wanted;
            if *wanted > had && wanted_by_all > limit {
                tenant.refused.insert(owner.clone());
                let whose = owner.namespace.to_string();
                let over = Over { scope: "namespace", whose, item: *item, wanted: wanted_by_all, limit };
                return Err(Fault::new(Blame::Spec, OVER_BUDGET, over.to_string()));
            }
        }
        let gives_back = demand.0.iter().any(|(item, wanted)| before.get(*item).is_some_and(|had| had > *wanted));
        tenant.refused.remove(owner);
        tenant.grant(owner, demand.or(&before));
        Ok(if gives_back { tenant.refused.drain().collect() } else { vec![] })
    }

    /// Takes back what an object was granted that is gone. Gives those that were refused and may find room now.
    pub fn release(&mut self, owner: &ObjectKey) -> Vec<ObjectKey> {
        let Some(tenant) = self.tenants.get_mut(&owner.namespace) else { return vec![] };
        let gave = tenant.take_back(owner);
        tenant.refused.remove(owner);
        tenant.events_of.remove(owner);
        let woken = if gave { tenant.refused.drain().collect() } else { vec![] };
        if tenant.granted.is_empty() && tenant.events_of.is_empty() && woken.is_empty() {
            self.tenants.remove(&owner.namespace);
        }
        woken
    }

    /// Those events that may be written `now`, by any clock that only goes forward. The last one that may says that
    /// more were held back.
    pub fn events(&mut self, owner: &ObjectKey, events: Vec<Event>, now: Duration) -> Vec<Event> {
        let per_namespace = u32::try_from(self.limits.of(Item::Events).per_namespace).unwrap_or(u32::MAX);
        let tenant = self.tenants.entry(owner.namespace.clone()).or_default();
        let bucket = tenant.events_of.entry(owner.clone()).or_default();
        let mut written = vec![];
        for event in events {
            let left = bucket.left(BURST, now).min(tenant.events.left(per_namespace, now));
            if left == 0 {
                break;
            }
            bucket.take(BURST, now);
            tenant.events.take(per_namespace, now);
            written.push(if left > 1 { event } else { held_back() });
        }
        written
    }

    /// How much of something a namespace was granted.
    pub fn granted(&self, namespace: &str, item: Item) -> usize {
        self.tenants.get(namespace).map_or(0, |tenant| tenant.granted_of(item))
    }
}

impl Tenant {
    fn granted_of(&self, item: Item) -> usize {
        self.sums.get(&item).copied().unwrap_or_default()
    }

    fn grant(&mut self, owner: &ObjectKey, demand: Demand) {
        self.take_back(owner);
        demand.0.iter().for_each(|(item, count)| *self.sums.entry(*item).or_default() += count);
        self.granted.insert(owner.clone(), demand);
    }

    fn take_back(&mut self, owner: &ObjectKey) -> bool {
        let Some(demand) = self.granted.remove(owner) else { return false };
        for (item, count) in demand.0 {
            let sum = self.sums.entry(item).or_default();
            *sum = sum.saturating_sub(count);
        }
        true
    }
}

fn held_back() -> Event {
    let message =
        "there were so many events that further ones are held back; conditions go on saying what is so".into();
    Event { warning: true, reason: "EventsHeldBack".into(), message }
}

/// A figure over its budget.
struct Over {
    scope: &'static str,
    whose: String,
    item: Item,
    wanted: usize,
    limit: usize,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, whose, item, wanted, limit } = self;
        let name = item.name();
        write!(
            f,
            "{whose} would have {wanted} {name}, and the budget of a {scope} is {limit}; nothing of the answer is done, and what exists stays. Delete objects or ask for less, or let the administrator raise --budget {name}-per-{scope}"
        )
    }
}

/// Events that may still be written.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// When the tokens that were taken will all be back.
    full_at: Duration,
}

impl Bucket {
    fn left(&self, size: u32, now: Duration) -> u32 {
        let missing = self.full_at.saturating_sub(now);
        let taken = missing.as_secs_f64() / REFILL.as_secs_f64() * f64::from(size);
        size.saturating_sub(taken.ceil() as u32)
    }

    fn take(&mut self, size: u32, now: Duration) {
        self.full_at = self.full_at.max(now) + REFILL / size.max(1);
    }
}

#[cfg(test)]
mod tests;
