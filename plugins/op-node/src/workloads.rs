//! What is remembered of a node's workloads: `.status.workloads`.
//!
//! While two clients run, the spec is about the one that is wanted. What it said of the other one before is kept here, so that its
//! pods stay what they are.

use k8s_openapi::api::apps::v1::StatefulSet;
use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::cluster::kind_of;
use opstack_sdk::crd::any_object;
use opstack_sdk::object::Metadata;
use opstack_sdk::opstack::NODE;
use opstack_sdk::opstack::execution::ExecutionSettings;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::shared::ResourcesSpec;
use opstack_sdk::values::{rfc3339, unix_seconds};
use opstack_sdk::{Context, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::side_by_side::unfit;
use crate::spec::{ExecutionClient, OpNodeSpec, Strategy};
use crate::stage::{Names, Stage, Wanted, Workload};

/// What of a spec is the execution client's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Execution {
    /// `spec.executionClient`, but for name and strategy.
    #[serde(skip_serializing_if = "is_default")]
    pub execution_client: ExecutionClient,
    /// `spec.opGeth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op_geth: Option<ExecutionSettings>,
    /// `spec.resources.opGeth`.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: ResourcesSpec,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Execution {
    fn of(spec: &OpNodeSpec) -> Self {
        let execution_client =
            ExecutionClient { name: None, strategy: Strategy::default(), ..spec.execution_client.clone() };
        Self { execution_client, op_geth: spec.op_geth.clone(), resources: spec.resources.op_geth.clone() }
    }
}

/// `.status.workloads`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadsStatus {
    /// The one that the Services lead to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving: Option<WorkloadStatus>,
    /// One with another client, which syncs beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coming: Option<WorkloadStatus>,
    /// The one before, which the Services have left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaving: Option<WorkloadStatus>,
    /// In which workload each execution client was last, where there was more than one: there its claims are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub of_clients: BTreeMap<String, String>,
}

/// A workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// Name of the StatefulSet.
    pub name: String,
    /// Name of its execution client.
    pub client: String,
    /// Since when it has been coming or leaving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub since: Option<String>,
    /// What the spec says, or said, of its execution client.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(schema_with = "any_object")]
    pub spec: Execution,
}

impl WorkloadStatus {
    fn of(workload: &Workload, since: Option<u64>) -> Self {
        let Workload { name, client, spec } = workload.clone();
        Self { name, client, since: since.map(rfc3339), spec }
    }

    fn read(self) -> (Workload, Option<u64>) {
        let since = self.since.as_deref().and_then(unix_seconds);
        (Workload { name: self.name, client: self.client, spec: self.spec }, since)
    }
}

impl WorkloadsStatus {
    /// What a status holds; nothing where it holds nothing, or nothing that can be read.
    pub fn read(status: &Value) -> Self {
        serde_json::from_value(status["workloads"].clone()).unwrap_or_default()
    }
}

/// The workloads of a node: what stage they are in, and how they are called.
#[derive(Clone, Debug, PartialEq)]
pub struct Workloads {
    /// The stage.
    pub stage: Stage,
    /// The names.
    pub names: Names,
}

impl Workloads {
    /// The workloads as the spec wants them.
    ///
    /// # Errors
    /// `invalid` when one that should come can't be named.
    pub fn intend(cx: &Context<'_>, me: &Object<OpNodeSpec>, network: &Network) -> Result<Self, Failure> {
        let spec = &me.spec;
        check_not_a_workload(cx, me)?;
        let wanted = Wanted {
            client: client_name(spec, network),
            spec: Execution::of(spec),
            side_by_side: spec.execution_client.strategy == Strategy::SideBySide && unfit(spec).is_none(),
        };
        let WorkloadsStatus { serving, coming, leaving, of_clients } = WorkloadsStatus::read(&me.status);
        let mut names = Names { node: me.metadata.name.clone(), noted: of_clients };
        let before = match serving.map(WorkloadStatus::read) {
            None => {
                let one =
                    Workload { name: living(cx, &names.node), client: wanted.client.clone(), ..Workload::default() };
                Stage::Serving(one)
            }
            Some((serving, _)) => remembered(serving, coming, leaving),
        };
        note(&mut names, &before);
        let stage = before.intend(wanted, &names);
        let new = stage.beside().filter(|beside| !names.noted.values().any(|name| *name == beside.name));
        new.map_or(Ok(()), |new| check_name(cx, &me.metadata, &new.name))?;
        Ok(Self { stage, names })
    }

    /// Names of all that run.
    pub fn all(&self) -> Vec<String> {
        let all = std::iter::once(self.stage.serving()).chain(self.stage.beside());
        all.map(|workload| workload.name.clone()).collect()
    }

    /// Whether Services tell this node's workloads apart: once there was a second one.
    pub fn are_apart(&self) -> bool {
        self.stage.beside().is_some() || self.names.noted.values().any(|name| *name != self.names.node)
    }

