//! Who asks what, what was answered, and whom that concerns. No task and no socket: all of it can be tested by hand.
//!
//! An owner is woken when what it would be shown differs, in its health or in a watched value, from what it was shown
//! last. So it doesn't matter when an answer comes, before or after the owner is looked at, or twice: no change is
//! missed, and none is told twice. Between a wake and the next look there is no second wake.

use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Observation, Probe};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cell::{Cell, Face, Measured, Wish};
use crate::inquiry::Inquiry;
use crate::kept::{Kept, Over, Stock};
use crate::sorted::Sorted;

#[cfg(test)]
mod tests;

/// How often a question is asked and how long its answer may take: the most that any of those who ask wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// What the board and the task that asks tell each other.
#[derive(Clone, Debug)]
pub(crate) struct Leash {
    /// The pace has changed.
    pub(crate) changed: Arc<Notify>,
    /// Nobody asks any more, or the prober ends.
    pub(crate) stop: CancellationToken,
}

/// What follows from a declaration.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// Questions that nobody has asked before.
    pub(crate) started: Vec<(Inquiry, Leash)>,
    /// Whether something is known already that the owner hasn't seen.
    pub(crate) wake: bool,
}

#[derive(Default)]
pub(crate) struct Board {
    inquiries: HashMap<Inquiry, Entry>,
    owners: HashMap<ObjectKey, Owner>,
    /// How much is kept of answers.
    stock: Stock,
    /// Ends all tasks.
    stop: CancellationToken,
}

struct Entry {
    pace: Pace,
    asked_by: Sorted<ObjectKey, ()>,
    /// By pod; the pod of what is no pod is empty.
    cells: Sorted<String, Cell>,
    /// Bytes that are kept of their answers.
    bytes: usize,
    /// The pods of the last round, once there was one.
    pods: Option<Box<[String]>>,
    leash: Leash,
}

impl Entry {
    /// Whether a first round came to its end, be it that there was nobody to ask.
    fn is_measured(&self) -> bool {
        match &self.pods {
            Some(pods) => pods.iter().all(|pod| self.cells.contains(pod)),
            None => !self.cells.is_empty(),
        }
    }
}

#[derive(Default)]
struct Owner {
    probes: Vec<Subscription>,
    /// It was woken and has not looked since.
    woken: bool,
    /// It was told that not all is measured, and is woken when it is.
    awaits: bool,
}

struct Subscription {
    wish: Wish,
    inquiry: Inquiry,
    shown: Sorted<String, Face>,
}

impl Owner {
    fn is_measured(&self, inquiries: &HashMap<Inquiry, Entry>) -> bool {
        let measured =
            |subscription: &Subscription| inquiries.get(&subscription.inquiry).is_some_and(Entry::is_measured);
        self.probes.iter().all(measured)
    }
}

impl Board {
    /// An empty board, whose tasks all end with `stop`.
    pub(crate) fn new(kept: Kept, stop: CancellationToken) -> Self {
        Self { stock: Stock::new(kept), stop, ..Self::default() }
    }

    /// Replaces an owner's probes. Those that stay as they were are not disturbed.
    pub(crate) fn declare(&mut self, key: &ObjectKey, probes: &[Probe], now: Instant) -> Declared {
        let probes: Vec<Probe> = probes.iter().cloned().map(Probe::clamped).collect();
        let mut known = self.owners.remove(key).unwrap_or_default();
        if known.probes.len() == probes.len()
            && known.probes.iter().zip(&probes).all(|(known, probe)| known.is_of(probe))
        {
            if !probes.is_empty() {
                self.owners.insert(key.clone(), known);
            }
            return Declared::default();
        }
        let mut touched: HashSet<_> = known.probes.iter().map(|subscription| subscription.inquiry.clone()).collect();
        let probes: Vec<_> =
            probes.into_iter().map(|probe| known.take(&probe).unwrap_or_else(|| self.subscribe(key, probe))).collect();
        touched.extend(probes.iter().map(|subscription| subscription.inquiry.clone()));
        if !probes.is_empty() {
            self.owners.insert(key.clone(), Owner { probes, woken: known.woken, awaits: known.awaits });
        }
        let started = touched.into_iter().filter_map(|inquiry| self.settle(key, inquiry)).collect();
        Declared { started, wake: self.must_wake(key, None, now) }
    }

    /// A subscription that was shown nothing yet.
    fn subscribe(&self, key: &ObjectKey, probe: Probe) -> Subscription {
        let inquiry = Inquiry::of(&key.namespace, &probe);
        // All who ask the same share what is asked.
        let inquiry = self.inquiries.get_key_value(&inquiry).map_or(inquiry, |(known, _)| known.clone());
        Subscription { wish: Wish::of(probe), inquiry, shown: Sorted::default() }
    }

