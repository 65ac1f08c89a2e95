//! What a node is asked, and what its answers say.

use opstack_sdk::Context;
use opstack_sdk::answer::{Observation, PodsTarget, Probe, Target};
use opstack_sdk::opstack::conductor;
use opstack_sdk::opstack::fault;
use opstack_sdk::opstack::observed::{quantity, result, rpc_probe};
use opstack_sdk::opstack::peers::PeerId;
use serde_json::Value;

use crate::resources::workload_ref;
use crate::settle::Node;

/// Probe of op-node.
pub const CONSENSUS: &str = "op-node";
/// Probe of op-conductor.
pub const CONDUCTOR: &str = "op-conductor";
/// Probe of the execution client.
pub const EXECUTION: &str = "execution";

/// A block older than this when it was seen, in seconds, is no chain's newest one. So a head that does not grow is soon
/// told from one that does.
const FRESH_SECONDS: u64 = 60;

/// JSON-RPC methods of the probes.
pub const METHODS: [&str; 10] = [
    "optimism_syncStatus",
    "opp2p_peerStats",
    "opp2p_self",
    "admin_sequencerActive",
    "eth_syncing",
    "eth_getBlockByNumber",
    conductor::QUESTIONS[0].0,
    conductor::QUESTIONS[1].0,
    conductor::QUESTIONS[2].0,
    conductor::QUESTIONS[3].0,
];

