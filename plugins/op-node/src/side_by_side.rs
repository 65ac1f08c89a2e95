//! A node of which two execution clients run: both are settled, one serves, and the user is told how far the other one is.

use opstack_sdk::answer::{Condition, Event, Failure, GeneratedSecret};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::status::READY;
use opstack_sdk::{Context, Object};

use crate::labels;
use crate::probes::Findings;
use crate::settle::{Node, Place};
use crate::spec::{OpNodeSpec, Strategy};
use crate::stage::{Seen, Stage, Workload};
use crate::workloads::Workloads;

/// Condition: whether the client that the spec wants is the one that serves.
const CLIENT_SERVES: &str = "ClientServes";
/// How often one looks whether the old workload has lingered long enough, in milliseconds: time alone wakes nobody.
const LOOK_MS: u32 = 3_000;

/// Why no second client may run beside the first one, where none may.
pub fn unfit(spec: &OpNodeSpec) -> Option<&'static str> {
    let p2p = &spec.op_node.p2p;
    if spec.is_sequencer() {
        Some("two pods of a sequencer could make blocks at a time, which forks the chain")
    } else if p2p.enabled && p2p.private_key.secret_ref.is_some() {
        Some(
            "two pods can't share the identity of opNode.p2p.privateKey.secretRef; use generate or derive, which give each its own",
        )
    } else if spec.rpc_host().is_loopback() {
        Some("op-node's RPC is on the loopback, so nobody can ask whether the new client is synced")
    } else {
        None
    }
}

/// A node with all that runs of it.
pub struct Nodes<'a> {
    /// The workloads.
    pub workloads: Workloads,
    /// With the client that serves.
    pub serving: Node<'a>,
    /// With the other one, where it runs.
    pub beside: Option<Node<'a>>,
    /// Why the one that should come is not there.
    refused: Option<String>,
}

impl<'a> Nodes<'a> {
    /// Settles what runs. `former` is the object as it was for the client that is not wanted any more.
    ///
    /// # Errors
    /// As [`Node::settle`]. What keeps a new client from coming is none: the old one serves on.
    pub fn settle(
        cx: &'a Context<'a>,
        me: &'a Object<OpNodeSpec>,
        former: Option<&'a Object<OpNodeSpec>>,
        network: Network,
        mut workloads: Workloads,
        found: &[Findings],
    ) -> Result<Self, Failure> {
        let (Some(former), Some(old), Some(beside)) = (former, workloads.stage.old(), workloads.stage.beside()) else {
            let place = Place::of(&workloads, workloads.stage.serving());
            let serving = Node::settle(cx, me, network, place)?;
            return Ok(Self { workloads, serving, beside: None, refused: None });
        };
        let new = if old == beside { workloads.stage.serving() } else { beside };
        let settled = Node::settle(cx, me, network.clone(), Place::of(&workloads, new));
        let old = Node::settle(cx, former, network, Place::of(&workloads, old))?;
        let new = match settled {
            Ok(new) => new,
            Err(why) if may_wait(cx, &workloads.stage, &why) => {
                let refused = Some(why.to_string());
                return Ok(Self { workloads, serving: old, beside: None, refused });
            }
            Err(why) => return Err(why),
        };
        let seen = Seen {
            old: labels::synced(&old, found),
            new: labels::synced(&new, found),
            now: found.iter().map(|found| found.measured_at / 1000).max().filter(|now| *now > 0),
        };
        workloads.stage = workloads.stage.advance(&seen);
        let (serving, beside) = match &workloads.stage {
            Stage::Serving(_) => (new, None),
            Stage::Syncing { .. } => (old, Some(new)),
            Stage::Moved { .. } => (new, Some(old)),
        };
        Ok(Self { workloads, serving, beside, refused: None })
    }