    /// Makes one inquiry follow what an owner has now declared. Gives it if it is new.
    fn settle(&mut self, key: &ObjectKey, inquiry: Inquiry) -> Option<(Inquiry, Leash)> {
        let Self { inquiries, owners, stock, stop } = self;
        let wanted = owners.get(key).is_some_and(|owner| owner.asks(&inquiry));
        let Some(entry) = inquiries.get_mut(&inquiry) else {
            let asked_by = Sorted::from_iter([(key.clone(), ())]);
            let pace = pace(owners, &inquiry, &asked_by)?;
            let leash = Leash { changed: Arc::default(), stop: stop.child_token() };
            inquiries.insert(
                inquiry.clone(),
                Entry { pace, asked_by, cells: Sorted::default(), bytes: 0, pods: None, leash: leash.clone() },
            );
            return Some((inquiry, leash));
        };
        if wanted {
            entry.asked_by.insert(key.clone(), ());
        } else {
            entry.asked_by.remove(key);
        }
        match pace(owners, &inquiry, &entry.asked_by) {
            None => {
                entry.leash.stop.cancel();
                stock.change(inquiry.namespace(), entry.bytes, 0);
                inquiries.remove(&inquiry);
            }
            Some(pace) if pace != entry.pace => {
                entry.pace = pace;
                entry.leash.changed.notify_one();
            }
            Some(_) => {}
        }
        None
    }

    pub(crate) fn pace(&self, inquiry: &Inquiry) -> Option<Pace> {
        self.inquiries.get(inquiry).map(|entry| entry.pace)
    }

    /// All that is watched in the answers to this.
    pub(crate) fn watched(&self, inquiry: &Inquiry) -> Vec<String> {
        let Some(entry) = self.inquiries.get(inquiry) else { return vec![] };
        let asking = subscriptions(&self.owners, inquiry, &entry.asked_by);
        let pointers: BTreeSet<_> = asking.flat_map(|subscription| &subscription.wish.wake_on).collect();
        pointers.into_iter().cloned().collect()
    }

    /// Notes what an endpoint said. Gives whom to wake.
    pub(crate) fn record(&mut self, inquiry: &Inquiry, pod: &str, measured: Measured) -> Vec<ObjectKey> {
        let measured = match self.over(inquiry, pod, measured.bytes()) {
            Some(over) => measured.refused(over),
            None => measured,
        };
        let Some(entry) = self.inquiries.get_mut(inquiry) else { return vec![] };
        let (now, bytes) = (measured.at, measured.bytes());
        let before = entry.cells.get_mut(pod).map_or(0, |cell| cell.bytes());
        entry.bytes = (entry.bytes + bytes).saturating_sub(before);
        self.stock.change(inquiry.namespace(), before, bytes);
        match entry.cells.get_mut(pod) {
            Some(cell) => cell.update(measured),
            None => entry.cells.insert(pod.to_owned(), Cell::new(measured)),
        }
        self.review(inquiry, now)
    }

    /// Forgets endpoints that are gone. Gives whom to wake.
    pub(crate) fn keep(&mut self, inquiry: &Inquiry, pods: &BTreeSet<String>, now: Instant) -> Vec<ObjectKey> {
        let Some(entry) = self.inquiries.get_mut(inquiry) else { return vec![] };
        entry.cells.retain(|pod| pods.contains(pod));
        let before = std::mem::replace(&mut entry.bytes, entry.cells.values().map(Cell::bytes).sum());
        self.stock.change(inquiry.namespace(), before, entry.bytes);
        entry.pods = Some(pods.iter().cloned().collect());
        self.review(inquiry, now)
    }

    /// Which budget an endpoint's answer of so many bytes is over. One that any of those who ask has room for is kept.
    fn over(&self, inquiry: &Inquiry, pod: &str, bytes: usize) -> Option<Over> {
        let entry = self.inquiries.get(inquiry)?;
        let before = entry.cells.iter().find(|(known, _)| *known == pod).map_or(0, |(_, cell)| cell.bytes());
        if bytes <= before {
            return None;
        }
        let of = |key| self.owners.get(key).map_or(0, |owner| owner.bytes(&self.inquiries));
        let least = entry.asked_by.keys().map(of).min().unwrap_or_default();
        self.stock.over(inquiry.namespace(), least, before, bytes)
    }

    /// The budget that an owner's answers are over, if they are over one.
    pub(crate) fn over_budget(&self, key: &ObjectKey) -> Option<Over> {
        let asked = self.owners.get(key)?.probes.iter().filter_map(|probe| self.inquiries.get(&probe.inquiry));
        asked.flat_map(|entry| entry.cells.values()).find_map(Cell::over)
    }

    /// Bytes that are kept of answers.
    pub(crate) fn bytes(&self) -> usize {
        self.stock.total()
    }

    /// Names of the endpoints that were heard.
    pub(crate) fn heard(&self, inquiry: &Inquiry) -> Vec<String> {
        self.inquiries.get(inquiry).into_iter().flat_map(|entry| entry.cells.keys().cloned()).collect()
    }

    /// Whom to wake, of those who ask this.
    pub(crate) fn review(&mut self, inquiry: &Inquiry, now: Instant) -> Vec<ObjectKey> {
        let asked_by = self.inquiries.get(inquiry).into_iter().flat_map(|entry| entry.asked_by.keys());
        let asked_by: Vec<_> = asked_by.cloned().collect();
        asked_by.into_iter().filter(|key| self.must_wake(key, Some(inquiry), now)).collect()
    }

