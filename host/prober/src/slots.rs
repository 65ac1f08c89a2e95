//! Slots shared by namespace: however many one namespace wants, another finds one free.
//!
//! A namespace may take another slot while it holds fewer than are free. So one alone gets half of them, and two that want
//! all get a third each. A few slots are each namespace's own, beside those that are shared: they are there at once
//! however many others want all. Among those that wait, the namespace goes first that has held slots for the least time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// When so many namespaces are known, those that owe nothing are forgotten.
const MANY_SHARES: usize = 1024;

/// What is to be expected of the use of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A short one.
    Prompt,
    /// It is not known.
    Untried,
    /// A long one.
    Hung,
}

const CLASSES: [Class; 3] = [Class::Prompt, Class::Untried, Class::Hung];

impl Class {
    /// Slots of this class are at most this part of a namespace's: those that are slow leave some to those that are not.
    fn part(self) -> usize {
        match self {
            Self::Prompt => 1,
            Self::Untried => 2,
            Self::Hung => 4,
        }
    }
}

/// A number of slots.
#[derive(Clone)]
pub(crate) struct Slots(Arc<Mutex<State>>);

struct State {
    /// Those that are shared.
    total: usize,
    /// Those that a namespace has for itself.
    own: usize,
    /// Those in use, of both.
    used: usize,
    /// Times are counted from here.
    begun: Instant,
    /// The next number in line.
    next: u64,
    /// The least time held of a namespace that was served last: who comes back from rest begins here, and so can neither
    /// be made to wait for what others did meanwhile nor save up its rest.
    pace: Duration,
    shares: HashMap<Arc<str>, Share>,
}

#[derive(Default)]
struct Share {
    prompt: Queue,
    untried: Queue,
    hung: Queue,
    /// Time for which slots were held that are back.
    held: Duration,
    /// Sum of the moments at which those in use were taken.
    taken: Duration,
}

#[derive(Default)]
struct Queue {
    used: usize,
    waiting: BTreeMap<u64, oneshot::Sender<Slot>>,
}

/// A slot in use. Goes back when dropped.
pub(crate) struct Slot {
    slots: Slots,
    namespace: Arc<str>,
    class: Class,
    taken: Duration,
}

/// A place in line, given up when dropped.
struct Place<'a> {
    slots: &'a Slots,
    namespace: &'a Arc<str>,
    class: Class,
    number: u64,
}

