//! The operator chooses among two sequencers: one makes blocks at a time, the next goes on from where the last one stopped, and
//! labels and Service follow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc_double::{Recording, RpcError};
use serde_json::{Value, json};
use suite::{MINUTE, Site, kubelet, paths};

use crate::chain;
use crate::world::{self, Pod, world};

const NAMESPACE: &str = "failover";
const NAMES: [&str; 2] = ["seq-a", "seq-b"];

/// The two sequencers' chain: a block a second while one of them makes blocks, which both have at once.
#[derive(Default)]
struct Chain {
    /// Its newest block, and when it was made, in seconds since 1970.
    head: (u64, u64),
    /// Who makes blocks.
    active: Vec<&'static str>,
    /// What was called, in order: who, what, and the block that it names.
    calls: Vec<(&'static str, &'static str, u64)>,
}

impl Chain {
    fn grow(&mut self) {
        let now = world::now();
        let (number, time) = self.head;
        self.head = (number + if self.active.is_empty() { 0 } else { now.saturating_sub(time) }, now);
    }

    fn hash(&self) -> String {
        format!("0x{:064x}", self.head.0)
    }
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
        chain.calls.push((name, "stop", chain.head.0));
        Ok(chain.hash().into())
    });
    on("admin_startSequencer", |chain, name, params| {
        // As op-node refuses another block than its own newest one.
        if params[0] != chain.hash().as_str() {
            return Err(RpcError { code: -32000, message: "block hash does not match".into() });
        }
        chain.active.push(name);
        chain.calls.push((name, "start", chain.head.0));
        Ok(Value::Null)
    });
    let chain = Arc::clone(chain);
    pod.consensus.on("optimism_syncStatus", move |_| {
        let chain = locked(&chain);
        let mut status = recorded.clone();
        status["head_l1"]["timestamp"] = world::now().into();
        let head = &mut status["unsafe_l2"];
        (head["number"], head["timestamp"], head["hash"]) =
            (chain.head.0.into(), chain.head.1.into(), chain.hash().into());
        Ok(status)
    });
}

/// Names of the pods to which the network's Service leads.
fn served(site: &Site) -> Vec<String> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/net-active");
    let Some(service) = site.get(&path) else { return vec![] };
    let selector = service["spec"]["selector"].as_object().expect("a selector").clone();
    let pods = site.list(&format!("/api/v1/namespaces/{NAMESPACE}/pods"));
    let selected =
        pods.iter().filter(|pod| selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value));
    selected.filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_string)).collect()
}

/// Waits until the network names this sequencer as the active one, and its Service leads to its pod alone.
fn follows(site: &Site, network: &Value, name: &str) {
    let active = format!("{NAMESPACE}/{name}");
    let named = |network: &Value| network["status"]["sequencing"]["active"] == active.as_str();
    let network = site.wait(&format!("{name} to be active"), &paths::of(network), MINUTE, named).0;
    assert_eq!(network["status"]["sequencerService"], "net-active", "{network}");
    let pod = format!("{name}-0");
    let leads = || match served(site) {
        pods if pods == [pod.clone()] => Ok(()),
        pods => Err(format!("it leads to {pods:?}\n{}", site.log_tail())),
    };
    suite::until(&format!("the Service to lead to {pod}"), MINUTE, leads);
}

#[test]
fn labels_and_service_follow_a_planned_change_of_the_sequencer() {
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let mut network = chain::network(NAMESPACE, "net", &l1.url());
    network["spec"]["sequencer"] = json!({"ha": {"mode": "Operator", "checkInterval": "1s", "maxBlockTime": "30s"}});
    let nodes = NAMES.map(|name| chain::sequencer(NAMESPACE, name));
    site.create(&network);
    nodes.iter().for_each(|node| drop(site.create(node)));

    let shared = Shared::default();
    locked(&shared).head = (100, world::now());
    let _pods = NAMES.map(|name| {
        let made = kubelet::wait_pods(site, NAMESPACE, name, 1).remove(0);
        let pod = Pod::start(world::address(), "op-node-sequencer", "op-geth");
        join(&pod, name, &shared);
        kubelet::report(site, NAMESPACE, &made, pod.address, true);
        pod
    });
    let first = suite::until("one to make blocks", MINUTE, || {
        locked(&shared).active.first().copied().ok_or_else(|| site.log_tail())
    });
    let first = first.0;
    follows(site, &network, first);
    let (index, second) = if first == NAMES[0] { (0, NAMES[1]) } else { (1, NAMES[0]) };

    site.merge(&paths::of(&nodes[index]), &json!({"spec": {"opNode": {"sequencer": {"stopped": true}}}}));
    follows(site, &network, second);
    let chain = locked(&shared);
    assert_eq!(chain.active, [second], "one makes blocks");
    let said: Vec<_> = chain.calls.iter().map(|(name, what, _)| (*name, *what)).collect();
    assert_eq!(said, [(first, "start"), (first, "stop"), (second, "start")], "nothing else was called");
    assert_eq!(chain.calls[1].2, chain.calls[2].2, "the second goes on from where the first one stopped");
    println!("S0-16, S0-25: {:?}", chain.calls);
}
