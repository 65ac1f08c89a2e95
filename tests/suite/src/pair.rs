//! Two sequencers of one chain, of which the operator has one make the blocks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc_double::{Double, Recording, RpcError};
use serde_json::{Value, json};

use crate::world::{self, Pod, world};
use crate::{MINUTE, Site, chain, kubelet, paths, until};

/// Both, by name.
pub const NAMES: [&str; 2] = ["seq-a", "seq-b"];

/// The other one.
pub fn other(name: &str) -> &'static str {
    if name == NAMES[0] { NAMES[1] } else { NAMES[0] }
}

/// Their chain: a block a second while one of them makes blocks, which both have at once.
#[derive(Default)]
pub struct Chain {
    /// Its newest block, and when it was made, in seconds since 1970.
    pub head: (u64, u64),
    /// Who makes blocks.
    pub active: Vec<&'static str>,
    /// Who says so and makes none.
    pub stalled: Option<&'static str>,
    /// Who has no block after this one.
    pub behind: Option<(&'static str, u64)>,
    /// What was called, in order: who, what, and the block that it names.
    pub calls: Vec<(&'static str, &'static str, u64)>,
    /// Until when it has grown.
    grown: u64,
}

impl Chain {
    fn grow(&mut self) {
        let since = world::now().saturating_sub(self.grown);
        self.grown = world::now();
        if self.active.iter().any(|name| self.stalled != Some(name)) {
            self.head = (self.head.0 + since, world::now());
        }
    }

    /// The newest block of one of the two.
    fn head_of(&self, name: &str) -> u64 {
        let last = self.behind.filter(|(behind, _)| *behind == name).map_or(u64::MAX, |(_, last)| last);
        self.head.0.min(last)
    }
}

fn hash(block: u64) -> String {
    format!("0x{block:064x}")
}

type Shared = Arc<Mutex<Chain>>;

fn locked(chain: &Shared) -> MutexGuard<'_, Chain> {
    let mut chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
    chain.grow();
    chain
}

/// Lets a pod's op-node be one of the two.
fn join(pod: &Pod, name: &'static str, chain: &Shared) {
    let recorded = Recording::load("op-node-sequencer").result("optimism_syncStatus").clone();
    let on = |method: &str, answer: fn(&mut Chain, &'static str, &Value) -> Result<Value, RpcError>| {
        let chain = Arc::clone(chain);
        pod.consensus.on(method, move |params| answer(&mut locked(&chain), name, params));
    };
    on("admin_sequencerActive", |chain, name, _| Ok(chain.active.contains(&name).into()));
    on("admin_stopSequencer", |chain, name, _| {
        chain.active.retain(|other| *other != name);
        let head = chain.head_of(name);
        chain.calls.push((name, "stop", head));
        Ok(hash(head).into())
    });
    on("admin_startSequencer", |chain, name, params| {
        let head = chain.head_of(name);
        // As op-node refuses another block than its own newest one.
        if params[0] != hash(head).as_str() {
            return Err(RpcError { code: -32000, message: "block hash does not match".into() });
        }
        chain.active.push(name);
        chain.calls.push((name, "start", head));
        Ok(Value::Null)
    });
    let chain = Arc::clone(chain);
    pod.consensus.on("optimism_syncStatus", move |_| {
        let chain = locked(&chain);
        let number = chain.head_of(name);
        let mut status = recorded.clone();
        status["head_l1"]["timestamp"] = world::now().into();
        let head = &mut status["unsafe_l2"];
        (head["number"], head["timestamp"], head["hash"]) = (number.into(), chain.head.1.into(), hash(number).into());
        Ok(status)
    });
}

/// Runs a pod's programs as one of the chain's sequencers.
fn run(site: &Site, namespace: &str, made: &str, name: &'static str, chain: &Shared) -> Pod {
    let pod = Pod::start(world::address(), "op-node-sequencer", "op-geth");
    join(&pod, name, chain);
    kubelet::report(site, namespace, made, pod.address, true);
    pod
}

