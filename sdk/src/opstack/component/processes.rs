//! The processes of a component that may be running: pods that were bound to a machine and are not known to have ended.
//!
//! A pod object that is gone proves nothing: its machine may be out of reach, and the process lives on. So each process is
//! remembered in `status.processes` until the kubelet has said that it ended, its machine is declared out of service, or a
//! person says so. While one is neither there nor proven to have ended, the component has no pod.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Obstacle;
use crate::answer::{Failure, ObjectRef};
use crate::cluster::{Context, kind_of};
use crate::kubernetes::App;
use crate::object::Metadata;
use crate::opstack::status::Phase;

/// Annotation of a component: uids of pods, separated by commas, of which a person says that they run no process.
pub const PROCESS_ENDED: &str = "optimism.io/process-ended";
/// Taint by which a person or a cloud says that a machine is off (Kubernetes: non-graceful node shutdown).
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// Taint of a machine whose kubelet is not heard of.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// A process that may be running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Name of its pod.
    pub pod: String,
    /// UID of its pod.
    #[serde(rename = "podUID")]
    pub pod_uid: String,
    /// Name of its machine.
    pub node: String,
    /// UID of its machine's Node object; absent where there was none.
    #[serde(rename = "nodeUID", default, skip_serializing_if = "Option::is_none")]
    pub node_uid: Option<String>,
}

/// What is known of a component's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Processes {
    /// Those that may be running: what is to be remembered.
    pub alive: Vec<Process>,
    /// Of them those whose pod is gone, or is being deleted out of reach, and that nothing proves to have ended.
    pub lost: Vec<Process>,
    /// Whether a Deployment of an earlier version of the operator, or a pod of one, is there.
    pub former: bool,
    /// Whether the StatefulSet wants or has a pod.
    pub begun: bool,
}

impl Processes {
    /// Looks at the pods of a component and at the machines of those that are gone. `status` is what was reported last.
    ///
    /// # Errors
    /// `other` when an object can't be read.
    pub fn find(cx: &Context<'_>, app: &App, metadata: &Metadata, status: &Value) -> Result<Self, Failure> {
        let remembered: Vec<Process> = serde_json::from_value(status["processes"].clone()).unwrap_or_default();
        let pods = pods(cx, app)?;
        let word = metadata.annotations.get(PROCESS_ENDED).map(String::as_str).unwrap_or_default();
        let mut found = Self::default();
        for process in remembered {
            let pod = pods.iter().find(|pod| pod.metadata.uid == process.pod_uid);
            match pod {
                Some(pod) if pod.has_ended() => {}
                // One that is being deleted on a machine out of reach may go at any moment, by force: then a StatefulSet that
                // wants a pod has another one before anybody can look.
                Some(pod) if pod.is_there && !(pod.is_terminating() && is_out_of_reach(cx, &process)?) => {
                    found.alive.push(process);
                }
                _ if word.split(',').any(|uid| uid.trim() == process.pod_uid) => {}
                _ if has_ended_with_machine(cx, &process)? => {}
                _ => {
                    found.lost.push(process.clone());
                    found.alive.push(process);
                }
            }
        }
        for pod in pods.iter().filter(|pod| pod.is_there && !pod.has_ended()) {
            if found.alive.iter().all(|process| process.pod_uid != pod.metadata.uid) {
                found.alive.extend(pod.process(cx)?);
            }
        }
        let deployment = &kind_of::<Deployment>().kind;
        found.former = cx.children.iter().any(|child| child.ref_.kind.kind == *deployment)
            || pods.iter().any(|pod| pod.is_there && pod.is_of_deployment() && !pod.has_ended());
        let set: Option<Set> = cx.find(&kind_of::<StatefulSet>(), app.namespace(), app.instance())?;
        found.begun = set.is_some_and(|set| set.spec.replicas > 0 || set.status.replicas > 0);
        Ok(found)
    }

    /// Whether there is, or may be, a process that uses the account.
    pub fn may_run(&self) -> bool {
        self.begun || self.former || !self.alive.is_empty()
    }

    /// Whether nothing of before can run beside a new pod.
    ///
    /// # Errors
    /// Names the process that may, and says what proves that it has ended.
    pub fn check(&self, program: &str) -> Result<(), Obstacle> {
        if let Some(Process { pod, pod_uid, node, .. }) = self.lost.first() {
            let message = format!(
                "{program} of the pod {pod} (uid {pod_uid}) may still run on {node}: the pod is gone or being deleted, and nothing proves that its process has ended, so no other one is started for the account. Bring {node} back; or switch it off and taint it {OUT_OF_SERVICE}; or, when you know that the process has ended, annotate this object with {PROCESS_ENDED}: {pod_uid}"
            );
            return Err(Obstacle { phase: Phase::Error, reason: "AccountMayBeInUse", message });
        }
        if self.former {
            let what = format!("{program} of its former Deployment to end, before the StatefulSet gets a pod");
            return Err(Obstacle::waiting(&what));
        }
        Ok(())
    }
}

