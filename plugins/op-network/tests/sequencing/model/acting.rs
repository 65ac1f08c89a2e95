//! Operators ask, decide, call and write.

use op_network::sequencing::decide::{Act, Decision, decide};
use op_network::sequencing::process::{Machine, Pod};
use op_network::sequencing::record::Record;
use op_network::sequencing::seen::{Block, Ended, Millis, Outcome, Said, Seen, Sequencer, Word};
use opstack_sdk::opstack::sequencing::SequencingStatus;

use super::{Api, CALL, Call, Fault, LEASE, NAMES, STRANGER, TERM, Told, World, hash};
use crate::operator::{Operator, Written};

impl World {
    /// Each is asked every five seconds, not all at once.
    pub(super) fn ask(&mut self, leader: usize, second: u64) {
        for at in 0..NAMES.len() {
            let present = self.present(at);
            if second % 5 != at as u64 {
                if present.is_none() {
                    self.operators[leader].words[at] = Word::Unheard;
                }
                continue;
            }
            let word = match present.map(|present| &self.processes[present]) {
                None => Word::Unheard,
                Some(process) if process.cut || !self.is_reachable(process) => Word::Silent("no answer".into()),
                Some(process) => {
                    let hash = hash(process.hash);
                    let head = Block { number: process.number, hash, time: process.made / 1000 };
                    let l1_time = second - if process.behind_l1 { 600 } else { 12 };
                    Word::Said(Said { at: self.now, active: process.active, head: Some(head), l1_time })
                }
            };
            if let Word::Said(Said { head: Some(head), .. }) = &word {
                self.told = self.told.max(head.number);
            }
            self.operators[leader].words[at] = word;
        }
    }

    pub(super) fn operate(&mut self, leader: usize) {
        if self.now >= self.operators[leader].blind_until {
            self.operators[leader].picture = self.api.clone();
        }
        let mut decision = self.decide(leader);
        let begun = &self.operators[leader].begun;
        let is_new = decision.acts.iter().any(|act| !begun.contains(&act.id(decision.record.epoch)));
        if is_new && self.rules.fresh {
            self.operators[leader].picture = self.api.clone();
            decision = self.decide(leader);
        }
        let declared: Vec<_> = decision.acts.iter().map(|act| act.id(decision.record.epoch)).collect();
        let operator = &mut self.operators[leader];
        operator.standing = Some(decision.verdict.standing);
        operator.begun.retain(|id| declared.contains(id));
        operator.ended.retain(|id, _| declared.contains(id));
        let written = Written {
            by: leader,
            version: operator.picture.version,
            uid: operator.picture.uid,
            status: SequencingStatus::from(&decision.record),
        };
        let begun = operator.begun.clone();
        for (act, id) in decision.acts.into_iter().zip(declared).filter(|(_, id)| !begun.contains(id)) {
            self.operators[leader].begun.push(id.clone());
            self.send(leader, act, id);
        }
        match self.next_status.take() {
            Some(Fault::NotWritten) => {}
            Some(Fault::LateStatus(seconds)) => self.statuses.push((self.now + seconds * 1000, written)),
            _ => self.write(written),
        }
    }