    /// The object as it was for the client that is not wanted any more.
    pub fn former(&self, me: &Object<OpNodeSpec>) -> Option<Object<OpNodeSpec>> {
        let old = self.stage.old()?;
        let mut former = me.clone();
        former.spec.execution_client = ExecutionClient {
            name: Some(old.client.clone()),
            strategy: me.spec.execution_client.strategy,
            ..old.spec.execution_client.clone()
        };
        former.spec.op_geth.clone_from(&old.spec.op_geth);
        former.spec.resources.op_geth.clone_from(&old.spec.resources);
        Some(former)
    }

    /// What is to be remembered.
    pub fn status(&self) -> WorkloadsStatus {
        let mut names = self.names.clone();
        note(&mut names, &self.stage);
        let (mut coming, mut leaving) = (None, None);
        match &self.stage {
            Stage::Serving(_) => {}
            Stage::Syncing { new, since, .. } => coming = Some(WorkloadStatus::of(new, *since)),
            Stage::Moved { old, at, .. } => leaving = Some(WorkloadStatus::of(old, Some(*at))),
        }
        let of_clients = if names.noted.len() > 1 { names.noted } else { BTreeMap::new() };
        WorkloadsStatus { serving: Some(WorkloadStatus::of(self.stage.serving(), None)), coming, leaving, of_clients }
    }
}

fn remembered(serving: Workload, coming: Option<WorkloadStatus>, leaving: Option<WorkloadStatus>) -> Stage {
    match (coming.map(WorkloadStatus::read), leaving.map(WorkloadStatus::read)) {
        (Some((new, since)), _) => Stage::Syncing { old: serving, new, since },
        (None, Some((old, at))) => Stage::Moved { new: serving, old, at: at.unwrap_or(0) },
        (None, None) => Stage::Serving(serving),
    }
}

fn note(names: &mut Names, stage: &Stage) {
    for workload in std::iter::once(stage.serving()).chain(stage.beside()) {
        names.noted.insert(workload.client.clone(), workload.name.clone());
    }
}

/// Where nothing is remembered, the workload that there is: the first, if that is among several.
fn living(cx: &Context<'_>, node: &str) -> String {
    let mut names =
        cx.children.iter().map(|child| &child.ref_).filter(|child| child.kind.kind == kind_of::<StatefulSet>().kind);
    if names.clone().any(|child| child.name == node) {
        return node.into();
    }
    names.next().map_or_else(|| node.into(), |child| child.name.clone())
}

/// The client's own choice, the network's, `geth` for a spec written for it, else the default.
fn client_name(spec: &OpNodeSpec, network: &Network) -> String {
    let own = spec.execution_client.name.clone();
    let shared = network.spec.execution_client.as_ref().map(|client| client.name.clone());
    own.or(shared).unwrap_or_else(|| if spec.op_geth.is_some() { "geth" } else { "reth" }.into())
}

/// Pods carry their workload's name in a label, after its kind: `statefulset.<name>`, of at most 63 characters.
const LONGEST_NAME: usize = 51;

/// Earlier versions of the operator called the workload of a second client `<node>-<client>`, and it keeps that name: a new node that
/// is called so would share its keys. So each node is looked at with whose name the new one begins, and no other: of a thousand that
/// are made at once each would look at all.
fn check_not_a_workload(cx: &Context<'_>, me: &Object<OpNodeSpec>) -> Result<(), Failure> {
    let Metadata { name, namespace, .. } = &me.metadata;
    if !me.status.is_null() {
        return Ok(());
    }
    for (dash, _) in name.match_indices('-') {
        let before = name.get(..dash).unwrap_or_default();
        let Some(other) = cx.find::<Object<Value>>(&NODE.to_ref(), namespace, before)? else { continue };
        let WorkloadsStatus { serving, coming, leaving, of_clients } = WorkloadsStatus::read(&other.status);
        let running = serving.into_iter().chain(coming).chain(leaving).map(|workload| workload.name);
        if running.chain(of_clients.into_values()).any(|known| known == *name) {
            let message = format!(
                "{name:?} is the StatefulSet of an execution client of OpNode {}, whose keys this node would share; use another name",
                other.metadata.place()
            );
            return Err(Failure::invalid("metadata.name", message));
        }
    }
    Ok(())
}

fn check_name(cx: &Context<'_>, metadata: &Metadata, name: &str) -> Result<(), Failure> {
    const PATH: &str = "spec.executionClient.name";
    const MEND: &str = "use another name for this node, or spec.executionClient.strategy: InPlace";
    let refuse = |why: String| {
        Err(Failure::Invalid(vec![FieldError::new(
            PATH,
            format!("the workload that syncs beside would be called {name:?}, {why}; {MEND}"),
        )]))
    };
    if name.len() > LONGEST_NAME {
        return refuse(format!("which has {} characters; at most {LONGEST_NAME} are allowed", name.len()));
    }
    let other: Option<Value> = cx.find(&NODE.to_ref(), &metadata.namespace, name)?;
    if other.is_some() { refuse("which is that of another OpNode".into()) } else { Ok(()) }
}