/// Whether a process whose pod is gone has ended: its machine is off, or the kubelet of the same machine is heard of, which
/// stops what has no pod.
fn has_ended_with_machine(cx: &Context<'_>, process: &Process) -> Result<bool, Failure> {
    let Some(machine) = Machine::find(cx, &process.node)? else { return Ok(false) };
    let is_same = process.node_uid.as_ref() == Some(&machine.metadata.uid);
    Ok(machine.has(OUT_OF_SERVICE) || is_same && machine.is_heard_of())
}

/// Whether nothing is heard of the kubelet of a process's machine.
fn is_out_of_reach(cx: &Context<'_>, process: &Process) -> Result<bool, Failure> {
    Ok(Machine::find(cx, &process.node)?.is_none_or(|machine| !machine.is_heard_of()))
}

/// Pods that a StatefulSet or a Deployment made for the component; also those that were deleted lately, by their last state.
fn pods(cx: &Context<'_>, app: &App) -> Result<Vec<PodView>, Failure> {
    let selector: Vec<_> = app.selector().iter().map(|(key, value)| format!("{key}={value}")).collect();
    let listed = cx.cluster.list(&kind_of::<Pod>(), Some(app.namespace()), &selector.join(","));
    let mut pods: Vec<PodView> = listed.iter().filter_map(|json| serde_json::from_str(json).ok()).collect();
    // Asked for by its name too: a change of that one wakes at once.
    let own: Option<PodView> = cx.find(&kind_of::<Pod>(), app.namespace(), &app.named("0"))?;
    pods.extend(own.filter(|own| pods.iter().all(|pod| pod.metadata.uid != own.metadata.uid)));
    pods.retain(|pod| pod.is_of(app.instance()));
    for pod in &mut pods {
        let now: Option<PodView> = cx.find(&kind_of::<Pod>(), app.namespace(), &pod.metadata.name)?;
        pod.is_there = now.is_some_and(|now| now.metadata.uid == pod.metadata.uid);
    }
    Ok(pods)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodView {
    metadata: PodMetadata,
    spec: PodSpec,
    status: PodStatus,
    /// A list of pods ends with those that were deleted lately.
    #[serde(skip)]
    is_there: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodMetadata {
    name: String,
    uid: String,
    owner_references: Vec<Owner>,
    deletion_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
    controller: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    node_name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    phase: String,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    state: Value,
}

impl PodView {
    fn is_of(&self, instance: &str) -> bool {
        let controller = self.metadata.owner_references.iter().find(|owner| owner.controller);
        controller.is_some_and(|owner| match owner.kind.as_str() {
            "StatefulSet" => owner.name == instance,
            "ReplicaSet" => owner.name.rsplit_once('-').is_some_and(|(deployment, _)| deployment == instance),
            _ => false,
        })
    }

    fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    fn is_of_deployment(&self) -> bool {
        self.metadata.owner_references.iter().any(|owner| owner.controller && owner.kind == "ReplicaSet")
    }

    /// Whether the kubelet says that all containers have ended for good. The phase alone proves nothing: the garbage collector
    /// of pods sets it on the pods of a machine that is gone.
    fn has_ended(&self) -> bool {
        let containers = &self.status.container_statuses;
        ["Succeeded", "Failed"].contains(&self.status.phase.as_str())
            && !containers.is_empty()
            && containers.iter().all(|container| container.state["terminated"].is_object())
    }

    /// The process, once the pod is bound to a machine.
    fn process(&self, cx: &Context<'_>) -> Result<Option<Process>, Failure> {
        let node = &self.spec.node_name;
        if node.is_empty() {
            return Ok(None);
        }
        let node_uid = Machine::find(cx, node)?.map(|machine| machine.metadata.uid);
        let PodMetadata { name, uid, .. } = &self.metadata;
        Ok(Some(Process { pod: name.clone(), pod_uid: uid.clone(), node: node.clone(), node_uid }))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Set {
    spec: Replicas,
    status: Replicas,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Replicas {
    replicas: i32,
}

/// A `Node` object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Machine {
    metadata: PodMetadata,
    spec: MachineSpec,
    status: MachineStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MachineSpec {
    taints: Vec<Taint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Taint {
    key: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MachineStatus {
    conditions: Vec<MachineCondition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MachineCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Machine {
    fn find(cx: &Context<'_>, name: &str) -> Result<Option<Self>, Failure> {
        let object = ObjectRef { kind: kind_of::<Node>(), namespace: None, name: name.into() };
        let Some(json) = cx.cluster.get(&object) else { return Ok(None) };
        let failed = |error| Failure::other(format!("failed to read Node {name}: {error}"));
        serde_json::from_str(&json).map(Some).map_err(failed)
    }

    fn has(&self, taint: &str) -> bool {
        self.spec.taints.iter().any(|other| other.key == taint)
    }

    fn is_heard_of(&self) -> bool {
        let ready = self.status.conditions.iter().find(|condition| condition.kind == "Ready");
        !self.has(UNREACHABLE) && ready.is_some_and(|ready| ready.status != "Unknown")
    }
}