    /// All that run, the one that serves first.
    pub fn all(&self) -> impl Iterator<Item = &Node<'a>> {
        std::iter::once(&self.serving).chain(&self.beside)
    }

    /// The one that is as the spec says, or the nearest to it.
    pub fn wanted(&self) -> &Node<'a> {
        match (&self.workloads.stage, &self.beside) {
            (Stage::Syncing { .. }, Some(new)) => new,
            _ => &self.serving,
        }
    }

    /// Secrets for the host to make; some are of all workloads.
    pub fn secrets(&self) -> Vec<GeneratedSecret> {
        let mut secrets: Vec<GeneratedSecret> = vec![];
        for secret in self.all().flat_map(|node| &node.keys.generated) {
            if secrets.iter().all(|known| known.name != secret.name) {
                secrets.push(secret.clone());
            }
        }
        secrets
    }

    /// When to look again although nothing happens, in milliseconds.
    pub fn look_again(&self) -> Option<u32> {
        matches!(self.workloads.stage, Stage::Moved { .. }).then_some(LOOK_MS)
    }

    /// Who serves, and what is waited for.
    pub fn tell(&self, found: &[Findings], conditions: &mut Vec<Condition>, events: &mut Vec<Event>) {
        match (&self.workloads.stage, &self.refused, &self.beside) {
            (Stage::Syncing { old, new, .. }, Some(why), _) => {
                let why = format!("{} serves; {} can't come: {why}", title(old), title(new));
                conditions.push(Condition::no(CLIENT_SERVES, "ClientUnavailable", &why));
                conditions.push(Condition::no(READY, "ClientUnavailable", &why));
            }
            (Stage::Syncing { old, new, .. }, None, Some(beside)) => {
                let what = format!("{} serves while {} syncs", title(old), title(new));
                // Figures are in the one alone: each other word of the other is written at once.
                conditions.push(Condition::no(READY, "ClientSyncs", &what));
                let progress = self.progress(beside, found);
                conditions.push(Condition::no(CLIENT_SERVES, "ClientSyncs", format!("{what}: {progress}")));
            }
            (Stage::Moved { new, old, .. }, ..) => {
                let what = format!("{} serves; {} goes soon, and its claims stay", title(new), title(old));
                events.push(Event { warning: false, reason: "ClientMoved".into(), message: what.clone() });
                conditions.push(Condition::yes(CLIENT_SERVES, "ClientMoved", what));
            }
            (stage, ..) => {
                let spec = self.serving.spec();
                if spec.execution_client.strategy == Strategy::SideBySide && unfit(spec).is_none() {
                    let what = format!("{} serves", title(stage.serving()));
                    conditions.push(Condition::yes(CLIENT_SERVES, "ClientServes", what));
                }
            }
        }
    }

    /// How far a client that syncs is, beside the one that serves.
    fn progress(&self, new: &Node<'_>, found: &[Findings]) -> String {
        let Some(best) = new.findings(found).next() else { return "its pods have not answered yet".into() };
        if let Some(silence) = &best.silence {
            return silence.message.clone();
        }
        if let Some((current, highest, true)) = best.syncing {
            return format!("its execution client has block {current} of {highest}");
        }
        let Some(head) = &best.head else { return "its op-node tells of no block yet".into() };
        let ahead = self.serving.findings(found).next().and_then(|found| Some(found.head.as_ref()?.number));
        match ahead {
            Some(ahead) => format!("it has block {}, and {} to go", head.number, ahead.saturating_sub(head.number)),
            None => format!("it has block {}, which was {} s old", head.number, best.age().unwrap_or_default()),
        }
    }
}

/// Whether the old client is to serve on without the new one: that was not made yet, and what it lacks is for somebody to bring.
fn may_wait(cx: &Context<'_>, stage: &Stage, why: &Failure) -> bool {
    let Stage::Syncing { new, .. } = stage else { return false };
    let lives = cx.children.iter().any(|child| child.ref_.kind.kind == "StatefulSet" && child.ref_.name == new.name);
    // One that runs is better left alone than taken down because its plugin is being replaced.
    !lives && !matches!(why, Failure::Other(_))
}

fn title(workload: &Workload) -> String {
    format!("{} in StatefulSet {}", workload.client, workload.name)
}
