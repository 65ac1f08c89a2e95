//! A model of sequencers that hang, restart, are cut off, refuse and are slow, and of an operator that decides, crashes and
//! goes on from what it wrote down. Time passes in seconds.

use op_network::sequencing::decide::{Act, Policy, decide};
use op_network::sequencing::record::Record;
use op_network::sequencing::seen::{Block, Ended, Millis, Outcome, Said, Seen, Sequencer, Word};
use opstack_sdk::opstack::sequencing::SequencingStatus;
use std::collections::BTreeMap;

const START: Millis = 1_705_314_600_000;
pub const NAMES: [&str; 3] = ["ns/a", "ns/b", "ns/c"];
const CALL: Millis = 5_000;
const BLOCK_SECONDS: u64 = 2;

/// What can go wrong next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator can't reach it, or can again; it goes on.
    Cut(usize),
    /// Other sequencers can't reach it, or can again.
    Isolated(usize),
    /// It makes no blocks although it is active, or does again.
    Stalled(usize),
    /// It loses sight of L1, or sees it again.
    BehindL1(usize),
    /// It answers nothing and makes nothing, or does again.
    Hangs(usize),
    /// Its pod ends, and another one comes after so many seconds.
    Restarts(usize, u64),
    /// The next call is done, and its answer lost.
    AnswerLost,
    /// The next call arrives so many seconds late, and its answer is lost.
    Late(u64),
    /// The next call is refused.
    Refused,
    /// The operator forgets all that is not written down.
    Crash,
    /// The next decision can't be written down.
    NotWritten,
}

#[derive(Clone, Debug)]
struct Node {
    active: bool,
    number: u64,
    hash: String,
    made: Millis,
    /// Until then there is no pod.
    away_until: Option<Millis>,
    cut: bool,
    isolated: bool,
    stalled: bool,
    behind_l1: bool,
    hangs: bool,
    word: Word,
}

#[derive(Clone, Debug)]
struct Call {
    id: String,
    act: Act,
    arrives: Millis,
    /// When the operator hears, and whether the answer is lost.
    told: Millis,
    lost: bool,
}

pub struct World {
    pub policy: Policy,
    now: Millis,
    nodes: Vec<Node>,
    status: Option<SequencingStatus>,
    ended: BTreeMap<String, Ended>,
    /// Begun by this process of the operator.
    begun: Vec<String>,
    under_way: Vec<Call>,
    next_call: Option<Fault>,
    not_written: bool,
    blocks: u64,
    /// The newest block that any sequencer has made.
    tip: (u64, String),
    /// What was broken.
    pub broken: Option<String>,
}

impl World {
    pub fn new(policy: Policy) -> Self {
        let genesis = (0, hash(1 << 40));
        let node = Node {
            active: false,
            number: genesis.0,
            hash: genesis.1.clone(),
            made: START,
            away_until: None,
            cut: false,
            isolated: false,
            stalled: false,
            behind_l1: false,
            hangs: false,
            word: Word::Unheard,
        };
        Self {
            policy,
            now: START,
            nodes: vec![node; NAMES.len()],
            status: None,
            ended: BTreeMap::new(),
            begun: vec![],
            under_way: vec![],
            next_call: None,
            not_written: false,
            blocks: 0,
            tip: genesis,
            broken: None,
        }
    }

    pub fn number(&self) -> u64 {
        self.tip.0
    }

    pub fn active(&self) -> usize {
        self.nodes.iter().filter(|node| node.active).count()
    }

    /// What is written down.
    pub fn told(&self) -> &Option<SequencingStatus> {
        &self.status
    }

    pub fn suffer(&mut self, fault: Fault) {
        let now = self.now;
        match fault {
            Fault::Cut(at) => self.nodes[at].cut ^= true,
            Fault::Isolated(at) => self.nodes[at].isolated ^= true,
            Fault::Stalled(at) => self.nodes[at].stalled ^= true,
            Fault::BehindL1(at) => self.nodes[at].behind_l1 ^= true,
            Fault::Hangs(at) => self.nodes[at].hangs ^= true,
            Fault::Restarts(at, seconds) => {
                let node = &mut self.nodes[at];
                node.active = false;
                node.hangs = false;
                node.away_until = Some(now + seconds * 1000);
            }
            Fault::AnswerLost | Fault::Late(_) | Fault::Refused => self.next_call = Some(fault),
            Fault::Crash => {
                self.ended.clear();
                self.begun.clear();
                self.nodes.iter_mut().for_each(|node| node.word = Word::Unheard);
            }
            Fault::NotWritten => self.not_written = true,
        }
    }

    /// Somebody starts one.
    pub fn start_by_hand(&mut self, at: usize) {
        self.nodes[at].active = true;
    }

    /// All is well from here on.
    pub fn mend(&mut self) {
        for node in &mut self.nodes {
            (node.cut, node.isolated, node.stalled, node.behind_l1, node.hangs) = (false, false, false, false, false);
        }
        (self.next_call, self.not_written) = (None, false);
    }

    /// A second passes.
    pub fn step(&mut self) {
        self.now += 1000;
        let second = self.now / 1000;
        for node in &mut self.nodes {
            if node.away_until.is_some_and(|until| self.now >= until) {
                node.away_until = None;
            }
        }
        self.arrive();
        if second.is_multiple_of(BLOCK_SECONDS) {
            self.make_blocks();
        }
        self.sync();
        self.judge();
        self.ask(second);
        self.operate();
        self.judge();
    }

    fn judge(&mut self) {
        if self.active() > 1 {
            self.broken.get_or_insert(format!("{} make blocks at {}", self.active(), self.now));
        }
    }