/// Both at work, in a namespace of their own.
pub struct Pair {
    /// Where they are.
    pub site: &'static Site,
    /// Their namespace.
    pub namespace: &'static str,
    /// Their network, as it was made.
    pub network: Value,
    /// Both, as they were made.
    pub nodes: [Value; 2],
    /// The programs of each.
    pub pods: [Pod; 2],
    chain: Shared,
    /// L1 of their network.
    pub l1: Double,
}

impl Pair {
    /// Starts them; the chain has 100 blocks, and is otherwise as `begin` has it. One that stands still for `longest` is stopped.
    pub fn start(namespace: &'static str, longest: &str, begin: impl FnOnce(&mut Chain)) -> Self {
        Self::start_on(&world().site, namespace, longest, begin)
    }

    /// The same on another control plane.
    pub fn start_on(
        site: &'static Site,
        namespace: &'static str,
        longest: &str,
        begin: impl FnOnce(&mut Chain),
    ) -> Self {
        Self::start_of(site, NAMES.map(|name| chain::sequencer(namespace, name)), namespace, longest, begin)
    }

    /// The same of these nodes, which are called as [`NAMES`] has it.
    pub fn start_of(
        site: &'static Site,
        nodes: [Value; 2],
        namespace: &'static str,
        longest: &str,
        begin: impl FnOnce(&mut Chain),
    ) -> Self {
        chain::namespace(site, namespace);
        let l1 = world::double("anvil");
        let mut network = chain::network(namespace, "net", &l1.url());
        let ha = json!({"mode": "Operator", "checkInterval": "1s", "maxBlockTime": longest});
        network["spec"]["sequencer"] = json!({"ha": ha});
        site.create(&network);
        nodes.iter().for_each(|node| drop(site.create(node)));
        let chain = Shared::default();
        {
            let mut chain = locked(&chain);
            chain.head = (100, world::now());
            begin(&mut chain);
        }
        let pods = NAMES.map(|name| {
            let made = kubelet::wait_pods(site, namespace, name, 1).remove(0);
            run(site, namespace, &made, name, &chain)
        });
        Self { site, namespace, network, nodes, pods, chain, l1 }
    }

    /// Runs the programs of one more pod, under a name of its own in the chain.
    pub fn run(&self, pod: &str, name: &'static str) -> Pod {
        run(self.site, self.namespace, pod, name, &self.chain)
    }

    /// The chain as it is now.
    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        locked(&self.chain)
    }

    /// Names of the pods to which the network's Service leads.
    fn served(&self) -> Vec<String> {
        let path = format!("/api/v1/namespaces/{}/services/net-active", self.namespace);
        let Some(service) = self.site.get(&path) else { return vec![] };
        let selector = service["spec"]["selector"].as_object().expect("a selector").clone();
        let pods = self.site.list(&format!("/api/v1/namespaces/{}/pods", self.namespace));
        let selected =
            pods.iter().filter(|pod| selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value));
        selected.filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_string)).collect()
    }

    /// Waits until the network names this sequencer as the active one, and its Service leads to its pod alone.
    pub fn follows(&self, name: &str) {
        let active = format!("{}/{name}", self.namespace);
        let named = |network: &Value| network["status"]["sequencing"]["active"] == active.as_str();
        let what = format!("{name} to be active");
        let network = self.site.wait(&what, &paths::of(&self.network), MINUTE, named).0;
        assert_eq!(network["status"]["sequencerService"], "net-active", "{network}");
        let pod = format!("{name}-0");
        let leads = || match self.served() {
            pods if pods == [pod.clone()] => Ok(()),
            pods => Err(format!("it leads to {pods:?}\n{}", self.site.log_tail())),
        };
        until(&format!("the Service to lead to {pod}"), MINUTE, leads);
    }

    /// Waits until the second one was asked so many times more, and the first one as often, if it can be heard.
    pub fn asked(&self, times: usize) {
        let count = || self.pods[1].consensus.count("admin_sequencerActive");
        let wanted = count() + times;
        let asked = || if count() < wanted { Err(self.site.log_tail()) } else { Ok(()) };
        until("both to be asked again", MINUTE, asked);
    }
}
