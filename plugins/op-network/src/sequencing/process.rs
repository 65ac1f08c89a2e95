//! The processes that may make blocks, each by the pod that it is of, and what proves that one has ended.
//!
//! A pod is known by its uid. That its object is gone, or that another pod of the same name makes no blocks, proves nothing: on a
//! machine that is cut off a process goes on. Proof is its own word ([`super::suspects`]), what a kubelet reports of that
//! very pod, a machine that was started again, or one that a person has taken out of service.

use std::fmt;

use opstack_sdk::opstack::sequencing::SequencerProcess;

use super::record::{read, written};
use super::seen::{Millis, Seen};

/// Taint by which a person vouches that a machine is off.
pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// A pod of a sequencer, there or deleted a while ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Unique for one life of the pod.
    pub uid: String,
    /// Name of the Node on which it runs; nothing while it waits for one.
    pub machine: Option<String>,
    /// How often op-node's container was restarted.
    pub restarts: u32,
    /// Whether its kubelet reports that op-node's container runs.
    pub runs: bool,
    /// Whether its kubelet reports that op-node's container does not run: it ended, and what is started next boots stopped.
    pub ended: bool,
}

/// A machine on which a sequencer runs, or did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Name of the Node.
    pub name: String,
    /// Which machine it is, whatever its name: a name may be given to another one.
    pub system: Option<String>,
    /// Which of its starts.
    pub boot: Option<String>,
    /// Whether it has the taint `node.kubernetes.io/out-of-service`: a person vouches that it is off.
    pub out_of_service: bool,
}

/// One that may make blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// `namespace/name` of the sequencer.
    pub sequencer: String,
    /// Uid of the pod.
    pub uid: String,
    /// Name of the Node.
    pub machine: Option<String>,
    /// As in [`Machine`].
    pub system: Option<String>,
    /// As in [`Machine`].
    pub boot: Option<String>,
    /// How often its container had been restarted.
    pub restarts: u32,
    /// Since when it says that it makes no blocks. An answer is known by its pod's name, and which pod has that name is known from
    /// elsewhere: of the two one may be older. So it is remembered until another one was started by a fresh look at both.
    pub denied: Option<Millis>,
}

impl Process {
    /// The process of a sequencer's pod.
    pub fn of(sequencer: &str, pod: &Pod, seen: &Seen) -> Self {
        let machine = pod.machine.as_deref().and_then(|name| seen.machine(name));
        Self {
            sequencer: sequencer.into(),
            uid: pod.uid.clone(),
            machine: pod.machine.clone(),
            system: machine.and_then(|machine| machine.system.clone()),
            boot: machine.and_then(|machine| machine.boot.clone()),
            restarts: pod.restarts,
            denied: None,
        }
    }

    /// Whether something else than its own word proves that it has ended.
    pub fn has_ended(&self, seen: &Seen) -> bool {
        let of_this = |pod: &&Pod| pod.uid == self.uid;
        let by_kubelet = seen.pods.iter().filter(of_this).any(|pod| pod.ended || pod.restarts > self.restarts);
        let machine = self.machine.as_deref().and_then(|name| seen.machine(name));
        by_kubelet || machine.is_some_and(|machine| machine.out_of_service || self.is_of_another_start(machine))
    }

    fn is_of_another_start(&self, machine: &Machine) -> bool {
        let is_same = self.system.is_some() && self.system == machine.system;
        is_same && self.boot.is_some() && machine.boot.is_some() && self.boot != machine.boot
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequencer, uid, machine, .. } = self;
        match machine {
            Some(machine) => write!(f, "{sequencer} (pod {uid} on Node {machine})"),
            None => write!(f, "{sequencer} (pod {uid})"),
        }
    }
}

impl From<&Process> for SequencerProcess {
    fn from(process: &Process) -> Self {
        Self {
            sequencer: process.sequencer.clone(),
            pod_uid: process.uid.clone(),
            node: process.machine.clone(),
            system_uuid: process.system.clone(),
            boot_id: process.boot.clone(),
            restarts: process.restarts,
            denied: process.denied.map(written),
        }
    }
}

impl From<SequencerProcess> for Process {
    fn from(status: SequencerProcess) -> Self {
        Self {
            sequencer: status.sequencer,
            uid: status.pod_uid,
            machine: status.node,
            system: status.system_uuid,
            boot: status.boot_id,
            restarts: status.restarts,
            denied: status.denied.as_deref().and_then(read),
        }
    }
}