    /// Whether to wake an owner; if so, it counts as done. Looks at one inquiry, or at all.
    fn must_wake(&mut self, key: &ObjectKey, inquiry: Option<&Inquiry>, now: Instant) -> bool {
        let Self { inquiries, owners, .. } = self;
        let Some(owner) = owners.get_mut(key).filter(|owner| !owner.woken) else { return false };
        let mut looked_at =
            owner.probes.iter().filter(|subscription| inquiry.is_none_or(|inquiry| subscription.inquiry == *inquiry));
        let news = looked_at.any(|subscription| {
            let cells = inquiries.get(&subscription.inquiry).map(|entry| &entry.cells);
            cells.is_some_and(|cells| subscription.faces(cells, now) != subscription.shown)
        });
        let complete = owner.awaits && owner.is_measured(inquiries);
        // Said once.
        owner.awaits &= !complete;
        owner.woken = news || complete;
        owner.woken
    }

    /// Whether all that an owner asks was asked at least once. If not, it is woken when it was.
    pub(crate) fn is_measured(&mut self, key: &ObjectKey) -> bool {
        let Self { inquiries, owners, .. } = self;
        let Some(owner) = owners.get_mut(key) else { return true };
        owner.awaits = !owner.is_measured(inquiries);
        !owner.awaits
    }

    /// The next moment, after this one, at which time alone makes something stale.
    pub(crate) fn next_stale(&self, inquiry: &Inquiry, now: Instant) -> Option<Instant> {
        let entry = self.inquiries.get(inquiry)?;
        let asking = subscriptions(&self.owners, inquiry, &entry.asked_by);
        let intervals: BTreeSet<_> = asking.map(|subscription| subscription.wish.interval).collect();
        let moments = intervals.iter().flat_map(|interval| entry.cells.values().map(|cell| cell.stale_at(*interval)));
        moments.filter(|moment| *moment > now).min()
    }

    /// What an owner is shown now. From here on it is woken for what differs from this.
    pub(crate) fn observations(&mut self, key: &ObjectKey, now: Instant) -> Vec<Observation> {
        let Self { inquiries, owners, .. } = self;
        let Some(owner) = owners.get_mut(key) else { return vec![] };
        owner.woken = false;
        let mut observations = vec![];
        for subscription in &mut owner.probes {
            let Some(entry) = inquiries.get(&subscription.inquiry) else { continue };
            subscription.shown = subscription.faces(&entry.cells, now);
            let seen = entry.cells.iter().map(|(pod, cell)| cell.observation(&subscription.wish, pod, now));
            observations.extend(seen);
        }
        observations
    }

    /// Numbers of owners and of questions.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.owners.len(), self.inquiries.len())
    }
}

/// The shortest interval and the longest timeout: nobody's question is cut short by another's impatience.
fn pace(owners: &HashMap<ObjectKey, Owner>, inquiry: &Inquiry, asked_by: &Sorted<ObjectKey, ()>) -> Option<Pace> {
    let paces = subscriptions(owners, inquiry, asked_by)
        .map(|Subscription { wish, .. }| Pace { interval: wish.interval, timeout: wish.timeout });
    paces.reduce(|a, b| Pace { interval: a.interval.min(b.interval), timeout: a.timeout.max(b.timeout) })
}

/// All that ask one thing.
fn subscriptions<'a>(
    owners: &'a HashMap<ObjectKey, Owner>,
    inquiry: &'a Inquiry,
    asked_by: &'a Sorted<ObjectKey, ()>,
) -> impl Iterator<Item = &'a Subscription> {
    let owners = asked_by.keys().filter_map(|key| owners.get(key));
    owners.flat_map(|owner| &owner.probes).filter(move |subscription| subscription.inquiry == *inquiry)
}

impl Owner {
    /// Bytes that are kept of the answers to what it asks.
    fn bytes(&self, inquiries: &HashMap<Inquiry, Entry>) -> usize {
        let asked: HashSet<_> = self.probes.iter().map(|subscription| &subscription.inquiry).collect();
        asked.into_iter().filter_map(|inquiry| inquiries.get(inquiry)).map(|entry| entry.bytes).sum()
    }

    fn asks(&self, inquiry: &Inquiry) -> bool {
        self.probes.iter().any(|subscription| subscription.inquiry == *inquiry)
    }

    /// The subscription that there was for the same probe.
    fn take(&mut self, probe: &Probe) -> Option<Subscription> {
        let at = self.probes.iter().position(|known| known.is_of(probe))?;
        Some(self.probes.swap_remove(at))
    }
}

impl Subscription {
    fn is_of(&self, probe: &Probe) -> bool {
        self.wish.is_of(probe) && *self.inquiry.target() == probe.target && *self.inquiry.question() == probe.question
    }

    fn faces(&self, cells: &Sorted<String, Cell>, now: Instant) -> Sorted<String, Face> {
        cells.iter().map(|(pod, cell)| (pod.clone(), cell.face(&self.wish, now))).collect()
    }
}
