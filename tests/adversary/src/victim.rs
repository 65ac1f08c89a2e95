//! The victim: a whole chain of one namespace. Two sequencers of which the operator has one active, a replica, a batcher, a
//! proposer and a challenger, with doubles in the place of their programs.

use std::time::{Duration, Instant};

use rpc_double::Double;
use serde_json::{Value, json};
use suite::{
    Hosts, MINUTE, Site, chain, condition, kubelet,
    pair::{NAMES, Pair},
    paths, until,
    world::{self, Pod},
};

use crate::{picture::Picture, watch};

/// Its namespace.
pub const NAMESPACE: &str = "victim";
/// A network of it that nothing of its own refers to.
pub const SPARE: &str = "spare";
/// For so long its picture has to stay before it counts as at rest.
const REST: Duration = Duration::from_secs(8);

/// The victim at work.
pub struct Victim {
    /// Its sequencers, network and L1.
    pub pair: Pair,
    /// The replica's programs.
    pub replica: Pod,
    /// The replica, as it was made.
    pub node: Value,
    /// The network that may be deleted, as it was made.
    pub spare: Value,
    components: Vec<(Value, Double)>,
}

impl Victim {
    /// Starts it, and waits until all of it runs.
    pub fn start(site: &'static Site, hosts: &Hosts) -> Self {
        Self::start_of(site, hosts, NAMES.map(|name| chain::sequencer(NAMESPACE, name)))
    }

    /// The same of these sequencers.
    pub fn start_of(site: &'static Site, hosts: &Hosts, sequencers: [Value; 2]) -> Self {
        let pair = Pair::start_of(site, sequencers, NAMESPACE, "30s", |chain| chain.active = vec![NAMES[0]]);
        for (name, pod) in NAMES.into_iter().zip(&pair.pods) {
            hosts.add(&host(name), pod.address);
        }
        hosts.add(&host("net-active"), pair.pods[0].address);
        let node = without_upstream(chain::replica(NAMESPACE, "rep", 1));
        let spare = chain::network(NAMESPACE, SPARE, &pair.l1.url());
        site.create(&node);
        site.create(&spare);
        let replica = run_replica(site, hosts);
        let components = components().map(|(object, recording)| {
            site.create(&object);
            let program = run_component(site, hosts, &object, recording);
            (object, program)
        });
        let victim = Self { pair, replica, node, spare, components: components.into() };
        victim.wait_running(site);
        victim
    }

    fn wait_running(&self, site: &Site) {
        self.pair.follows(NAMES[0]);
        let objects = self.pair.nodes.iter().chain([&self.node]).chain(self.components());
        for object in objects {
            let runs =
                |live: &Value| condition::brief(live, "Ready").0 == "True" && live["status"]["phase"] == "Running";
            site.wait("the victim to run", &paths::of(object), MINUTE, runs);
        }
    }

    /// Its programs, by name.
    pub fn programs(&self) -> Vec<(String, &Double)> {
        let pods = NAMES.into_iter().zip(&self.pair.pods).chain([("rep", &self.replica)]);
        let nodes = pods.flat_map(|(name, pod)| [(format!("{name}'s op-node"), &pod.consensus)]);
        let components =
            self.components.iter().map(|(object, program)| (object["metadata"]["name"].to_string(), program));
        nodes.chain([("its L1".to_string(), &self.pair.l1)]).chain(components).collect()
    }

    /// Waits until nothing but its blocks moves any more, and gives the picture.
    pub fn at_rest(&self, site: &Site) -> Picture {
        let mut last = (Picture::take(site, NAMESPACE), Instant::now());
        let rests = || {
            let now = Picture::take(site, NAMESPACE);
            let differences = last.0.differences(&now);
            if !differences.is_empty() {
                last = (now, Instant::now());
            }
            if last.1.elapsed() >= REST { Ok(()) } else { Err(differences.join("\n")) }
        };
        until("the victim to be at rest", 3 * MINUTE, rests);
        Picture::take(site, NAMESPACE)
    }

    /// For how long each program was asked nothing, at the longest.
    pub fn gaps(&self, from: Instant, to: Instant) -> Vec<(String, Duration)> {
        self.programs().into_iter().map(|(name, program)| (name, watch::longest_gap(program, from, to))).collect()
    }

    /// Its batcher, proposer and challenger, as they were made.
    pub fn components(&self) -> impl Iterator<Item = &Value> {
        self.components.iter().map(|(object, _)| object)
    }

    /// The account of its batcher.
    pub fn account(&self, site: &Site) -> String {
        let (batcher, _) = &self.components[0];
        let live = site.get(&paths::of(batcher)).unwrap_or_default();
        live["status"]["account"].as_str().unwrap_or_else(|| panic!("no account: {live}")).to_string()
    }
}

fn host(name: &str) -> String {
    format!("{name}.{NAMESPACE}.svc.cluster.local")
}

/// A node that follows whichever sequencer of its network is active.
fn without_upstream(mut node: Value) -> Value {
    if let Some(spec) = node["spec"].as_object_mut() {
        spec.remove("sequencerUrl");
        spec.remove("sequencerRef");
    }
    node
}

fn run_replica(site: &Site, hosts: &Hosts) -> Pod {
    let made = kubelet::wait_pods(site, NAMESPACE, "rep-", 1).remove(0);
    let pod = replica_in(site, &made);
    hosts.add(&host("rep"), pod.address);
    pod
}

/// Runs the programs of a replica's pod.
pub fn replica_in(site: &Site, made: &str) -> Pod {
    let pod = Pod::start(world::address(), "op-node-replica", "op-geth-replica");
    pod.head(|| (world::now(), world::now()));
    pod.execution.answer("eth_syncing", json!(false));
    kubelet::report(site, NAMESPACE, made, pod.address, true);
    pod
}

/// The components, and the programs that they run. The challenger reads from one node that is named.
fn components() -> [(Value, &'static str); 3] {
    let make = |kind, name, own: Value| without_upstream(chain::component(kind, NAMESPACE, name, &own));
    let game = json!({"disputeGame": {"factoryAddr": chain::FACTORY, "gameType": 0}});
    let alphabet = json!({"disputeGame": {"factoryAddr": chain::FACTORY}, "faultProof": {"traceType": "alphabet"}});
    let mut challenger = make("OpChallenger", "challenger", alphabet);
    challenger["spec"]["sequencerRef"] = json!({"name": "rep"});
    [
        (make("OpBatcher", "batcher", json!({})), "op-batcher"),
        (make("OpProposer", "proposer", game), "op-proposer"),
        (challenger, "op-challenger"),
    ]
}

/// Its pod runs, and its program answers at the port that its Service has for metrics.
fn run_component(site: &Site, hosts: &Hosts, object: &Value, recording: &str) -> Double {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let is_applied = |object: &Value| object["status"]["applied"].is_string();
    site.wait(&format!("{name} to be applied"), &paths::of(object), MINUTE, is_applied);
    let pod = kubelet::wait_pods(site, NAMESPACE, &format!("{name}-"), 1).remove(0);
    let address = world::address();
    hosts.add(&host(name), address.into());
    let service = site.get(&format!("/api/v1/namespaces/{NAMESPACE}/services/{name}")).expect("a Service");
    let ports = service["spec"]["ports"].as_array().expect("ports");
    let metrics = ports.iter().find(|port| port["name"].as_str().is_some_and(|name| name.contains("metrics")));
    let port = metrics.and_then(|port| u16::try_from(port["port"].as_u64()?).ok()).expect("a port for metrics");
    let program = world::double_at(address, port, recording);
    kubelet::report(site, NAMESPACE, &pod, address.into(), true);
    program
}
