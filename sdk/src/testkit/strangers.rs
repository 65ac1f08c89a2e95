//! Objects of a namespace that no network permits: what they say and are must change no answer.

use serde_json::{Value, json};
use std::path::Path;

use super::{Case, FakeCluster, RenderClient, readable};
use crate::answer::Finalized;
use crate::call;
use crate::wire::workload;
use crate::workload::Workload;

/// Namespace of the strangers.
pub const STRANGER: &str = "stranger";
const NETWORK: &str = "OptimismNetwork";
/// Older than every object of a case.
const LONG_AGO: &str = "2001-01-01T00:00:00Z";
const PEER_ID: &str = "16Uiu2HAmMUjGmiUhJeiZgu6ZZnLRkE2VViR2JgjqtW9aTZnHQqgg";

/// Checks on every case of a crate that objects of another namespace that name its network, and are older than all others,
/// change neither the answer nor whether the object may be deleted. `observe` adds what the host would have heard of them. Cases
/// whose network permits other namespaces are left out.
///
/// # Panics
/// When an answer changes, or there is no case with a network.
pub fn check_strangers<W: Workload>(
    crate_dir: &str,
    clients: &[(&str, RenderClient)],
    observe: fn(&mut workload::Request),
) {
    let mut checked = 0;
    for case in Case::all(Path::new(crate_dir)) {
        let all = std::iter::once(&case.object).chain(&case.documents);
        let networks: Vec<_> = all.filter(|document| document["kind"] == NETWORK).cloned().collect();
        if networks.is_empty() || networks.iter().any(|network| !network["spec"]["allowedNamespaces"].is_null()) {
            continue;
        }
        let strangers: Vec<_> = networks.iter().flat_map(strangers).collect();
        let answers = [vec![], strangers].map(|more| {
            let cluster = cluster(&case, more, clients);
            let mut request = case.request();
            observe(&mut request);
            let finalized = match call::finalize::<W>(&cluster, case.request()) {
                Ok(Finalized::Blocked(why)) => why,
                Ok(Finalized::Proceed) => "proceeds".into(),
                Err(failure) => failure.to_string(),
            };
            (readable(call::reconcile::<W>(&cluster, request)), finalized)
        });
        let [without, with] = answers;
        assert_eq!(with, without, "strangers change the answer of {}", case.folder.display());
        checked += 1;
    }
    assert!(checked > 0, "no case in {crate_dir} has a network");
}

/// Checks on every case of a crate that the same object in another namespace, which its network does not permit, is refused: it
/// has no children, asks and does nothing, and its condition says what to do.
///
/// # Panics
/// When it is not refused, or there is no case with a network.
pub fn check_consent<W: Workload>(crate_dir: &str, clients: &[(&str, RenderClient)]) {
    let mut checked = 0;
    for mut case in Case::all(Path::new(crate_dir)) {
        let home = case.object["metadata"]["namespace"].clone();
        let mut reference = case.object["spec"]["optimismNetworkRef"].clone();
        if reference["namespace"].is_null() {
            reference["namespace"] = home;
        }
        let is_named = |document: &&mut Value| {
            let metadata = &document["metadata"];
            document["kind"] == NETWORK
                && metadata["name"] == reference["name"]
                && metadata["namespace"] == reference["namespace"]
        };
        let Some(network) = case.documents.iter_mut().find(is_named) else { continue };
        if let Some(spec) = network["spec"].as_object_mut() {
            spec.remove("allowedNamespaces");
        }
        case.object["metadata"]["namespace"] = STRANGER.into();
        case.object["spec"]["optimismNetworkRef"] = reference;
        let cluster = cluster(&case, vec![], clients);
        let answer = call::reconcile::<W>(&cluster, case.request());
        // What is invalid is told first.
        let Ok(answer) = answer else { continue };
        check_refusal(&answer, "spec.optimismNetworkRef", &case.folder.display().to_string());
        checked += 1;
    }
    assert!(checked > 0, "no case in {crate_dir} has a network");
}