impl Slots {
    /// So many for all, and so many more for each.
    pub(crate) fn new(total: usize, own: usize) -> Self {
        let (begun, shares) = (Instant::now(), HashMap::new());
        let state = State { total: total.max(1), own, used: 0, begun, next: 0, pace: Duration::ZERO, shares };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a slot.
    pub(crate) async fn take(&self, namespace: &Arc<str>, class: Class) -> Slot {
        loop {
            let (sender, receiver) = oneshot::channel();
            let number = self.lock().join(namespace, class, sender);
            let _place = Place { slots: self, namespace, class, number };
            self.serve();
            // The sender is in the line until it is served, so this is a slot.
            if let Ok(slot) = receiver.await {
                return slot;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives slots to those whose turn it is.
    fn serve(&self) {
        let mut served = vec![];
        {
            let mut state = self.lock();
            while let Some((namespace, class, taken, sender)) = state.next() {
                served.push((sender, Slot { slots: self.clone(), namespace, class, taken }));
            }
        }
        // Outside of the lock: a slot that nobody waits for any more goes back by itself.
        served.into_iter().for_each(|(sender, slot)| drop(sender.send(slot)));
    }
}

impl State {
    fn join(&mut self, namespace: &Arc<str>, class: Class, sender: oneshot::Sender<Slot>) -> u64 {
        if self.shares.len() >= MANY_SHARES {
            let pace = self.pace;
            self.shares.retain(|_, share| !share.is_idle() || share.held > pace);
        }
        let (number, pace) = (self.next, self.pace);
        self.next += 1;
        let share = self.shares.entry(namespace.clone()).or_default();
        if share.is_idle() {
            share.held = share.held.max(pace);
        }
        share.queue(class).waiting.insert(number, sender);
        number
    }

    /// Takes a slot for the one whose turn it is, if anybody may have one.
    fn next(&mut self) -> Option<(Arc<str>, Class, Duration, oneshot::Sender<Slot>)> {
        let (free, now) = (self.total.saturating_sub(self.used), self.begun.elapsed());
        let turns = self.shares.iter().filter_map(|(namespace, share)| {
            let (number, class) = share.first(free, self.own)?;
            Some((share.held_by(now), number, class, namespace.clone()))
        });
        let (held, number, class, namespace) = turns.min_by_key(|(held, number, ..)| (*held, *number))?;
        let share = self.shares.get_mut(&namespace)?;
        let sender = share.queue(class).waiting.remove(&number)?;
        share.queue(class).used += 1;
        share.taken += now;
        self.used += 1;
        self.pace = self.pace.max(held);
        Some((namespace, class, now, sender))
    }

    fn give_back(&mut self, slot: &Slot) {
        self.used = self.used.saturating_sub(1);
        let now = self.begun.elapsed();
        let Some(share) = self.shares.get_mut(&slot.namespace) else { return };
        let queue = share.queue(slot.class);
        queue.used = queue.used.saturating_sub(1);
        share.taken = share.taken.saturating_sub(slot.taken);
        share.held += now.saturating_sub(slot.taken);
        self.forget(&slot.namespace);
    }

    /// Forgets a namespace that holds nothing, waits for nothing and owes nothing.
    fn forget(&mut self, namespace: &Arc<str>) {
        if self.shares.get(namespace).is_some_and(|share| share.is_idle() && share.held <= self.pace) {
            self.shares.remove(namespace);
        }
    }
}

impl Share {
    fn queues(&self) -> [&Queue; 3] {
        [&self.prompt, &self.untried, &self.hung]
    }

    fn queue(&mut self, class: Class) -> &mut Queue {
        match class {
            Class::Prompt => &mut self.prompt,
            Class::Untried => &mut self.untried,
            Class::Hung => &mut self.hung,
        }
    }

    fn used(&self) -> usize {
        self.queues().iter().map(|queue| queue.used).sum()
    }

    fn is_idle(&self) -> bool {
        self.queues().iter().all(|queue| queue.used == 0 && queue.waiting.is_empty())
    }

    /// Time for which slots were held, those in use included.
    fn held_by(&self, now: Duration) -> Duration {
        let used = u32::try_from(self.used()).unwrap_or(u32::MAX);
        self.held + now.saturating_mul(used).saturating_sub(self.taken)
    }

    /// The first in line that may have one of so many free slots, or of its own.
    fn first(&self, free: usize, own: usize) -> Option<(u64, Class)> {
        let used = self.used();
        if used >= free.max(own) {
            return None;
        }
        // What it holds when it can take no more.
        let room = ((used + free) / 2).max(own);
        let queues = self.queues().into_iter().zip(CLASSES);
        let open = queues.filter(|(queue, class)| queue.used < (room / class.part()).max(1));
        open.filter_map(|(queue, class)| Some((*queue.waiting.first_key_value()?.0, class))).min_by_key(|turn| turn.0)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().give_back(self);
        self.slots.serve();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        if let Some(share) = state.shares.get_mut(self.namespace) {
            share.queue(self.class).waiting.remove(&self.number);
        }
        state.forget(self.namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::time::advance;

    fn namespace(number: usize) -> Arc<str> {
        number.to_string().into()
    }

    fn take(slots: &Slots, namespace: &Arc<str>) -> Option<Slot> {
        slots.take(namespace, Class::Prompt).now_or_never()
    }

    // Outside of a runtime, which would let one task take only so many in a row.
    #[test]
    fn each_namespace_that_wants_all_leaves_half_of_the_rest_and_their_own_to_the_others() {
        let (slots, mut held, mut counts) = (Slots::new(64, 4), vec![], vec![]);
        for number in 0..100 {
            let before = held.len();
            held.extend(std::iter::from_fn(|| take(&slots, &namespace(number))));
            counts.push(held.len() - before);
        }
        assert_eq!(counts.get(..4), Some([32, 16, 8, 4].as_slice()));
        assert!(counts.iter().all(|count| *count >= 4), "{counts:?}");
        drop(held);
        assert_eq!(slots.lock().used, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_held_slots_for_the_least_time_goes_first() {
        let slots = Slots::new(2, 0);
        let [hog, other, third] = [0, 1, 3].map(namespace);
        let first = take(&slots, &hog).unwrap();
        let second = take(&slots, &other).unwrap();
        advance(Duration::from_secs(30)).await;
        drop(second);
        let second = take(&slots, &namespace(2)).unwrap();
        // All are taken. The one that has the hog's slot came first in line, and has held slots for longer.
        let mut line = [slots.take(&hog, Class::Prompt).boxed(), slots.take(&third, Class::Prompt).boxed()];
        assert!(line.iter_mut().all(|waits| waits.now_or_never().is_none()));
        drop(first);
        let [hog_waits, newcomer] = &mut line;
        assert!(hog_waits.now_or_never().is_none());
        assert!(newcomer.now_or_never().is_some());
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn rest_is_not_saved_up() {
        let slots = Slots::new(4, 0);
        let [busy, rests] = [0, 1].map(namespace);
        drop(take(&slots, &rests));
        for _ in 0..100 {
            let slot = take(&slots, &busy).unwrap();
            advance(Duration::from_secs(10)).await;
            drop(slot);
        }
        let _slot = take(&slots, &rests).unwrap();
        let state = slots.lock();
        let held = |namespace| state.shares.get(namespace).map(|share| share.held).unwrap_or_default();
        assert!(held(&rests) >= Duration::from_secs(900), "{:?} behind {:?}", held(&rests), held(&busy));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_line_is_not_waited_for() {
        let slots = Slots::new(1, 0);
        let first = take(&slots, &namespace(0)).unwrap();
        for number in 1..100 {
            assert!(take(&slots, &namespace(number)).is_none());
        }
        assert_eq!(slots.lock().shares.len(), 1, "a place in line goes with who stood there");
        drop(first);
        assert!(take(&slots, &namespace(0)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_uses_leave_slots_to_quick_ones_of_the_same_namespace() {
        let slots = Slots::new(64, 0);
        let mine = namespace(0);
        let all = |class| std::iter::from_fn(|| slots.take(&mine, class).now_or_never()).collect::<Vec<_>>();
        let (hung, untried) = (all(Class::Hung), all(Class::Untried));
        let prompt = all(Class::Prompt);
        assert_eq!((hung.len(), untried.len(), prompt.len()), (8, 16, 8));
    }
}
