//! The board against a model that recomputes everything from what was said: no change is missed, none is told twice.

use super::*;
use crate::failure::Failure;
use crate::question::Answer;
use opstack_core::ids::GroupKind;
use opstack_core::probe::{Question, Target};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SECOND: Duration = Duration::from_secs(1);
const PODS: [&str; 2] = ["node-0", "node-1"];

/// What can happen.
#[derive(Clone, Debug)]
enum Event {
    /// An owner asks these questions, watching the value or not.
    Declare(usize, Vec<(usize, bool)>),
    /// A pod gives this value, or fails, when asked this question.
    Said(usize, usize, Option<u8>),
    /// Only these pods are left.
    Left(usize, Vec<usize>),
    /// An owner is looked at.
    Look(usize),
    /// Tenths of a second pass.
    Pass(u8),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (0..3_usize, prop::collection::vec((0..2_usize, any::<bool>()), 0..3)).prop_map(|(o, p)| Event::Declare(o, p)),
        (0..2_usize, 0..2_usize, prop::option::weighted(0.8, 0..3_u8)).prop_map(|(q, p, v)| Event::Said(q, p, v)),
        (0..2_usize, prop::collection::vec(0..2_usize, 0..2)).prop_map(|(q, pods)| Event::Left(q, pods)),
        (0..3_usize).prop_map(Event::Look),
        (0..20_u8).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 0..60)
}

fn owner(number: usize) -> ObjectKey {
    ObjectKey::new(GroupKind::new("g", "K"), "ns", &number.to_string())
}

fn probe(question: usize, watches: bool) -> Probe {
    Probe {
        id: format!("{question}-{watches}"),
        target: Target::Url("http://node".into()),
        question: Question::Metrics(vec![question.to_string()]),
        interval: SECOND,
        timeout: SECOND,
        wake_on: if watches { vec!["/v".into()] } else { vec![] },
    }
}

/// What a look shows of one probe and one pod: good, stale, and the value if it is watched.
type View = BTreeMap<(String, String), (bool, bool, Option<Value>)>;

/// What was said last by question and pod: when, what, and when something good was said last.
type Said = BTreeMap<(usize, usize), (Option<u8>, Instant)>;

#[derive(Default)]
struct Model {
    declared: BTreeMap<usize, Vec<(usize, bool)>>,
    said: Said,
    /// By owner, for the probes it has kept since.
    shown: BTreeMap<usize, View>,
    woken: BTreeSet<usize>,
}

impl Model {
    fn view(&self, owner: usize, now: Instant) -> View {
        let probes = self.declared.get(&owner).into_iter().flatten();
        let seen = probes.flat_map(|(question, watches)| {
            let pods = (0..PODS.len()).filter_map(|pod| Some((pod, self.said.get(&(*question, pod))?)));
            pods.map(|(pod, (value, good))| {
                let watched = value.filter(|_| *watches).map(|value| json!(value));
                let face = (value.is_some(), now >= *good + 3 * SECOND, watched);
                ((probe(*question, *watches).id, PODS[pod].to_owned()), face)
            })
        });
        seen.collect()
    }

    /// Who must be woken now.
    fn due(&mut self, now: Instant) -> BTreeSet<usize> {
        let owners: Vec<_> = self.declared.keys().copied().collect();
        let differs = |owner: &usize| self.view(*owner, now) != self.shown.get(owner).cloned().unwrap_or_default();
        let due: BTreeSet<_> = owners.into_iter().filter(|o| !self.woken.contains(o)).filter(differs).collect();
        self.woken.extend(&due);
        due
    }

    fn declare(&mut self, owner: usize, probes: Vec<(usize, bool)>) {
        let ids: BTreeSet<_> = probes.iter().map(|(question, watches)| probe(*question, *watches).id).collect();
        self.shown.entry(owner).or_default().retain(|(id, _), _| ids.contains(id));
        if probes.is_empty() {
            self.declared.remove(&owner);
            self.shown.remove(&owner);
            self.woken.remove(&owner);
        } else {
            self.declared.insert(owner, probes);
        }
        let asked: BTreeSet<_> = self.declared.values().flatten().map(|(question, _)| *question).collect();
        self.said.retain(|(question, _), _| asked.contains(question));
    }
}

fn measured(value: Option<u8>, at: Instant) -> Measured {
    let answer = match value {
        Some(value) => {
            let value = json!({"v": value});
            Ok(Answer::of(value.to_string().into(), &["/v".into()]))
        }
        None => Err(Failure::Status(500).to_string().into()),
    };
    Measured { at, epoch: 0, answer, over: None }
}