/// Checks on the case `minimal` of a component's crate that `spec.sequencerRef` leads to a node of another namespace only where the
/// node's network permits components of this one.
///
/// # Panics
/// When it is read from without, or is not with it.
pub fn check_node_consent<W: Workload>(crate_dir: &str) {
    let mut case = Case::load(&Path::new(crate_dir).join("tests/cases/minimal"));
    case.object["spec"]["sequencerRef"] = json!({"name": "theirs-sequencer", "namespace": STRANGER});
    case.documents.extend(foreign_chain());
    let answer = |case: &Case| {
        let answer = call::reconcile::<W>(&cluster(case, vec![], &[]), case.request());
        answer.unwrap_or_else(|failure| panic!("minimal: {failure:?}"))
    };
    check_refusal(&answer(&case), "spec.sequencerRef", "minimal");
    // With it, the node is read from.
    for document in &mut case.documents {
        if document["metadata"]["name"] == "theirs" {
            document["spec"]["allowedNamespaces"] = json!({"components": {"from": "All"}});
        }
    }
    let status: Value = serde_json::from_str(&answer(&case).status).unwrap_or_default();
    assert_eq!(status["sources"], json!([format!("{STRANGER}/theirs-sequencer")]));
}

/// Checks that an object was refused for a reference in the field.
///
/// # Panics
/// When it was not.
pub fn check_refusal(answer: &workload::Response, field: &str, what: &str) {
    let workload::Children::Keep(why) = &answer.children else { panic!("{what}: it has children") };
    let ready = answer.conditions.iter().find(|condition| condition.name == "Ready");
    let ready = ready.unwrap_or_else(|| panic!("{what}: it says nothing of Ready, but {why}"));
    assert_eq!(ready.reason, crate::answer::NOT_PERMITTED, "{what}: {}", ready.message);
    for part in [field, "OptimismNetwork", "or"] {
        assert!(ready.message.contains(part), "{what}: {} does not tell {part}", ready.message);
    }
    assert!(answer.probes.is_empty() && answer.actions.is_empty() && answer.secrets.is_empty(), "{what}: it acts");
}

/// A network of the namespace [`STRANGER`], and a running sequencer of it: `theirs` and `theirs-sequencer`. It permits nobody.
pub fn foreign_chain() -> Vec<Value> {
    let ours = json!({"metadata": {"name": "theirs", "namespace": STRANGER}});
    let mut documents = strangers(&ours);
    documents.push(json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": NETWORK, "metadata": {"name": "theirs", "namespace": STRANGER},
        "spec": {"networkName": "op-sepolia", "chainID": 11_155_420, "l1ChainID": 11_155_111, "l1RpcUrl": "http://l1.example.org"},
    }));
    documents
}

fn cluster(case: &Case, more: Vec<Value>, clients: &[(&str, RenderClient)]) -> FakeCluster {
    let mut cluster = FakeCluster::new([case.documents.clone(), more].concat());
    for (name, render) in clients {
        cluster = cluster.client(name, *render);
    }
    cluster
}

/// A node of each type and a component of each kind that name a network; all that others would look up of them is there.
pub fn strangers(network: &Value) -> Vec<Value> {
    let name = network["metadata"]["name"].as_str().unwrap_or_default();
    let reference = json!({"name": name, "namespace": network["metadata"]["namespace"]});
    let object = |kind: &str, suffix: &str, spec: Value| {
        let mut object = json!({
            "apiVersion": "optimism.io/v1alpha1", "kind": kind,
            "metadata": {"name": format!("{name}-{suffix}"), "namespace": STRANGER, "creationTimestamp": LONG_AGO},
            "spec": spec,
        });
        object["spec"]["optimismNetworkRef"] = reference.clone();
        object
    };
    let mut all = vec![
        object("OpBatcher", "batcher", json!({})),
        object("OpProposer", "proposer", json!({})),
        object("OpChallenger", "challenger", json!({})),
    ];
    for (node_type, stopped) in [("sequencer", json!(false)), ("replica", json!(true))] {
        all.push(object(
            "OpNode",
            node_type,
            json!({"nodeType": node_type, "opNode": {"sequencer": {"stopped": stopped}}}),
        ));
        all.extend(around_node(&format!("{name}-{node_type}")));
    }
    all
}

/// The Secret and the StatefulSet of a stranger's node.
fn around_node(name: &str) -> [Value; 2] {
    let key = json!({"length": 64, "hex32": true, "fingerprint": "f66", "address": "0xf66", "peerId": PEER_ID});
    [
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("{name}-p2p"), "namespace": STRANGER},
            "facts": {"private-key": key, "execution-key": key},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name, "namespace": STRANGER, "generation": 1},
            "spec": {"replicas": 1, "serviceName": format!("{name}-headless"), "selector": {}, "template": {}},
            "status": {"replicas": 1, "observedGeneration": 1},
        }),
    ]
}
