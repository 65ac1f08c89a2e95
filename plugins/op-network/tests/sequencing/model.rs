//! A model of sequencers, their pods and machines, the API server, and two operators that decide, crash, fall behind and go on from
//! what is written down. Time passes in seconds.
//!
//! What is true (processes and the blocks that they have) is apart from what the API server tells (pods, Nodes, a status), and that
//! from what an operator has seen of it. [`Rules`] turns single rules off, to see that the model notices.

mod acting;
mod fault;
mod suffer;

use op_network::sequencing::decide::{Act, Policy};
use op_network::sequencing::seen::Millis;
use op_network::sequencing::verdict::Standing;
use opstack_sdk::opstack::sequencing::SequencingStatus;

use super::operator::{Operator, Written};

pub use fault::{Fault, RULES, Rules};

const START: Millis = 1_705_314_600_000;
pub const NAMES: [&str; 3] = ["ns/a", "ns/b", "ns/c"];
/// A node of another namespace that names the network, and has no consent.
pub const STRANGER: &str = "other/x";
const MACHINES: usize = 4;
const CALL: Millis = 5_000;
/// For so long the holder of the Lease is sure of it.
const TERM: Millis = 12_000;
/// And after so long another takes it.
const LEASE: Millis = 15_000;
const BLOCK_SECONDS: u64 = 2;

/// A process that runs, or is about to.
#[derive(Clone, Debug)]
struct Process {
    sequencer: usize,
    uid: u32,
    machine: usize,
    active: bool,
    number: u64,
    hash: u64,
    made: Millis,
    /// Until then it does not run.
    away_until: Option<Millis>,
    cut: bool,
    isolated: bool,
    stalled: bool,
    behind_l1: bool,
    hangs: bool,
}

#[derive(Clone, Debug)]
struct Host {
    lost: bool,
    system: u32,
    boot: u32,
}

/// A pod as the API server tells of it.
#[derive(Clone, Debug)]
struct Told {
    sequencer: usize,
    uid: u32,
    machine: usize,
    restarts: u32,
    runs: bool,
    ended: bool,
    /// Its object is deleted; this is what it was last.
    gone: bool,
}

/// A Node as the API server tells of it.
#[derive(Clone, Debug, Default)]
struct ToldMachine {
    system: u32,
    boot: u32,
    out_of_service: bool,
}

/// What is in the API server.
#[derive(Clone, Debug)]
pub struct Api {
    pub version: u64,
    pub status: Option<SequencingStatus>,
    uid: u32,
    annotation: Option<String>,
    pods: Vec<Told>,
    machines: Vec<ToldMachine>,
}

#[derive(Clone, Debug)]
struct Call {
    by: usize,
    id: String,
    act: Act,
    arrives: Millis,
    /// When the operator hears, and whether the answer is lost.
    told: Millis,
    lost: bool,
}

pub struct World {
    pub policy: Policy,
    rules: Rules,
    now: Millis,
    processes: Vec<Process>,
    machines: Vec<Host>,
    /// Pods that come, and when, with the blocks of the one before.
    coming: Vec<(Millis, Process)>,
    api: Api,
    operators: [Operator; 2],
    leader: usize,
    both_until: Millis,
    /// Until then nobody leads: the Lease of one that stands still has to run out.
    idle_until: Millis,
    under_way: Vec<Call>,
    next_call: Option<Fault>,
    next_status: Option<Fault>,
    statuses: Vec<(Millis, Written)>,
    uids: u32,
    blocks: u64,
    /// The highest block that an operator that leads was told.
    told: u64,
    by_hand: bool,
    /// What was broken.
    pub broken: Option<String>,
    /// How often a sequencer was started.
    pub starts: u64,
}

impl World {
    pub fn new(policy: Policy, rules: Rules) -> Self {
        let machines = vec![Host { lost: false, system: 1, boot: 1 }; MACHINES];
        let machines = machines.into_iter().zip(1..).map(|(host, system)| Host { system, ..host }).collect::<Vec<_>>();
        let told = machines.iter().map(|host| ToldMachine { system: host.system, boot: 1, out_of_service: false });
        let api = Api { version: 1, status: None, uid: 1, annotation: None, pods: vec![], machines: told.collect() };
        let mut world = Self {
            policy,
            rules,
            now: START,
            processes: vec![],
            machines,
            coming: vec![],
            operators: [Operator::new(&api), Operator::new(&api)],
            api,
            leader: 0,
            both_until: 0,
            idle_until: 0,
            under_way: vec![],
            next_call: None,
            next_status: None,
            statuses: vec![],
            uids: 0,
            blocks: 0,
            told: 0,
            by_hand: false,
            broken: None,
            starts: 0,
        };
        for sequencer in 0..NAMES.len() {
            let process = Process {
                sequencer,
                uid: 0,
                machine: sequencer,
                active: false,
                number: 0,
                hash: 1 << 40,
                made: START,
                away_until: None,
                cut: false,
                isolated: false,
                stalled: false,
                behind_l1: false,
                hangs: false,
            };
            world.comes(process);
        }
        world
    }

    pub fn number(&self) -> u64 {
        self.processes.iter().map(|process| process.number).max().unwrap_or(0)
    }

