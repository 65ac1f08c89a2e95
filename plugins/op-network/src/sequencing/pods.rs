//! Pods of sequencers and the machines under them, as the cluster knows them.
//!
//! A list of pods holds those that were deleted a while ago as well, in the state in which they were last: whether a pod has ended
//! or was only forgotten is told by its own last state.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node as KubernetesNode, Pod as KubernetesPod};
use opstack_sdk::Metadata;
use opstack_sdk::answer::{Failure, ObjectRef};
use opstack_sdk::cluster::{Context, kind_of};
use opstack_sdk::opstack::active::{NETWORK, network_label};
use opstack_sdk::opstack::node::Node;
use serde::Deserialize;

use super::process::{Machine, OUT_OF_SERVICE, Pod};
use super::record::Record;

/// The container that makes the blocks.
const PROGRAM: &str = "op-node";

/// What is read of a pod. All else may be of any shape.
#[derive(Deserialize)]
struct Live {
    metadata: Metadata,
    #[serde(default)]
    spec: LiveSpec,
    #[serde(default)]
    status: LiveStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LiveSpec {
    node_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LiveStatus {
    container_statuses: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    restart_count: u32,
    state: BTreeMap<String, serde_json::Value>,
    last_state: BTreeMap<String, serde_json::Value>,
}

impl Container {
    /// Whether it does not run, and did. That a pod failed tells less: a controller writes it of a pod on a lost machine.
    fn has_ended(&self) -> bool {
        let is = |states: &BTreeMap<String, serde_json::Value>, state| states.contains_key(state);
        is(&self.state, "terminated")
            || is(&self.state, "waiting") && is(&self.last_state, "terminated") && !is(&self.state, "running")
    }
}

impl From<Live> for Pod {
    fn from(live: Live) -> Self {
        let program = live.status.container_statuses.iter().find(|container| container.name == PROGRAM);
        Self {
            uid: live.metadata.uid,
            machine: live.spec.node_name,
            restarts: program.map_or(0, |container| container.restart_count),
            runs: program.is_some_and(|container| container.state.contains_key("running")),
            ended: program.is_some_and(Container::has_ended),
        }
    }
}

/// The pod of a sequencer's name.
///
/// # Errors
/// When it can't be read.
pub fn current(cx: &Context<'_>, node: &Node) -> Result<Option<Pod>, Failure> {
    let live: Option<Live> = cx.find(&kind_of::<KubernetesPod>(), &node.metadata.namespace, &node.pod())?;
    // Without a uid no pod can be told from the next one.
    Ok(live.map(Pod::from).filter(|pod| !pod.uid.is_empty()))
}

/// All pods of a network's sequencers, and those that were deleted a while ago.
pub fn all(cx: &Context<'_>, network: &Metadata, nodes: &[Node]) -> Vec<Pod> {
    let namespaces: BTreeSet<_> =
        nodes.iter().map(|node| &node.metadata.namespace).chain([&network.namespace]).collect();
    let label = network_label(&network.namespace, &network.name);
    let selector = format!("{NETWORK}={label},app.kubernetes.io/component=sequencer");
    let list = |namespace: &String| cx.cluster.list(&kind_of::<KubernetesPod>(), Some(namespace), &selector);
    let pods = namespaces.into_iter().flat_map(list);
    pods.filter_map(|json| serde_json::from_str::<Live>(&json).ok()).map(Pod::from).collect()
}

/// The machines of pods, and those of what is remembered.
///
/// # Errors
/// When one can't be read.
pub fn machines<'a>(
    cx: &Context<'_>,
    record: &'a Record,
    pods: impl Iterator<Item = &'a Pod>,
) -> Result<Vec<Machine>, Failure> {
    let of_pods = pods.filter_map(|pod| pod.machine.as_ref());
    let of_record = record.processes.iter().filter_map(|process| process.machine.as_ref());
    let names: BTreeSet<_> = of_pods.chain(of_record).collect();
    names.into_iter().filter_map(|name| machine(cx, name).transpose()).collect()
}

fn machine(cx: &Context<'_>, name: &str) -> Result<Option<Machine>, Failure> {
    let object = ObjectRef { kind: kind_of::<KubernetesNode>(), namespace: None, name: name.into() };
    let Some(json) = cx.cluster.get(&object) else { return Ok(None) };
    let node: serde_json::Value =
        serde_json::from_str(&json).map_err(|error| Failure::other(format!("failed to read Node {name}: {error}")))?;
    let text = |field: &str| node["status"]["nodeInfo"][field].as_str().filter(|text| !text.is_empty()).map(Into::into);
    let taints = node["spec"]["taints"].as_array();
    Ok(Some(Machine {
        name: name.into(),
        system: text("systemUUID"),
        boot: text("bootID"),
        out_of_service: taints.into_iter().flatten().any(|taint| taint["key"] == OUT_OF_SERVICE),
    }))
}
