//! The rules in any order of events: renders that overlap, writes that come late, pods that start and end, keys that change, and
//! machines that are lost.

use std::collections::BTreeSet;

use crate::world::{ADDRESS, Answered, MACHINES, Place, SECOND, World};

const PLACES: [Place; 3] = [("a", "one"), ("b", "two"), ("a", "three")];
const RUNS: u64 = 300;
const STEPS: usize = 120;

/// xorshift: the same runs every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// What of an answer is written so far: nothing, the account, all.
struct Pending {
    answered: Answered,
    wrote_account: bool,
}

/// A process by its component, its pod's uid, its machine, and its account.
type Process = (Place, String, &'static str, String);

#[derive(Default)]
struct Run {
    world: World,
    pending: [Option<Pending>; 3],
    processes: Vec<Process>,
}

impl Run {
    fn step(&mut self, random: &mut Random) {
        let index = random.below(PLACES.len());
        let place = PLACES[index];
        match random.below(13) {
            0..=5 => self.advance(index),
            6..=8 => self.kubernetes(place, MACHINES[random.below(2)]),
            9 => {
                let replicas = random.below(2);
                self.world.edit("OpBatcher", place, |batcher| batcher["spec"]["replicas"] = replicas.into());
            }
            10 => self.lose(MACHINES[random.below(2)]),
            11 => self.world.rotate(place.0, [ADDRESS, SECOND][random.below(2)]),
            _ => self.come_back(MACHINES[random.below(2)]),
        }
    }

    /// One object is rendered and written by one worker at a time; others are at work meanwhile.
    fn advance(&mut self, index: usize) {
        let place = PLACES[index];
        match self.pending[index].take() {
            None => {
                let answered = self.world.render(place);
                self.pending[index] = Some(Pending { answered, wrote_account: false });
            }
            Some(pending) if !pending.wrote_account => {
                self.world.apply(place, pending.answered.child("ServiceAccount").clone());
                self.pending[index] = Some(Pending { wrote_account: true, ..pending });
            }
            Some(Pending { answered, .. }) => self.world.carry_out(place, &answered),
        }
    }

    fn is_lost(&self, machine: &str) -> bool {
        self.world.get("Node", ("", machine)).is_some_and(|node| node["spec"]["taints"][0].is_object())
    }

    /// The pod's object follows what is wanted; on a machine that works the process follows its object.
    fn kubernetes(&mut self, place: Place, machine: &'static str) {
        let machine =
            if self.is_lost(machine) { MACHINES.into_iter().find(|other| !self.is_lost(other)) } else { Some(machine) };
        let Some(machine) = machine else { return };
        if let Some(uid) = self.world.run_pods(place, machine) {
            self.processes.push((place, uid, machine, self.world.claimed(place)));
            // The operator sees each pod before its machine is lost: what it could not see it can't remember.
            self.finish(place);
            let answered = self.world.reconcile(place);
            assert!(!answered.status["processes"].is_null());
        }
        self.end();
    }

    fn finish(&mut self, place: Place) {
        let index = PLACES.iter().position(|other| *other == place).unwrap();
        if let Some(Pending { answered, .. }) = self.pending[index].take() {
            self.world.carry_out(place, &answered);
        }
    }

    /// On machines that work the processes without a pod end.
    fn end(&mut self) {
        let pods: Vec<_> = self
            .world
            .documents
            .iter()
            .filter(|document| document["kind"] == "Pod")
            .map(|pod| pod["metadata"]["uid"].clone())
            .collect();
        let lost: Vec<_> = MACHINES.into_iter().filter(|machine| self.is_lost(machine)).collect();
        self.processes
            .retain(|(_, uid, machine, _)| lost.contains(machine) || pods.iter().any(|pod| pod == uid.as_str()));
    }

    /// The machine is out of reach, and somebody deletes its pods by force. The operator learns of it before Kubernetes starts another.
    fn lose(&mut self, machine: &'static str) {
        self.world.taint(machine, &["node.kubernetes.io/unreachable"]);
        self.world.documents.retain(|document| document["kind"] != "Pod" || document["spec"]["nodeName"] != machine);
        for place in PLACES {
            self.finish(place);
            self.world.reconcile(place);
        }
    }

    fn come_back(&mut self, machine: &'static str) {
        self.world.taint(machine, &[]);
        self.end();
    }
}

#[test]
fn never_do_two_processes_use_the_account() {
    let (mut started, mut ran) = (0, 0);
    for seed in 1..=RUNS {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut run = Run { world: World::new(), ..Run::default() };
        PLACES.into_iter().for_each(|place| run.world.batcher(place));
        for step in 0..STEPS {
            let before = run.processes.len();
            run.step(&mut random);
            let accounts: BTreeSet<_> = run.processes.iter().map(|(.., account)| account).collect();
            assert!(accounts.len() == run.processes.len(), "run {seed}, step {step}: {:?}", run.processes);
            started += usize::from(run.processes.len() > before);
            ran += run.processes.len();
        }
    }
    println!("{started} processes ran in {ran} of {} steps, never two at a time", RUNS * STEPS as u64);
    assert!(started > 500, "the account is used: {started}");
}

/// From any state, once nobody is stopped, no machine is lost and all is written, exactly one gets to run.
#[test]
fn somebody_gets_to_run() {
    for seed in 1..=RUNS / 5 {
        let mut random = Random(seed.wrapping_mul(0xD134_2543_DE82_EF95));
        let mut run = Run { world: World::new(), ..Run::default() };
        PLACES.into_iter().for_each(|place| run.world.batcher(place));
        (0..STEPS).for_each(|_| run.step(&mut random));
        MACHINES.into_iter().for_each(|machine| run.come_back(machine));
        for place in PLACES {
            run.world.rotate(place.0, ADDRESS);
            run.world.edit("OpBatcher", place, |batcher| batcher["spec"]["replicas"] = 1.into());
        }
        for _ in 0..12 {
            for place in PLACES {
                run.finish(place);
                run.world.reconcile(place);
                run.kubernetes(place, MACHINES[0]);
            }
        }
        assert_eq!(run.processes.len(), 1, "run {seed}");
    }
}
