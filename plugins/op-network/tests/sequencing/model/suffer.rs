//! Faults happen to what is true, and to what the API server tells of it as far as somebody would tell it.

use super::{Fault, MACHINES, NAMES, Process, ToldMachine, World};

impl World {
    pub fn suffer(&mut self, fault: Fault) {
        let now = self.now;
        match fault {
            Fault::Cut(at) => self.flip(at, |process| process.cut ^= true),
            Fault::Isolated(at) => self.flip(at, |process| process.isolated ^= true),
            Fault::Stalled(at) => self.flip(at, |process| process.stalled ^= true),
            Fault::BehindL1(at) => self.flip(at, |process| process.behind_l1 ^= true),
            Fault::Hangs(at) => self.flip(at, |process| process.hangs ^= true),
            Fault::Restarts(at, seconds, lower) => self.restart(at, seconds, lower),
            Fault::Deleted(at, seconds) => self.delete(at, seconds),
            Fault::Forced(at, seconds) => self.force(at, seconds),
            Fault::MachineLost(at) => {
                if let Some(present) = self.present(at) {
                    let machine = self.processes[present].machine;
                    self.machines[machine].lost = true;
                }
            }
            Fault::MachineBack(at) => self.bring_back(at),
            Fault::Reboot(at) => self.reboot(at),
            Fault::Namesake(at) if self.machines[at].lost => {
                let told = &mut self.api.machines[at];
                (told.system, told.boot) = (100 + told.system, told.boot + 1);
            }
            Fault::OutOfService(at) if self.machines[at].lost => {
                // First it is switched off, and then the word is given.
                self.processes.retain(|process| process.machine != at);
                self.api.machines[at].out_of_service = true;
            }
            Fault::Namesake(_) | Fault::OutOfService(_) => {}
            Fault::Approve => self.approve(),
            Fault::MadeAgain => self.make_again(),
            Fault::AnswerLost | Fault::Late(_) | Fault::Refused | Fault::Paused(_) => self.next_call = Some(fault),
            Fault::Crash => self.operators[self.leader].forget(),
            Fault::Failover => {
                self.leader = 1 - self.leader;
                self.operators[self.leader].forget();
            }
            Fault::TwoLeaders(seconds) => self.both_until = now + seconds * 1000,
            Fault::OldPicture(at, seconds) => self.operators[at % 2].blind_until = now + seconds * 1000,
            Fault::NotWritten | Fault::LateStatus(_) => self.next_status = Some(fault),
        }
    }

    fn flip(&mut self, sequencer: usize, change: impl FnOnce(&mut Process)) {
        if let Some(present) = self.present(sequencer) {
            change(&mut self.processes[present]);
        }
    }

    /// The container ends; the kubelet tells so, if it can be heard.
    fn restart(&mut self, sequencer: usize, seconds: u64, lower: u64) {
        let Some(present) = self.present(sequencer) else { return };
        let process = &mut self.processes[present];
        (process.active, process.hangs) = (false, false);
        process.away_until = Some(self.now + seconds * 1000);
        process.number = process.number.saturating_sub(lower);
        if lower > 0 {
            // What it has now is an older block.
            process.hash = (1 << 41) + process.number;
        }
        let (uid, lost) = (process.uid, self.machines[process.machine].lost);
        if let Some(pod) = self.api.pods.iter_mut().find(|pod| pod.uid == uid && !lost) {
            (pod.ended, pod.runs) = (true, false);
        }
    }

    /// The pod ends within its grace, and its kubelet says so; on a lost machine nobody does.
    fn delete(&mut self, sequencer: usize, seconds: u64) {
        let Some(present) = self.present(sequencer) else { return };
        if self.machines[self.processes[present].machine].lost {
            return;
        }
        let process = self.processes.remove(present);
        if let Some(pod) = self.api.pods.iter_mut().find(|pod| pod.uid == process.uid) {
            (pod.gone, pod.ended, pod.runs) = (true, true, false);
        }
        self.coming.push((self.now + seconds * 1000, process));
    }

