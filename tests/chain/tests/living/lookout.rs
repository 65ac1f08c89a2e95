//! Asks several sequencers all the while whether they make blocks, and for their newest one.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use chain::{Layer, Site};
use l1::Rpc;
use serde_json::json;

const POLL: Duration = Duration::from_millis(200);
/// An op-node that lives answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks until it is concluded. Each sequencer is asked by a thread of its own, lest one that is lost delays the others.
pub struct Lookout {
    is_over: Arc<AtomicBool>,
    watchers: Vec<(&'static str, JoinHandle<Vec<Look>>)>,
}

/// What the sequencers answered, by their names.
pub struct Seen(Vec<(&'static str, Vec<Look>)>);

/// An answer of a sequencer. What it says was so at a moment between the question and the answer.
struct Look {
    asked: Instant,
    answered: Instant,
    is_active: bool,
    /// Height and hash of its newest block; nothing while it knows none but the first.
    head: Option<(u64, String)>,
}

impl Lookout {
    /// Begins to ask the op-nodes behind the Services of these nodes.
    pub fn start<const N: usize>(site: &Site, sequencers: [&'static str; N]) -> Result<Self> {
        let mut lookout = Self { is_over: Arc::default(), watchers: Vec::new() };
        for name in sequencers {
            let (sequencer, is_over) = (site.consensus(name)?, lookout.is_over.clone());
            lookout.watchers.push((name, thread::spawn(move || follow(sequencer.rpc(), &is_over))));
        }
        Ok(lookout)
    }

    /// Ends.
    pub fn conclude(mut self) -> Result<Seen> {
        self.is_over.store(true, Ordering::Relaxed);
        let seen = self.watchers.drain(..).map(|(name, watcher)| {
            let looks = watcher.join().map_err(|_| anyhow!("nobody has asked {name}"))?;
            ensure!(!looks.is_empty(), "{name} has never answered");
            Ok((name, looks))
        });
        seen.collect::<Result<_>>().map(Seen)
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn follow(rpc: &Rpc, is_over: &AtomicBool) -> Vec<Look> {
    let mut looks = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        looks.extend(look(rpc));
        thread::sleep(POLL);
    }
    looks
}

/// Nothing where nobody answers.
fn look(rpc: &Rpc) -> Option<Look> {
    let asked = Instant::now();
    let calls = ["admin_sequencerActive", "optimism_syncStatus"].map(|method| (method.to_owned(), json!([])));
    let answers = rpc.batch(&calls, PATIENCE).ok()?;
    let [active, status] = &answers[..] else { return None };
    let block = &status["result"]["unsafe_l2"];
    let height = block["number"].as_u64().filter(|height| *height > 0);
    let head = height.zip(block["hash"].as_str().map(ToString::to_string));
    Some(Look { asked, answered: Instant::now(), is_active: active["result"].as_bool()?, head })
}

impl Seen {
    /// How often they answered, and who made blocks, one after the other. No two did at any time.
    ///
    /// # Errors
    /// When two did, or nobody ever.
    pub fn one_at_a_time(&self) -> Result<(usize, Vec<&'static str>)> {
        let spans = |(name, looks): &(&'static str, Vec<Look>)| {
            spans(looks).into_iter().map(|span| (span, *name)).collect::<Vec<_>>()
        };
        let mut turns: Vec<_> = self.0.iter().flat_map(spans).collect();
        turns.sort_by_key(|(span, _)| span.start);
        for pair in turns.windows(2) {
            let [(one, first), (other, second)] = pair else { continue };
            ensure!(one.end <= other.start || first == second, "{first} and {second} made blocks at the same time");
        }
        let mut names: Vec<_> = turns.into_iter().map(|(_, name)| name).collect();
        names.dedup();
        ensure!(!names.is_empty(), "nobody made blocks");
        Ok((self.looks().count(), names))
    }

    /// How long the newest block of all stood still at most, around and within this time.
    pub fn stood_still(&self, within: &Range<Instant>) -> Duration {
        let height = |look: &Look| Some((look.answered, look.head.as_ref()?.0));
        let mut heads: Vec<_> = self.looks().filter_map(height).collect();
        heads.sort();
        let mut moves: Vec<(Instant, u64)> = Vec::new();
        for (at, height) in heads {
            if moves.last().is_none_or(|(_, last)| height > *last) {
                moves.push((at, height));
            }
        }
        let gaps = moves.windows(2).filter_map(|pair| {
            let [(from, _), (to, _)] = pair else { return None };
            (*from < within.end && *to > within.start).then(|| to.duration_since(*from))
        });
        gaps.max().unwrap_or_default()
    }

    /// Each block that any of them told as its newest one is still on the chain; how many there were.
    ///
    /// # Errors
    /// When a block was replaced by another.
    pub fn are_on(&self, chain: &Layer) -> Result<usize> {
        let told: BTreeSet<_> = self.looks().filter_map(|look| look.head.as_ref()).collect();
        for (height, hash) in &told {
            let now = chain.hash(*height)?;
            ensure!(hash.parse() == Ok(now), "block {height} was {hash} once and is {now}");
        }
        ensure!(told.len() > 1, "no block was made");
        Ok(told.len())
    }

    fn looks(&self) -> impl Iterator<Item = &Look> {
        self.0.iter().flat_map(|(_, looks)| looks)
    }
}

/// The times for which it is certain that a sequencer made blocks: between two answers that say so.
fn spans(looks: &[Look]) -> Vec<Range<Instant>> {
    let turns = looks.chunk_by(|one, next| one.is_active == next.is_active).filter(|turn| turn[0].is_active);
    turns
        .filter_map(|turn| {
            let [first, .., last] = turn else { return None };
            (first.answered < last.asked).then_some(first.answered..last.asked)
        })
        .collect()
}

#[test]
fn two_that_make_blocks_at_a_time_are_seen() {
    let began = Instant::now();
    // Each is asked once in a second, and answers at once.
    let looks = |answers: [bool; 6]| {
        let at = |second: usize| began + Duration::from_secs(second as u64);
        let look = |(second, is_active)| Look {
            asked: at(second),
            answered: at(second),
            is_active,
            head: Some((second as u64 / 3 + 1, String::new())),
        };
        answers.into_iter().enumerate().map(look).collect::<Vec<_>>()
    };
    let first = looks([true, true, true, false, false, false]);
    let after = Seen(vec![("first", first), ("second", looks([false, false, false, false, true, true]))]);
    assert_eq!(after.one_at_a_time().ok(), Some((12, vec!["first", "second"])));
    assert_eq!(after.stood_still(&(began..began + Duration::from_secs(1))), Duration::from_secs(3));
    let first = looks([true, true, true, false, false, false]);
    let beside = Seen(vec![("first", first), ("second", looks([false, true, true, true, false, false]))]);
    assert!(beside.one_at_a_time().is_err());
}