    /// The newest block of all that makes blocks or may come back: of a process that ended without a pod it is gone.
    fn newest(&self) -> u64 {
        let is_known = |uid: u32| self.api.pods.iter().any(|pod| pod.uid == uid && !pod.gone);
        let there = self.processes.iter().filter(|process| process.active || is_known(process.uid));
        there.map(|process| process.number).max().unwrap_or(0)
    }

    pub fn active(&self) -> usize {
        self.processes.iter().filter(|process| process.active).count()
    }

    /// What is written down.
    pub fn told(&self) -> &Option<SequencingStatus> {
        &self.api.status
    }

    /// What is said of it.
    pub fn standing(&self) -> Option<Standing> {
        self.operators[self.leader].standing
    }

    /// A pod comes on a machine that is there, with the blocks that its claim has.
    fn comes(&mut self, mut process: Process) {
        self.uids += 1;
        (process.uid, process.active, process.away_until) = (self.uids, false, None);
        let free = (0..MACHINES).map(|at| (process.machine + at) % MACHINES);
        let serves = |at: &usize| !self.machines[*at].lost && !self.api.machines[*at].out_of_service;
        process.machine = free.clone().find(serves).unwrap_or(process.machine);
        let Process { sequencer, uid, machine, .. } = process;
        self.api.pods.push(Told { sequencer, uid, machine, restarts: 0, runs: true, ended: false, gone: false });
        self.processes.push(process);
    }

    /// The process of a sequencer's present pod.
    fn present(&self, sequencer: usize) -> Option<usize> {
        let pod = self.api.pods.iter().find(|pod| pod.sequencer == sequencer && !pod.gone)?;
        self.processes.iter().position(|process| process.uid == pod.uid)
    }

    fn is_reachable(&self, process: &Process) -> bool {
        !process.hangs && process.away_until.is_none() && !self.machines[process.machine].lost
    }

    /// A second passes.
    pub fn step(&mut self) {
        self.now += 1000;
        let second = self.now / 1000;
        self.begin();
        self.arrive();
        if second.is_multiple_of(BLOCK_SECONDS) {
            self.make_blocks();
        }
        self.sync();
        self.judge();
        let both = self.now < self.both_until;
        let leaders = [self.leader, 1 - self.leader].into_iter().take(if both { 2 } else { 1 });
        for leader in leaders.filter(|_| self.now >= self.idle_until).collect::<Vec<_>>() {
            self.ask(leader, second);
            self.operate(leader);
        }
        self.deliver();
        self.judge();
    }

    /// Pods come, and containers start again.
    fn begin(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.coming).into_iter().partition(|(at, _)| *at <= self.now);
        self.coming = later;
        due.into_iter().for_each(|(_, process)| self.comes(process));
        for at in 0..self.processes.len() {
            let process = &mut self.processes[at];
            if process.away_until.is_some_and(|until| self.now >= until) {
                process.away_until = None;
            }
            let (uid, machine, runs) = (process.uid, process.machine, process.away_until.is_none());
            let told = self.api.pods.iter_mut().find(|pod| pod.uid == uid && !pod.gone);
            if let Some(pod) = told.filter(|_| !self.machines[machine].lost)
                && runs
                && pod.ended
            {
                (pod.ended, pod.runs, pod.restarts) = (false, true, pod.restarts + 1);
            }
        }
        // A machine that was switched off and is there again starts its pods.
        let idle: Vec<_> =
            self.api.pods.iter().filter(|pod| !pod.gone && !self.machines[pod.machine].lost).cloned().collect();
        for pod in idle {
            if self.processes.iter().all(|process| process.uid != pod.uid) {
                let like = self.processes.iter().max_by_key(|process| process.number).cloned();
                let Some(like) = like else { continue };
                let away_until = Some(self.now + 5_000);
                let Told { sequencer, uid, machine, .. } = pod;
                self.processes.push(Process { sequencer, uid, machine, active: false, away_until, ..like });
            }
        }
    }

    fn judge(&mut self) {
        if self.active() > 1 && !self.by_hand {
            self.broken.get_or_insert(format!("{} make blocks at {}", self.active(), self.now));
        }
        self.by_hand &= self.active() > 1;
    }

    fn make_blocks(&mut self) {
        for process in &mut self.processes {
            let works = process.active && !process.stalled && !process.hangs && !process.behind_l1;
            if works && process.away_until.is_none() {
                self.blocks += 1;
                (process.number, process.hash, process.made) = (process.number + 1, self.blocks, self.now);
            }
        }
    }

    /// Those that can reach each other have the newest block of any of them.
    fn sync(&mut self) {
        let joins: Vec<_> =
            self.processes.iter().map(|process| self.is_reachable(process) && !process.isolated).collect();
        let best = self.processes.iter().zip(&joins).filter(|(_, joins)| **joins).map(|(process, _)| process);
        let Some(best) = best.max_by_key(|process| process.number).cloned() else { return };
        for (process, _) in self.processes.iter_mut().zip(joins).filter(|(_, joins)| *joins) {
            if !process.active && process.number < best.number {
                (process.number, process.hash, process.made) = (best.number, best.hash, best.made);
            }
        }
    }
}

fn hash(number: u64) -> String {
    format!("0x{number:064x}")
}
