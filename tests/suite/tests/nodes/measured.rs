//! What is in a status was measured: each field has the value that the real program told, and a phase is `Running` only when
//! the pods are ready and the programs answer.

use std::net::Ipv4Addr;

use rpc_double::{Double, Recording};
use serde_json::{Value, json};
use suite::{Hosts, MINUTE, Site, condition, kubelet, paths};

use crate::chain::{self, FACTORY};
use crate::world::{self, Pod, world};

const NAMESPACE: &str = "measured";

/// A field of a status, and what it has to be.
type Field = (&'static str, Value);
/// A condition: type, status and reason.
type Told = (&'static str, &'static str, &'static str);

#[test]
fn each_status_has_what_the_programs_told() {
    let Some(hosts) = &world().hosts else {
        println!("skipped: no namespaces here, so that the operator can't be given the names of Services");
        return;
    };
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let network = chain::network(NAMESPACE, "net", &l1.url());
    let (sequencer, replica) = (chain::sequencer(NAMESPACE, "seq"), chain::replica(NAMESPACE, "rep", 1));
    let components = components();
    for object in [&network, &sequencer, &replica].into_iter().chain(components.iter().map(|(object, _)| object)) {
        site.create(object);
    }
    holds(site, &network, &[("phase", json!("Ready"))], &[("L1Connected", "True", "RPCEndpointReachable")]);

    let _pods = nodes_run_when_ready_and_answering(site, hosts, &sequencer, &replica);
    let _programs: Vec<Double> =
        components.iter().map(|(object, recording)| runs(site, hosts, object, recording)).collect();
}

/// Each of them is not running while its pod is not ready, or its program does not answer. Gives their pods.
fn nodes_run_when_ready_and_answering(site: &Site, hosts: &Hosts, sequencer: &Value, replica: &Value) -> [Pod; 2] {
    let (ready, answering) = (world::address(), world::address());
    hosts.add(&format!("seq.{NAMESPACE}.svc.cluster.local"), ready.into());
    let pods = ["seq", "rep"].map(|name| kubelet::wait_pods(site, NAMESPACE, name, 1).remove(0));
    kubelet::report(site, NAMESPACE, &pods[0], ready.into(), true);
    kubelet::report(site, NAMESPACE, &pods[1], answering.into(), false);
    let second = Pod::start(answering, "op-node-replica", "op-geth-replica");

    let silent = wait(site, sequencer, "to be ready and silent", |node| {
        condition::brief(node, "Ready").0 == "True"
            && condition::brief(node, "P2PConnected") == ("Unknown", "ConnectionRefused")
    });
    assert_eq!(silent["status"]["phase"], "Initializing", "its program does not answer: {silent}");
    assert!(silent["status"]["nodeInfo"]["chainHead"].is_null(), "{silent}");
    assert!(condition::message(&silent, "P2PConnected").contains("no connection"), "{silent}");
    let unready =
        wait(site, replica, "to answer", |node| !node["status"]["nodeInfo"]["chainHead"]["blockNumber"].is_null());
    assert_eq!(unready["status"]["phase"], "Initializing", "its pod is not ready: {unready}");

    kubelet::report(site, NAMESPACE, &pods[1], answering.into(), true);
    let first = Pod::start(ready, "op-node-sequencer", "op-geth");
    for (node, names) in
        [(sequencer, ["op-node-sequencer", "op-geth"]), (replica, ["op-node-replica", "op-geth-replica"])]
    {
        holds(
            site,
            node,
            &node_fields(names),
            &[
                ("InitializationComplete", "True", "GenesisInitialized"),
                ("P2PConnected", "True", "PeersConnected"),
                // The recorded block is old by now.
                ("Syncing", "True", "HeadIsOld"),
            ],
        );
    }
    first.head(|| (1, world::now()));
    holds(site, sequencer, &[("phase", json!("Running"))], &[("Syncing", "False", "FullySynced")]);
    [first, second]
}

fn node_fields([consensus, execution]: [&str; 2]) -> Vec<Field> {
    let (consensus, execution) = (Recording::load(consensus), Recording::load(execution));
    let head = &consensus.result("optimism_syncStatus")["unsafe_l2"];
    let latest = quantity(&execution.result("eth_getBlockByNumber")["number"]);
    vec![
        ("phase", json!("Running")),
        ("nodeInfo/chainHead/blockNumber", head["number"].clone()),
        ("nodeInfo/chainHead/blockHash", head["hash"].clone()),
        ("nodeInfo/chainHead/timestamp", json!(rfc3339(head["timestamp"].as_f64()))),
        ("nodeInfo/syncStatus/currentBlock", json!(latest)),
        ("nodeInfo/syncStatus/highestBlock", json!(latest)),
        ("nodeInfo/syncStatus/syncing", execution.result("eth_syncing").clone()),
        ("nodeInfo/peerCount", consensus.result("opp2p_peerStats")["connected"].clone()),
        ("nodeInfo/engineConnected", json!(true)),
        ("executionClient", json!("geth")),
    ]
}

/// The components, and the programs that they run.
fn components() -> [(Value, &'static str); 3] {
    let make = |kind, name, own| chain::component(kind, NAMESPACE, name, &own);
    let game = json!({"disputeGame": {"factoryAddr": FACTORY, "gameType": 0}});
    let alphabet = json!({"disputeGame": {"factoryAddr": FACTORY}, "faultProof": {"traceType": "alphabet"}});
    [
        (make("OpBatcher", "batcher", json!({})), "op-batcher"),
        (make("OpProposer", "proposer", game), "op-proposer"),
        (make("OpChallenger", "challenger", alphabet), "op-challenger"),
    ]
}

/// Waits until a component runs, and has in its status what its program's metrics tell. Gives the program.
fn runs(site: &Site, hosts: &Hosts, object: &Value, recording: &str) -> Double {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let address = world::address();
    let pod = kubelet::wait_pods(site, NAMESPACE, &format!("{name}-"), 1).remove(0);
    assert_eq!(site.get(&paths::of(object)).unwrap_or_default()["status"]["phase"], "Pending");
    hosts.add(&format!("{name}.{NAMESPACE}.svc.cluster.local"), address.into());
    let program = serve(site, name, address, recording);
    kubelet::report(site, NAMESPACE, &pod, address.into(), true);
    let recorded = Recording::load(recording);
    let (fields, conditions): (Vec<Field>, Vec<Told>) = match recording {
        "op-batcher" => {
            let last = recorded.metric(r#"op_batcher_default_last_batcher_tx_unix{stage="success"}"#);
            let pending = recorded.metric("op_batcher_default_channel_queue_length");
            let fields = vec![
                ("batcherInfo/lastBatchSubmitted/timestamp", json!(rfc3339(Some(last)))),
                ("batcherInfo/pendingBatches", json!(pending as u64)),
            ];
            let told = [
                ("L1Connected", "True", "ConnectionEstablished"),
                ("L2Connected", "True", "SequencerReachable"),
                ("WithinSequencingWindow", "True", "PostedInTime"),
            ];
            (fields, told.into())
        }
        "op-proposer" => {
            let block = recorded.metric("op_proposer_default_proposed_sequence_number");
            let fields = vec![("proposerInfo/lastProposalSubmitted/l2BlockNumber", json!(block as u64))];
            let l1 = ("L1Connected", "True", "OracleContractReachable");
            (fields, vec![l1, ("L2Connected", "True", "OutputRootAccessible")])
        }
        _ => {
            let games = recorded.metric(r#"op_challenger_tracked_games{status="in_progress"}"#);
            (vec![("challengerInfo/activeGames", json!(games as u64))], vec![])
        }
    };
    holds(site, object, &fields, &conditions);
    holds(site, object, &[("phase", json!("Running"))], &[("Ready", "True", "Ready")]);
    program
}

/// A double at the port that the component's Service has for metrics.
fn serve(site: &Site, name: &str, address: Ipv4Addr, recording: &str) -> Double {
    let service = site.get(&format!("/api/v1/namespaces/{NAMESPACE}/services/{name}")).expect("a Service");
    let ports = service["spec"]["ports"].as_array().expect("ports");
    let metrics = ports.iter().find(|port| port["name"].as_str().is_some_and(|name| name.contains("metrics")));
    let port = metrics.and_then(|port| port["port"].as_u64()).and_then(|port| u16::try_from(port).ok());
    world::double_at(address, port.expect("a port for metrics"), recording)
}

/// Waits until a status has these fields and conditions.
#[track_caller]
fn holds(site: &Site, object: &Value, fields: &[Field], conditions: &[Told]) {
    let differs = |live: &Value| {
        let field = |(path, value): &&Field| live["status"].pointer(&format!("/{path}")) != Some(value);
        let told = |(name, status, reason): &&Told| condition::brief(live, name) != (status, reason);
        (fields.iter().find(field).cloned(), conditions.iter().find(told).copied())
    };
    let what = format!("to have {fields:?} and {conditions:?}");
    let live = wait(site, object, &what, |live| differs(live) == (None, None));
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    println!("S1-47: {name}: {} fields and {} conditions as recorded", fields.len(), conditions.len());
    assert_eq!(live["status"]["observedGeneration"], live["metadata"]["generation"]);
}

#[track_caller]
fn wait(site: &Site, object: &Value, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    site.wait(&format!("{} {what}", paths::of(object)), &paths::of(object), MINUTE, is_so).0
}

fn quantity(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a quantity");
    u64::from_str_radix(digits, 16).expect("a quantity")
}

fn rfc3339(seconds: Option<f64>) -> String {
    let seconds = seconds.expect("a time") as i64;
    jiff::Timestamp::from_second(seconds).expect("a time").to_string()
}