    /// The pod's object goes. On a machine that is there its kubelet ends the process soon, and tells nobody.
    fn force(&mut self, sequencer: usize, seconds: u64) {
        let Some(present) = self.present(sequencer) else { return };
        let process = self.processes[present].clone();
        if let Some(pod) = self.api.pods.iter_mut().find(|pod| pod.uid == process.uid) {
            pod.gone = true;
        }
        if !self.machines[process.machine].lost {
            self.processes.remove(present);
        }
        let next = Process { cut: false, isolated: false, stalled: false, behind_l1: false, hangs: false, ..process };
        self.coming.push((self.now + seconds * 1000, next));
    }

    fn bring_back(&mut self, machine: usize) {
        let host = &mut self.machines[machine];
        host.lost = false;
        self.api.machines[machine] = ToldMachine { system: host.system, boot: host.boot, out_of_service: false };
        let is_known = |process: &Process| self.api.pods.iter().any(|pod| pod.uid == process.uid && !pod.gone);
        self.processes.retain(|process| process.machine != machine || is_known(process));
        // A pod that was switched off with its machine starts again.
        for pod in self.api.pods.iter_mut().filter(|pod| pod.machine == machine && !pod.gone) {
            let process = self.processes.iter().find(|process| process.uid == pod.uid);
            if process.is_none() {
                (pod.ended, pod.runs) = (true, false);
            }
        }
    }

    fn reboot(&mut self, machine: usize) {
        self.machines[machine].boot += 1;
        let names: Vec<_> = self
            .processes
            .iter()
            .filter(|process| process.machine == machine)
            .map(|process| process.sequencer)
            .collect();
        let lost = self.machines[machine].lost;
        for process in self.processes.iter_mut().filter(|process| process.machine == machine) {
            process.active = false;
            process.away_until = Some(self.now + 60_000);
        }
        if !lost {
            self.bring_back(machine);
            names.into_iter().for_each(|sequencer| self.restart_on(machine, sequencer));
        }
    }

    fn restart_on(&mut self, machine: usize, sequencer: usize) {
        if self.present(sequencer).is_some_and(|present| self.processes[present].machine == machine) {
            self.restart(sequencer, 60, 0);
        }
    }

    /// An honest person: what is named is ended before it is vouched for, and so is what has no pod any more.
    fn approve(&mut self) {
        let Some((status, nonce)) =
            self.api.status.as_ref().and_then(|status| Some((status, status.approval_nonce.clone()?)))
        else {
            return;
        };
        let cleared = |name: &str| status.standbys.iter().any(|known| known == name);
        let named: Vec<_> = status.processes.iter().map(|process| process.pod_uid.clone()).collect();
        let is_meant =
            |process: &Process| named.contains(&process.uid.to_string()) || !cleared(NAMES[process.sequencer]);
        for process in self.processes.iter_mut().filter(|process| is_meant(process)) {
            process.active = false;
            process.away_until = Some(process.away_until.unwrap_or(self.now + 30_000));
        }
        self.api.annotation = Some(format!("{}/{nonce}", self.api.uid));
        self.api.version += 1;
    }

    /// Who makes a network again looks first that no sequencer runs without a pod.
    fn make_again(&mut self) {
        let is_known = |process: &Process| self.api.pods.iter().any(|pod| pod.uid == process.uid && !pod.gone);
        if self.processes.iter().all(is_known) {
            (self.api.uid, self.api.status) = (self.api.uid + 1, None);
            self.api.version += 1;
            self.told = 0;
        }
    }

    /// Somebody starts one.
    pub fn start_by_hand(&mut self, at: usize) {
        self.by_hand = true;
        self.flip(at, |process| process.active = true);
    }

    /// All is well from here on, and a person does what is asked.
    pub fn mend(&mut self) {
        for process in &mut self.processes {
            (process.cut, process.isolated, process.stalled) = (false, false, false);
            (process.behind_l1, process.hangs) = (false, false);
        }
        (0..MACHINES).for_each(|machine| self.bring_back(machine));
        (self.next_call, self.next_status, self.both_until) = (None, None, 0);
        self.operators.iter_mut().for_each(|operator| operator.blind_until = 0);
    }
}