fn asked(model: &Model, question: usize) -> bool {
    model.declared.values().flatten().any(|(known, _)| *known == question)
}

proptest! {
    #[test]
    fn owners_are_woken_for_what_they_have_not_seen_and_for_nothing_else(events in events()) {
        let (mut board, mut model, mut now) = (Board::default(), Model::default(), Instant::now());
        let inquiry = |question| Inquiry::of(&"ns".into(), &probe(question, false));
        for event in events {
            let mut woken = BTreeSet::new();
            match event {
                Event::Declare(number, mut probes) => {
                    probes.sort_unstable();
                    probes.dedup();
                    let declared: Vec<_> = probes.iter().map(|(question, watches)| probe(*question, *watches)).collect();
                    if board.declare(&owner(number), &declared, now).wake {
                        woken.insert(number);
                    }
                    model.declare(number, probes);
                }
                Event::Said(question, pod, value) => {
                    let keys = board.record(&inquiry(question), PODS[pod], measured(value, now));
                    woken.extend(keys.iter().map(|key| key.name.parse::<usize>().unwrap()));
                    if asked(&model, question) {
                        let last = model.said.entry((question, pod)).or_insert((value, now));
                        *last = (value, if value.is_some() { now } else { last.1 });
                    }
                }
                Event::Left(question, pods) => {
                    let names = pods.iter().map(|pod| PODS[*pod].to_owned()).collect();
                    let keys = board.keep(&inquiry(question), &names, now);
                    woken.extend(keys.iter().map(|key| key.name.parse::<usize>().unwrap()));
                    model.said.retain(|(known, pod), _| *known != question || pods.contains(pod));
                }
                Event::Look(number) => {
                    let seen = board.observations(&owner(number), now);
                    prop_assert_eq!(seen.len(), model.view(number, now).len());
                    model.shown.insert(number, model.view(number, now));
                    model.woken.remove(&number);
                }
                Event::Pass(tenths) => now += Duration::from_millis(100) * tenths.into(),
            }
            // The tasks review at the moments that the board names; here, always.
            for question in 0..2 {
                let keys = board.review(&inquiry(question), now);
                woken.extend(keys.iter().map(|key| key.name.parse::<usize>().unwrap()));
                let next = board.next_stale(&inquiry(question), now);
                prop_assert!(next.is_none_or(|next| next > now && next <= now + 3 * SECOND));
            }
            prop_assert_eq!(woken, model.due(now));
            let questions = (0..2).filter(|question| asked(&model, *question)).count();
            prop_assert_eq!(board.sizes(), (model.declared.len(), questions));
        }
    }
}

#[test]
fn the_pace_is_the_shortest_interval_and_the_longest_timeout() {
    let (mut board, now) = (Board::default(), Instant::now());
    let asks = |interval: u32, timeout: u32| Probe {
        interval: SECOND * interval,
        timeout: SECOND * timeout,
        ..probe(0, true)
    };
    let inquiry = Inquiry::of(&"ns".into(), &probe(0, true));
    let started = board.declare(&owner(0), &[asks(10, 1)], now).started;
    assert_eq!(started.len(), 1);
    assert!(board.declare(&owner(1), &[asks(5, 2)], now).started.is_empty());
    assert_eq!(board.pace(&inquiry), Some(Pace { interval: 5 * SECOND, timeout: 2 * SECOND }));
    board.declare(&owner(1), &[], now);
    assert_eq!(board.pace(&inquiry), Some(Pace { interval: 10 * SECOND, timeout: SECOND }));
    board.declare(&owner(0), &[], now);
    assert_eq!(board.pace(&inquiry), None);
    assert!(started[0].1.stop.is_cancelled());
}

#[test]
fn who_waits_for_the_first_round_is_woken_by_its_end_even_if_nobody_was_there() {
    let (mut board, now, first) = (Board::default(), Instant::now(), owner(0));
    assert!(board.is_measured(&first), "it asks nothing");
    let started = board.declare(&first, &[probe(0, false), probe(1, false)], now).started;
    let [one, other] = [0, 1].map(|index| started[index].0.clone());
    assert!(!board.is_measured(&first));
    assert!(board.keep(&one, &BTreeSet::new(), now).is_empty(), "the other question is open");
    let pods = BTreeSet::from([PODS[0].to_owned()]);
    assert!(board.keep(&other, &pods, now).is_empty(), "the pod has not answered");
    assert_eq!(board.record(&other, PODS[0], measured(None, now)), std::slice::from_ref(&first));
    board.observations(&first, now);
    assert!(board.is_measured(&first));
    assert!(board.review(&other, now).is_empty(), "it is told once");
}
