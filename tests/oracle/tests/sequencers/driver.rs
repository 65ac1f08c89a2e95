//! What the test does to sequencers and operators, and what a kubelet and a person would do meanwhile.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use control_plane::AuditLevel;
use op_programs::Release;
use oracle::chain::Sequencers;
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Signal, Site, kubelet, paths, plugins, until};

pub const SEQUENCERS: usize = 3;
const NAMESPACE: &str = "chain";
const NAMES: [&str; SEQUENCERS] = ["seq-a", "seq-b", "seq-c"];
/// A person looks at what is asked for after so long.
const PERSON: Duration = Duration::from_secs(20);

/// Sequencers, operators and the cluster.
pub struct Driver {
    site: Site,
    operators: [Option<Operator>; 2],
    sequencers: Sequencers,
    restarts: [u32; SEQUENCERS],
    frozen: [bool; SEQUENCERS],
    network: Value,
    /// Since when a person's word is asked for.
    asked: Option<(String, Instant)>,
    /// Since when nobody goes on because blocks would be lost.
    held: Option<Instant>,
}

impl Driver {
    /// All of it; nobody makes blocks yet.
    pub fn start() -> Self {
        let addresses = Self::addresses();
        let sequencers = Sequencers::start(Release::ALL[0], &addresses).unwrap();
        let site = Site::start(AuditLevel::Metadata);
        let operators = [0, 1].map(|_| Some(Self::operator(&site)));
        site.namespace(NAMESPACE);
        site.create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "signer", "namespace": NAMESPACE},
            "stringData": {"key": "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"},
        }));
        let network = Self::network(&sequencers);
        site.create(&network);
        for name in NAMES {
            site.create(&Self::node(name));
        }
        let driver = Self {
            site,
            operators,
            sequencers,
            restarts: [0; SEQUENCERS],
            frozen: [false; SEQUENCERS],
            network,
            asked: None,
            held: None,
        };
        (0..SEQUENCERS).for_each(|at| driver.report(at, &json!({"running": {}})));
        driver.meet();
        driver
    }

    pub fn addresses() -> Vec<Ipv4Addr> {
        (1..=SEQUENCERS as u8).map(|last| Ipv4Addr::new(127, 77, 0, last)).collect()
    }

    fn operator(site: &Site) -> Operator {
        Operator::start_with(site, &[&plugins::argument()])
    }

    fn network(sequencers: &Sequencers) -> Value {
        let [rollup, genesis, l1] = sequencers.files().unwrap();
        let object = |spec: Value| {
            json!({
                "apiVersion": "optimism.io/v1alpha1", "kind": "OptimismNetwork",
                "metadata": {"name": "net", "namespace": NAMESPACE}, "spec": spec,
            })
        };
        object(json!({
            "chainID": rollup["l2_chain_id"], "l1ChainID": rollup["l1_chain_id"],
            "l1RpcUrl": sequencers.l1(), "l1BeaconUrl": sequencers.l1(),
            "rollupConfig": {"inline": rollup.to_string()}, "l2Genesis": {"inline": genesis.to_string()},
            "l1ChainConfig": {"inline": l1.to_string()},
            "contractAddresses": {"disputeGameFactoryAddr": "0x4444444444444444444444444444444444444444", "discoveryMethod": "manual"},
            "sequencer": {"ha": {"mode": "Operator", "checkInterval": "1s", "maxBlockTime": "10s"}},
        }))
    }

    fn node(name: &str) -> Value {
        json!({
            "apiVersion": "optimism.io/v1alpha1", "kind": "OpNode", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "optimismNetworkRef": {"name": "net"}, "nodeType": "sequencer", "executionClient": {"name": "geth"},
                "opNode": {"sequencer": {"key": {"secretRef": {"name": "signer", "key": "key"}}}},
            },
        })
    }

    fn pod_path(at: usize) -> String {
        format!("/api/v1/namespaces/{NAMESPACE}/pods/{}-0", NAMES[at])
    }

    /// What a kubelet reports of a pod: where it is, and the state of op-node's container.
    fn report(&self, at: usize, state: &Value) {
        let pod = kubelet::wait_pods(&self.site, NAMESPACE, NAMES[at], 1).remove(0);
        kubelet::report(&self.site, NAMESPACE, &pod, Self::addresses()[at].into(), true);
        let container = json!({
            "name": "op-node", "image": "op-node", "imageID": "", "ready": true, "restartCount": self.restarts[at], "state": state,
        });
        let path = format!("{}/status", Self::pod_path(at));
        self.site.merge(&path, &json!({"status": {"containerStatuses": [container]}}));
    }

    /// Ends a sequencer's op-node, and starts another.
    fn replace_process(&mut self, at: usize) {
        self.frozen[at] = false;
        self.sequencers.kill(at).unwrap();
        self.sequencers.begin(at).unwrap();
    }

    /// Waits until all that are not frozen answer, and lets them know each other.
    fn meet(&self) {
        for at in (0..SEQUENCERS).filter(|at| !self.frozen[*at]) {
            until("op-node to answer", MINUTE, || {
                self.sequencers.ask(at, "admin_sequencerActive", json!([])).map(drop).map_err(|why| why.to_string())
            });
        }
        if !self.frozen.contains(&true) {
            self.sequencers.acquaint();
        }
    }

    /// The container ends, and starts again.
    pub fn restart(&mut self, at: usize) {
        self.replace_process(at);
        self.restarts[at] += 1;
        self.report(at, &json!({"running": {}}));
        self.meet();
    }

    /// The pod is deleted, and its kubelet reports its end first.
    pub fn delete_pod(&mut self, at: usize) {
        self.frozen[at] = false;
        self.sequencers.kill(at).unwrap();
        self.report(at, &json!({"terminated": {"exitCode": 0}}));
        self.next_pod(at);
    }

    /// The pod's object goes, and nobody says what became of the process.
    pub fn force_pod(&mut self, at: usize) {
        self.frozen[at] = false;
        self.sequencers.kill(at).unwrap();
        self.next_pod(at);
    }

    fn next_pod(&mut self, at: usize) {
        let uid = |pod: &Value| pod["metadata"]["uid"].clone();
        let before = self.site.get(&Self::pod_path(at)).map(|pod| uid(&pod));
        let response = self.site.request("DELETE", &format!("{}?gracePeriodSeconds=0", Self::pod_path(at)), None);
        assert!(response.is_success(), "{}", response.text());
        until("another pod", MINUTE, || match self.site.get(&Self::pod_path(at)) {
            Some(pod) if Some(uid(&pod)) != before => Ok(()),
            other => Err(format!("{other:?}")),
        });
        self.restarts[at] = 0;
        self.sequencers.begin(at).unwrap();
        self.report(at, &json!({"running": {}}));
        self.meet();
    }

    pub fn freeze(&mut self, at: usize) {
        self.frozen[at] = true;
        self.sequencers.signal(at, "STOP").unwrap();
    }

    pub fn thaw_all(&mut self) {
        for at in 0..SEQUENCERS {
            if std::mem::take(&mut self.frozen[at]) {
                self.sequencers.signal(at, "CONT").unwrap();
            }
        }
        self.meet();
    }

    /// Killed, and another one takes its place.
    pub fn kill_operator(&mut self, at: usize) {
        // Dropping it kills it.
        self.operators[at] = None;
        self.operators[at] = Some(Self::operator(&self.site));
    }

    pub fn freeze_operator(&mut self, at: usize) {
        self.operators[at].iter().for_each(|operator| operator.signal(Signal::STOP));
    }

    pub fn thaw_operators(&mut self) {
        self.operators.iter().flatten().for_each(|operator| operator.signal(Signal::CONT));
    }

    /// A person wants another one to make the blocks than this one, by plan.
    pub fn hand_over(&mut self, from: usize) {
        for (at, name) in NAMES.iter().enumerate() {
            let stopped = json!({"spec": {"opNode": {"sequencer": {"stopped": at == from}}}});
            self.site.merge(&paths::of(&Self::node(name)), &stopped);
        }
    }

    /// Who makes blocks by its own word.
    pub fn active(&self) -> Option<usize> {
        (0..SEQUENCERS)
            .filter(|at| !self.frozen[*at])
            .find(|at| self.sequencers.ask(*at, "admin_sequencerActive", json!([])).is_ok_and(|active| active == true))
    }

    pub fn delete_lease(&mut self) {
        let path = "/apis/coordination.k8s.io/v1/namespaces/opstack-system/leases/opstack-leader";
        // It may be gone already.
        let status = self.site.request("DELETE", path, None).status;
        assert!([200, 404].contains(&status), "{status}");
    }

    /// What an honest person does about what the operator says.
    pub fn care(&mut self) {
        self.bring_back();
        self.vouch();
    }

    /// Nobody permits that blocks are lost: whoever has them may go on, also where it was to hand over before.
    fn bring_back(&mut self) {
        self.held = if self.is_held() { self.held.or_else(|| Some(Instant::now())) } else { None };
        if self.held.is_some_and(|since| since.elapsed() >= PERSON) {
            self.held = None;
            for name in NAMES {
                let stopped = json!({"spec": {"opNode": {"sequencer": {"stopped": false}}}});
                self.site.merge(&paths::of(&Self::node(name)), &stopped);
            }
        }
    }

    /// What is asked for is made sure of, and then vouched for.
    fn vouch(&mut self) {
        let network = self.site.get(&paths::of(&self.network)).unwrap();
        let Some(nonce) = network["status"]["sequencing"]["approvalNonce"].as_str().map(str::to_string) else {
            self.asked = None;
            return;
        };
        match &self.asked {
            Some((asked, since)) if *asked == nonce && since.elapsed() >= PERSON => {}
            Some((asked, _)) if *asked == nonce => return,
            _ => {
                self.asked = Some((nonce, Instant::now()));
                return;
            }
        }
        // Of those that are frozen nobody can say more: they are ended.
        for at in 0..SEQUENCERS {
            if self.frozen[at] {
                self.restart(at);
            }
        }
        let word = format!("{}/{nonce}", network["metadata"]["uid"].as_str().unwrap());
        let patch = json!({"metadata": {"annotations": {"optimism.io/approve-promotion": word}}});
        self.site.merge(&paths::of(&self.network), &patch);
        self.asked = None;
    }

    /// Waits until another one than this makes the blocks: standbys follow, and the choice works.
    pub fn another_makes_blocks(&self, before: Option<usize>) {
        until("another sequencer to make blocks", MINUTE, || match self.active() {
            Some(at) if Some(at) != before => Ok(()),
            at => Err(format!("{at:?}: {}", self.log())),
        });
    }

    /// Whether nobody goes on because blocks would be lost, which nobody permitted.
    fn is_held(&self) -> bool {
        let network = self.site.get(&paths::of(&self.network)).unwrap_or_default();
        suite::condition::brief(&network, "Ready").1 == "UnsafeHeadLossNotAllowed"
    }

    /// The newest block of the one that makes them.
    fn head(&self) -> Option<u64> {
        let status = self.sequencers.ask(self.active()?, "optimism_syncStatus", json!([])).ok()?;
        status["unsafe_l2"]["number"].as_u64()
    }

    /// Whether blocks came since `first` was seen, while a person does what is asked for.
    fn grows(&mut self, first: &mut Option<u64>) -> bool {
        self.care();
        let now = self.head();
        let grows = first.is_some() && now > *first;
        *first = first.or(now);
        grows
    }

    /// Waits until one makes blocks, and their number grows.
    pub fn makes_blocks(&mut self) {
        let mut first = None;
        until("one to make blocks", 3 * MINUTE, || if self.grows(&mut first) { Ok(()) } else { Err(self.log()) });
    }

    pub fn log(&self) -> String {
        let network = self.site.get(&paths::of(&self.network)).unwrap_or_default();
        format!("{:#}\n{:#?}\n{}", network["status"], self.heads(), self.site.log_tail())
    }

    /// The newest block of each, as it says itself.
    fn heads(&self) -> [String; SEQUENCERS] {
        [0, 1, 2].map(|at| match self.sequencers.ask(at, "optimism_syncStatus", json!([])) {
            Ok(status) => format!("{} {}", status["unsafe_l2"]["number"], status["unsafe_l2"]["hash"]),
            Err(why) => why.to_string(),
        })
    }
}