    fn make_blocks(&mut self) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            if !node.active || node.stalled || node.hangs || node.behind_l1 {
                continue;
            }
            self.blocks += 1;
            let (number, hash) = (node.number + 1, hash(self.blocks));
            let node = &mut self.nodes[at];
            (node.number, node.hash, node.made) = (number, hash.clone(), self.now);
            self.tip = (number, hash);
        }
    }

    /// Those that can reach each other have the newest block of any of them.
    fn sync(&mut self) {
        let reachable = |node: &Node| !node.isolated && !node.hangs && node.away_until.is_none();
        let best = self.nodes.iter().filter(|node| reachable(node)).max_by_key(|node| node.number).cloned();
        let Some(best) = best else { return };
        for node in self.nodes.iter_mut().filter(|node| reachable(node) && !node.active && node.number < best.number) {
            (node.number, node.hash, node.made) = (best.number, best.hash.clone(), best.made);
        }
    }

    /// Each is asked every five seconds, not all at once.
    fn ask(&mut self, second: u64) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            if node.away_until.is_some() {
                node.word = Word::Unheard;
            } else if second % 5 == at as u64 {
                node.word = if node.cut || node.hangs {
                    Word::Silent("no answer".into())
                } else {
                    let head = Block { number: node.number, hash: node.hash.clone(), time: node.made / 1000 };
                    let l1_time = second - if node.behind_l1 { 600 } else { 12 };
                    Word::Said(Said { at: self.now, active: node.active, head: Some(head), l1_time })
                };
            }
        }
    }

    fn operate(&mut self) {
        let nodes = self.nodes.iter().zip(NAMES).map(|(node, name)| Sequencer {
            name: name.into(),
            eligible: true,
            wanted: true,
            gone: node.away_until.is_some(),
            word: node.word.clone(),
        });
        let seen = Seen {
            now: Some(self.now),
            nodes: nodes.collect(),
            ended: self.ended.values().cloned().collect(),
            approval: None,
        };
        let record = self.status.clone().map(Record::from).unwrap_or_default();
        let decision = decide(&self.policy, record, &seen);
        let declared: Vec<_> = decision.acts.iter().map(|act| act.id(decision.record.epoch)).collect();
        self.begun.retain(|id| declared.contains(id));
        self.ended.retain(|id, _| declared.contains(id));
        for (act, id) in decision.acts.into_iter().zip(declared) {
            if !self.begun.contains(&id) {
                self.begun.push(id.clone());
                self.send(act, id);
            }
        }
        if !std::mem::take(&mut self.not_written) {
            self.status = Some(SequencingStatus::from(&decision.record));
        }
    }

    /// The precondition, then the call.
    fn send(&mut self, act: Act, id: String) {
        let (Act::Stop(name) | Act::Start(name, _)) = &act;
        let node = &self.nodes[place(name)];
        let wanted = matches!(act, Act::Stop(_));
        let heard = !node.cut && !node.hangs && node.away_until.is_none();
        if !heard || node.active != wanted {
            return self.end(&id, Outcome::NotDone("precondition: it is not so".into()));
        }
        match self.next_call.take() {
            Some(Fault::Refused) => self.end(&id, Outcome::NotDone("error -32000: no".into())),
            Some(Fault::Late(seconds)) => self.call(id, act, seconds * 1000, true),
            lost => self.call(id, act, 0, lost == Some(Fault::AnswerLost)),
        }
    }

    fn call(&mut self, id: String, act: Act, after: Millis, lost: bool) {
        let told = self.now + if lost { CALL } else { 0 };
        self.under_way.push(Call { id, act, arrives: self.now + after, told, lost });
        self.arrive();
    }

    fn end(&mut self, id: &str, outcome: Outcome) {
        if self.begun.iter().any(|begun| begun == id) {
            self.ended.insert(id.into(), Ended { id: id.into(), at: self.now, outcome });
        }
    }

    /// Calls arrive and are told of, each in its time.
    fn arrive(&mut self) {
        for mut call in std::mem::take(&mut self.under_way) {
            if self.now >= call.arrives {
                call.arrives = Millis::MAX;
                let outcome = self.carry_out(&call.act);
                if !call.lost {
                    self.end(&call.id, outcome);
                    continue;
                }
            }
            if call.lost && self.now >= call.told {
                call.told = Millis::MAX;
                self.end(&call.id, Outcome::Unknown("unknown: no answer".into()));
            }
            if call.arrives != Millis::MAX || call.told != Millis::MAX {
                self.under_way.push(call);
            }
        }
    }

    /// As op-node does it.
    fn carry_out(&mut self, act: &Act) -> Outcome {
        let (Act::Stop(name) | Act::Start(name, _)) = act;
        let at = place(name);
        let node = &mut self.nodes[at];
        if node.away_until.is_some() || node.hangs {
            return Outcome::Unknown("unknown: broken".into());
        }
        match act {
            Act::Stop(_) if !node.active => Outcome::NotDone("error -32000: sequencer not running".into()),
            Act::Stop(_) => {
                node.active = false;
                Outcome::Done(Some(node.hash.clone()))
            }
            Act::Start(..) if node.active => Outcome::NotDone("error -32000: sequencer already running".into()),
            Act::Start(_, hash) if *hash != node.hash => {
                Outcome::NotDone("error -32000: block hash does not match".into())
            }
            Act::Start(_, hash) => {
                node.active = true;
                if *hash != self.tip.1 && !self.policy.allow_loss {
                    let lost = format!("{name} goes on from block {}, and {} was made", node.number, self.tip.0);
                    self.broken.get_or_insert(lost);
                }
                Outcome::Done(None)
            }
        }
    }
}

fn place(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).unwrap()
}

fn hash(number: u64) -> String {
    format!("0x{number:064x}")
}