    /// Statuses that were under way arrive.
    pub(super) fn deliver(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.statuses).into_iter().partition(|(at, _)| *at <= self.now);
        self.statuses = later;
        due.into_iter().for_each(|(_, written)| self.write(written));
    }

    fn write(&mut self, written: Written) {
        let Written { by, version, uid, status } = written;
        if uid != self.api.uid || self.rules.versions && version != self.api.version {
            // A conflict: it looks again.
            self.operators[by].picture = self.api.clone();
            return;
        }
        if self.api.status.as_ref() != Some(&status) {
            self.api.status = Some(status);
            self.api.version += 1;
        }
        // The answer to a write enters the cache.
        let picture = &mut self.operators[by].picture;
        (picture.status, picture.version) = (self.api.status.clone(), self.api.version);
    }

    fn decide(&self, leader: usize) -> Decision {
        let operator = &self.operators[leader];
        let mut record = operator.picture.status.clone().map(Record::from).unwrap_or_default();
        if !self.rules.heads {
            record.head = None;
        }
        let mut seen = self.see(operator);
        if !self.rules.word && operator.picture.annotation.is_some() {
            // Whatever was approved once counts again.
            let nonce = record.nonce.clone().unwrap_or_default();
            seen.approval = Some(format!("{}/{nonce}", seen.uid));
        }
        decide(&self.policy, record, &seen)
    }

    /// What an operator sees, by its picture of the cluster and what it was told.
    fn see(&self, operator: &Operator) -> Seen {
        let Api { pods, machines, uid, annotation, .. } = &operator.picture;
        let pod = |told: &Told| {
            let uid = if self.rules.identity { told.uid.to_string() } else { NAMES[told.sequencer].to_string() };
            let ended = told.ended || !self.rules.absence && told.gone;
            let machine = Some(format!("m{}", told.machine));
            Pod { uid, machine, restarts: if self.rules.identity { told.restarts } else { 0 }, runs: told.runs, ended }
        };
        let mut nodes: Vec<_> = (0..NAMES.len())
            .map(|at| {
                let present = pods.iter().find(|told| told.sequencer == at && !told.gone);
                Sequencer {
                    name: NAMES[at].into(),
                    eligible: true,
                    wanted: true,
                    gone: present.is_none(),
                    pod: present.map(pod),
                    word: operator.words[at].clone(),
                }
            })
            .collect();
        if !self.rules.consent {
            nodes.push(self.stranger());
        }
        // Only what was deleted lately is known.
        let recent = pods.iter().rev().take(12).rev();
        let machines = machines.iter().enumerate().map(|(at, told)| Machine {
            name: format!("m{at}"),
            system: Some(if self.rules.systems { told.system.to_string() } else { "any".into() }),
            boot: Some(format!("{}-{}", told.system, told.boot)),
            out_of_service: told.out_of_service,
        });
        Seen {
            now: Some(self.now),
            nodes,
            pods: recent.map(pod).filter(|pod| self.rules.identity || pod.ended).collect(),
            machines: machines.collect(),
            ended: operator.ended.values().cloned().collect(),
            uid: uid.to_string(),
            approval: annotation.clone(),
        }
    }

    /// It has what everybody wants, by its own word.
    fn stranger(&self) -> Sequencer {
        let head = Block { number: self.number() + 1_000, hash: hash(1 << 50), time: self.now / 1000 };
        let said = Said { at: self.now, active: false, head: Some(head), l1_time: self.now / 1000 };
        let pod = Some(Pod { uid: "x".into(), runs: true, ..Pod::default() });
        Sequencer { name: STRANGER.into(), eligible: true, wanted: true, gone: false, pod, word: Word::Said(said) }
    }

    /// The precondition, then the call.
    fn send(&mut self, by: usize, act: Act, id: String) {
        let (Act::Stop(name) | Act::Start(name, _)) = &act;
        let Some(at) = NAMES.iter().position(|known| known == name) else {
            self.broken.get_or_insert(format!("{name} is called, which has no consent"));
            return;
        };
        let wanted = matches!(act, Act::Stop(_));
        let present = self.present(at).map(|present| &self.processes[present]);
        let heard = present.filter(|process| !process.cut && self.is_reachable(process));
        if heard.is_none_or(|process| process.active != wanted) {
            return self.end(by, &id, Outcome::NotDone("precondition: it is not so".into()));
        }
        match self.next_call.take() {
            Some(Fault::Refused) => self.end(by, &id, Outcome::NotDone("error -32000: no".into())),
            Some(Fault::Late(seconds)) => self.call(by, id, act, seconds * 1000, true),
            Some(Fault::Paused(seconds)) => {
                // The process stands still: another one leads when it goes on, and what it knew of its term is over.
                if seconds * 1000 > TERM {
                    (self.leader, self.idle_until) = (1 - by, self.now + LEASE);
                    self.operators[by].forget();
                    self.operators[1 - by].forget();
                }
                if seconds * 1000 <= TERM || !self.rules.fence {
                    self.call(by, id, act, seconds * 1000, true);
                }
            }
            lost => self.call(by, id, act, 0, lost == Some(Fault::AnswerLost)),
        }
    }

    fn call(&mut self, by: usize, id: String, act: Act, after: Millis, lost: bool) {
        let told = self.now + if lost { CALL } else { 0 };
        self.under_way.push(Call { by, id, act, arrives: self.now + after, told, lost });
        self.arrive();
    }

    fn end(&mut self, by: usize, id: &str, outcome: Outcome) {
        let now = self.now;
        let operator = &mut self.operators[by];
        if operator.begun.iter().any(|begun| begun == id) {
            operator.ended.insert(id.into(), Ended { id: id.into(), at: now, outcome });
        }
    }

    /// Calls arrive and are told of, each in its time.
    pub(super) fn arrive(&mut self) {
        for mut call in std::mem::take(&mut self.under_way) {
            if self.now >= call.arrives {
                call.arrives = Millis::MAX;
                let outcome = self.carry_out(&call.act);
                if !call.lost {
                    self.end(call.by, &call.id, outcome);
                    continue;
                }
            }
            if call.lost && self.now >= call.told {
                call.told = Millis::MAX;
                self.end(call.by, &call.id, Outcome::Unknown("unknown: no answer".into()));
            }
            if call.arrives != Millis::MAX || call.told != Millis::MAX {
                self.under_way.push(call);
            }
        }
    }

    /// As op-node does it.
    fn carry_out(&mut self, act: &Act) -> Outcome {
        let (Act::Stop(name) | Act::Start(name, _)) = act;
        let at = NAMES.iter().position(|known| known == name).unwrap();
        let present = self.present(at).filter(|present| self.is_reachable(&self.processes[*present]));
        let Some(present) = present else { return Outcome::Unknown("unknown: broken".into()) };
        let (newest, told, allowed) = (self.newest(), self.told, self.policy.allow_loss);
        let process = &mut self.processes[present];
        match act {
            Act::Stop(_) if !process.active => Outcome::NotDone("error -32000: sequencer not running".into()),
            Act::Stop(_) => {
                process.active = false;
                Outcome::Done(Some(hash(process.hash)))
            }
            Act::Start(..) if process.active => Outcome::NotDone("error -32000: sequencer already running".into()),
            Act::Start(_, from) if *from != hash(process.hash) => {
                Outcome::NotDone("error -32000: block hash does not match".into())
            }
            Act::Start(..) => {
                process.active = true;
                self.starts += 1;
                let number = process.number;
                if number < newest.max(told) && !allowed {
                    let lost = format!("{name} goes on from block {number}; {newest} is there, {told} was told");
                    self.broken.get_or_insert(lost);
                }
                if allowed {
                    self.told = number;
                }
                Outcome::Done(None)
            }
        }
    }
}
