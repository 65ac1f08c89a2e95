//! Asks each sequencer all the while whether it makes blocks, and for its newest one, and finds what must not be.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use oracle::chain::ask;
use serde_json::{Value, json};

/// How often each is asked.
const PACE: Duration = Duration::from_millis(100);

/// One answer of a sequencer: it was so at some moment in between.
#[derive(Clone, Copy)]
struct Answer {
    asked: Instant,
    answered: Instant,
    active: bool,
}

#[derive(Default)]
struct Seen {
    /// The last two answers of each.
    last: BTreeMap<usize, [Option<Answer>; 2]>,
    /// Blocks that were told by one that made them.
    blocks: BTreeMap<u64, String>,
    answers: u64,
    turns: Vec<usize>,
    broken: Option<String>,
}

/// The answers of all.
pub struct Lookout {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Lookout {
    pub fn start(addresses: Vec<Ipv4Addr>) -> Self {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let threads = addresses.into_iter().enumerate().map(|(at, address)| {
            let (seen, stop) = (seen.clone(), stop.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    look(at, address, &seen);
                    thread::sleep(PACE);
                }
            })
        });
        Self { threads: threads.collect(), seen, stop }
    }

    /// What must not be and was.
    pub fn broken(&self) -> Option<String> {
        locked(&self.seen).broken.clone()
    }

    /// Figures of it all.
    pub fn conclude(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        let seen = locked(&self.seen);
        assert_eq!(seen.broken, None);
        format!(
            "{} answers, {} turns, 0 moments with two active; {} blocks were told, of none there were two",
            seen.answers,
            seen.turns.len(),
            seen.blocks.len()
        )
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(at: usize, address: Ipv4Addr, seen: &Mutex<Seen>) {
    let asked = Instant::now();
    let Ok(Value::Bool(active)) = ask(address, "admin_sequencerActive", json!([])) else {
        locked(seen).last.remove(&at);
        return;
    };
    let answer = Answer { asked, answered: Instant::now(), active };
    let head = active.then(|| ask(address, "optimism_syncStatus", json!([])).ok()).flatten();
    let mut seen = locked(seen);
    seen.answers += 1;
    let [_, last] = seen.last.get(&at).copied().unwrap_or_default();
    seen.last.insert(at, [last, Some(answer)]);
    if active && seen.turns.last() != Some(&at) {
        seen.turns.push(at);
    }
    seen.judge(at);
    if let Some(head) = head {
        seen.note(at, &head["unsafe_l2"]);
    }
}

impl Seen {
    /// One that said twice in a row that it makes blocks made them in between as well. Another one must not have said so there.
    fn judge(&mut self, at: usize) {
        let Some([Some(first), Some(second)]) = self.last.get(&at) else { return };
        if !(first.active && second.active) {
            return;
        }
        let between =
            |answer: &Answer| answer.active && answer.asked > first.answered && answer.answered < second.asked;
        let others = self.last.iter().filter(|(other, _)| **other != at);
        let beside = others.flat_map(|(other, answers)| answers.iter().flatten().map(move |answer| (*other, answer)));
        if let Some((other, _)) = beside.into_iter().find(|(_, answer)| between(answer)) {
            self.broken.get_or_insert(format!("sequencers {at} and {other} made blocks at the same time"));
        }
    }

    /// No block that was told is replaced.
    fn note(&mut self, at: usize, block: &Value) {
        let (Some(number), Some(hash)) = (block["number"].as_u64(), block["hash"].as_str()) else { return };
        let known = self.blocks.entry(number).or_insert_with(|| hash.to_string());
        if known != hash {
            let broken = format!("block {number} was {known}, and sequencer {at} tells {hash}");
            self.broken.get_or_insert(broken);
        }
    }
}