/// The questions, to each pod.
pub fn probes(node: &Node<'_>) -> Vec<Probe> {
    let target = |port| Target::Pods(PodsTarget { workload: workload_ref(node), port, path: "/".into() });
    // A second workload is asked the same, under ids of its own.
    let further = node.place.workload.strip_prefix(&node.me.metadata.name).unwrap_or_default();
    let id = |probe: &str| format!("{probe}{further}");
    let mut probes = vec![];
    if node.rpc_reachable() {
        let mut calls = vec![("optimism_syncStatus", "[]"), ("opp2p_peerStats", "[]"), ("opp2p_self", "[]")];
        let mut wake_on = vec![
            "/0/result/unsafe_l2/hash",
            "/0/result/safe_l2/number",
            "/0/result/finalized_l2/number",
            "/0/error",
            "/1/result/connected",
            "/2/result/peerID",
        ];
        if node.spec().sequences() && node.serves_admin() {
            calls.push(("admin_sequencerActive", "[]"));
            wake_on.push("/3/result");
        }
        probes.push(rpc_probe(&id(CONSENSUS), target(node.spec().op_node.rpc.port.to_port()), &calls, &wake_on));
    }
    if node.conductor.is_some() {
        // The network asks the same, so it is asked once.
        let port = node.spec().conductor.rpc_port.to_port();
        probes.push(rpc_probe(&id(CONDUCTOR), target(port), &conductor::QUESTIONS, &["/0/result"]));
    }
    if let Some(port) = execution_port(node) {
        let calls = [
            ("eth_syncing", "[]"),
            ("eth_getBlockByNumber", r#"["latest",false]"#),
            ("eth_getBlockByNumber", r#"["0x0",false]"#),
        ];
        // Each new block wakes the node by op-node's answer already.
        let wake_on = ["/0/result", "/2/result/hash"];
        probes.push(rpc_probe(&id(EXECUTION), target(port), &calls, &wake_on));
    }
    probes
}

/// Whether a probe's id is one of these: `execution`, or `execution-geth` of the workload `<node>-geth`.
pub fn is_probe(base: &str, id: &str) -> bool {
    id.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn execution_port(node: &Node<'_>) -> Option<u16> {
    node.fragment.ports.http.filter(|_| !node.settings.networking.http.host.is_loopback())
}

/// Whether the execution client is asked.
pub fn asks_execution(node: &Node<'_>) -> bool {
    execution_port(node).is_some()
}

/// What the probes found out about one pod.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Name of the pod.
    pub pod: String,
    /// Milliseconds since 1970 at which it was measured.
    pub measured_at: u64,
    /// op-node's newest block.
    pub head: Option<Head>,
    /// Number of op-node's newest block that follows from L1.
    pub safe: Option<u64>,
    /// Number of op-node's newest block that follows from what is final on L1.
    pub finalized: Option<u64>,
    /// op-node's connections.
    pub peers: Option<u64>,
    /// op-node's identity.
    pub peer_id: Option<PeerId>,
    /// Whether op-node's sequencer runs; nothing where it was not asked, or did not say.
    pub active: Option<bool>,
    /// Whether op-conductor says that it leads; nothing where it was not asked, or did not say.
    pub leads: Option<bool>,
    /// The execution client's progress: (current block, highest block, whether it syncs).
    pub syncing: Option<(u64, u64, bool)>,
    /// Hash of the execution client's first block.
    pub first_block: Option<String>,
    /// Why there is no answer, where there is none.
    pub silence: Option<Silence>,
}

/// Why a pod gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// In one word.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// Its time, in seconds since 1970.
    pub time: u64,
}

/// What is known of the pods, from answers that are not stale; the one with the highest block first.
pub fn findings(cx: &Context<'_>) -> Vec<Findings> {
    let mut pods: Vec<Findings> = vec![];
    for observation in cx.observations.iter().filter(|observation| !observation.stale) {
        if !pods.iter().any(|found| found.pod == observation.pod) {
            pods.push(Findings { pod: observation.pod.clone(), ..Findings::default() });
        }
        if let Some(found) = pods.iter_mut().find(|found| found.pod == observation.pod) {
            found.add(observation);
        }
    }
    pods.sort_by_key(|found| std::cmp::Reverse(found.head.as_ref().map(|head| head.number)));
    pods
}

impl Findings {
    /// How old the newest block was when it was seen, in seconds.
    pub fn age(&self) -> Option<u64> {
        Some((self.measured_at / 1000).saturating_sub(self.head.as_ref()?.time))
    }

    /// Whether the newest block is one that the chain has just made. The first block was made by nobody.
    pub fn is_at_head(&self) -> bool {
        self.age().is_some_and(|age| age <= FRESH_SECONDS) && self.head.as_ref().is_some_and(|head| head.number > 0)
    }

    /// For how many milliseconds the newest block will count as that if no other comes; nothing if it does not now.
    pub fn fresh_for_ms(&self) -> Option<u32> {
        let age = self.age().filter(|_| self.is_at_head())?;
        u32::try_from((FRESH_SECONDS + 1 - age) * 1000).ok()
    }

    fn add(&mut self, observation: &Observation) {
        if is_probe(CONDUCTOR, &observation.probe) {
            // The node serves without it; that it is silent is for the network to tell.
            self.leads = conductor::read(observation).ok().map(|said| said.leads);
            return;
        }
        let answer: Value = match &observation.answer {
            Ok(json) => serde_json::from_str(json).unwrap_or_default(),
            Err(why) => {
                let message = format!("{} of {}: {why}", observation.probe, observation.pod);
                self.silence = Some(Silence { reason: fault::reason(why), message });
                return;
            }
        };
        self.measured_at = self.measured_at.max(observation.measured_at);
        match observation.probe.as_str() {
            id if is_probe(CONSENSUS, id) => {
                let status = result(&answer, 0).ok();
                self.head = status.and_then(|status| head(&status["unsafe_l2"]));
                self.safe = status.and_then(|status| status["safe_l2"]["number"].as_u64());
                self.finalized = status.and_then(|status| status["finalized_l2"]["number"].as_u64());
                self.peers = result(&answer, 1).ok().and_then(|stats| stats["connected"].as_u64());
                let id = result(&answer, 2).ok().and_then(|me| PeerId::parse(me["peerID"].as_str()?).ok());
                self.peer_id = id;
                self.active = result(&answer, 3).ok().and_then(Value::as_bool);
            }
            id if is_probe(EXECUTION, id) => {
                let latest = result(&answer, 1).ok().and_then(|block| quantity(&block["number"]));
                self.syncing = result(&answer, 0).ok().and_then(|syncing| progress(syncing, latest));
                self.first_block = result(&answer, 2).ok().and_then(|block| Some(block["hash"].as_str()?.to_string()));
            }
            _ => {}
        }
    }
}

fn head(block: &Value) -> Option<Head> {
    let hash = block["hash"].as_str()?.to_string();
    Some(Head { number: block["number"].as_u64()?, hash, time: block["timestamp"].as_u64()? })
}

/// `eth_syncing` is false, or an object with quantities.
fn progress(syncing: &Value, latest: Option<u64>) -> Option<(u64, u64, bool)> {
    if syncing.as_bool() == Some(false) {
        let latest = latest?;
        return Some((latest, latest, false));
    }
    Some((quantity(&syncing["currentBlock"])?, quantity(&syncing["highestBlock"])?, true))
}
