//! Who may make blocks unseen, what clears them, and a person's word.

use std::collections::BTreeSet;
use std::fmt;

use opstack_sdk::kubernetes::Hash;

use super::decide::View;
use super::process::Process;
use super::record::{Mark, Record, Stage, written};
use super::seen::Sequencer;
use super::verdict::{Standing, Verdict};

/// One that may make blocks unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// Nothing is known of this sequencer.
    Unheard(String),
    /// A process that was active.
    Process(Process),
}

impl Suspect {
    /// `namespace/name` of the sequencer.
    pub fn name(&self) -> &str {
        match self {
            Self::Unheard(name) => name,
            Self::Process(process) => &process.sequencer,
        }
    }

    /// Name of the Node on which it runs, where that is known.
    pub fn machine(&self) -> Option<&str> {
        match self {
            Self::Unheard(_) => None,
            Self::Process(process) => process.machine.as_deref(),
        }
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unheard(name) => f.write_str(name),
            Self::Process(process) => process.fmt(f),
        }
    }
}

impl View<'_> {
    /// Takes in what is seen: heads, who is known to make no blocks, and which processes have ended. What was known stays known
    /// while a node is silent: it boots stopped, and nobody starts it but this operator.
    pub fn hear(&self, mut record: Record) -> Record {
        record.since = record.since.or(Some(self.now));
        self.note(&mut record);
        self.clear(&mut record);
        let starting = match &record.stage {
            Stage::Starting { candidate, .. } => Some(candidate.clone()),
            _ => None,
        };
        for node in &self.seen.nodes {
            if node.said().is_some_and(|said| said.active) {
                record.standbys.remove(&node.name);
                record.approved.remove(&node.name);
                self.suspect(&mut record, node);
            } else if starting.as_ref() != Some(&node.name) {
                // Whether a start has come to something is judged by its outcome, too.
                self.believe(&mut record, node);
            }
        }
        let previous = record.previous().map(ToString::to_string);
        let is_known = |name: &String| self.seen.node(name).is_some() || previous.as_ref() == Some(name);
        record.standbys.retain(is_known);
        record.approved.retain(is_known);
        record
    }

    /// Forgets processes that have ended. A sequencer of which none is left makes no blocks.
    fn clear(&self, record: &mut Record) {
        let (ended, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut record.processes).into_iter().partition(|process| process.has_ended(self.seen));
        record.processes = left;
        for Process { sequencer, .. } in ended {
            if !record.may_run(&sequencer) {
                record.standbys.insert(sequencer);
            }
        }
    }

    /// From now on this node's pod may make blocks, whatever it said before.
    pub fn suspect(&self, record: &mut Record, node: &Sequencer) {
        let Some(pod) = &node.pod else { return };
        let process = Process::of(&node.name, pod, self.seen);
        match record.processes.iter_mut().find(|known| known.uid == pod.uid) {
            Some(known) => {
                known.denied = None;
                known.restarts = known.restarts.max(process.restarts);
                // Where the machine was not known yet it may be by now.
                if known.boot.is_none() {
                    (known.machine, known.system, known.boot) = (process.machine, process.system, process.boot);
                }
            }
            None => record.processes.push(process),
        }
    }

    /// Takes in the word of a node that does not say that it makes blocks.
    fn believe(&self, record: &mut Record, node: &Sequencer) {
        let said = node.said();
        // The word of one pod says nothing of another one.
        let own = |process: &&mut Process| node.pod.as_ref().is_some_and(|pod| pod.uid == process.uid);
        for process in record.processes.iter_mut().filter(|process| process.sequencer == node.name) {
            match (own(&process), said) {
                (true, Some(said)) => _ = process.denied.get_or_insert(said.at),
                (true, None) => {}
                (false, _) => process.denied = None,
            }
        }
        // One that was never heard may have been started by somebody before, and its next pod says nothing of it.
        let is_known = record.standbys.contains(&node.name) || record.approved.contains(&node.name);
        if said.is_none() && !is_known && node.pod.as_ref().is_some_and(|pod| pod.runs && !pod.ended) {
            self.suspect(record, node);
        }
        let may_run = record.may_run(&node.name);
        let is_idle = node.gone && record.previous() != Some(&node.name);
        if may_run {
            record.standbys.remove(&node.name);
        } else if said.is_some() || is_idle {
            record.standbys.insert(node.name.clone());
            record.approved.remove(&node.name);
        }
    }

    /// Those that may make blocks unseen, but for the pod of `except`.
    pub fn suspects(&self, record: &Record, except: Option<&str>) -> Vec<Suspect> {
        let excepted = except.and_then(|name| self.seen.node(name)?.pod.as_ref()).map(|pod| pod.uid.as_str());
        let processes = record.processes.iter().filter(|process| process.denied.is_none());
        let processes = processes.filter(|process| excepted != Some(&process.uid));
        let mut suspects: Vec<_> = processes.cloned().map(Suspect::Process).collect();
        let all: BTreeSet<&str> =
            self.seen.nodes.iter().map(|node| node.name.as_str()).chain(record.previous()).collect();
        for name in all {
            let cleared = record.standbys.contains(name) || record.approved.contains(name) || except == Some(name);
            if !cleared && !suspects.iter().any(|suspect| suspect.name() == name) {
                suspects.push(Suspect::Unheard(name.into()));
            }
        }
        suspects
    }

    /// What a person is asked to vouch for: another one whenever something was begun or other processes are meant.
    fn nonce(&self, record: &Record, suspects: &[Suspect]) -> String {
        let mut named: Vec<_> = suspects.iter().map(ToString::to_string).collect();
        named.sort();
        let since = record.since.map(written).unwrap_or_default();
        let begin = Hash::of([self.seen.uid.as_str(), &record.epoch.to_string(), &since]);
        let hash = named.iter().fold(begin, |hash, name| hash.with(name)).to_string();
        format!("n{}", &hash[hash.len() - 16..])
    }

    /// Whether a person vouches for these, by the very word that was asked for in the status.
    pub fn is_approved(&self, record: &Record, suspects: &[Suspect]) -> bool {
        let nonce = self.nonce(record, suspects);
        let word = format!("{}/{nonce}", self.seen.uid);
        let is_asked = self.asked == Some(nonce.as_str()) && !self.seen.uid.is_empty();
        is_asked && self.seen.approval.as_deref() == Some(&word)
    }

    /// Asks for a person's word that these make no blocks, and says what else would prove it.
    pub fn ask(&self, record: &mut Record, suspects: &[Suspect], standing: Standing, why: &str) -> Verdict {
        let nonce = self.nonce(record, suspects);
        let word = format!("{}/{nonce}", self.seen.uid);
        if !self.seen.uid.is_empty() {
            record.nonce = Some(nonce);
        }
        Verdict { standing, ..Verdict::not_proven(suspects, &word, why) }
    }

    /// Takes a person's word. What is meant counts as stopped until it is heard.
    pub fn approve(&self, mut record: Record, suspects: &[Suspect]) -> (Record, String) {
        let names: Vec<_> = suspects.iter().map(ToString::to_string).collect();
        let message = format!("a person vouches that {} make no blocks", names.join(", "));
        for suspect in suspects {
            match suspect {
                Suspect::Unheard(_) => {}
                Suspect::Process(process) => record.processes.retain(|known| known.uid != process.uid),
            }
            record.approved.insert(suspect.name().into());
        }
        (record.next_epoch(), message)
    }

    /// Notes the highest block that was ever told: what the next sequencer must not fall behind. Of equal height that of the
    /// active one counts, which goes on from there.
    fn note(&self, record: &mut Record) {
        let active = record.active().map(ToString::to_string);
        for node in &self.seen.nodes {
            let Some((said, head)) = node.said().and_then(|said| Some((said, said.head.as_ref()?))) else { continue };
            let leads = said.active && active.as_deref() == Some(&node.name);
            let is_higher = record.head.as_ref().is_none_or(|mark| {
                head.number > mark.number || leads && head.number == mark.number && head.hash != mark.hash
            });
            if is_higher {
                record.head = Some(Mark { number: head.number, hash: head.hash.clone(), at: said.at });
            }
        }
    }
}
