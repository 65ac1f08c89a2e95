//! Tests of a plugin without a cluster: a folder for each case, objects in, answer out.
//!
//! `tests/cases/<case>/cr.yaml` holds the object under test, then the documents that it may look up (Secrets as the
//! facts that the host would show). `around.yaml`, if it is there, tells what the host knows beside them: how the
//! children are doing, what the probes found, and what became of actions. `expected.yaml` holds the answer. `BLESS=1 cargo test` writes the latter.

#![cfg(not(target_arch = "wasm32"))]

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::answer::{Failure, KindRef, ObjectRef};
use crate::call;
use crate::cluster::Cluster;
use crate::wire::log::Level;
use crate::wire::{types, workload};
use crate::workload::Workload;

mod around;
mod case;
mod example;
mod flags;
mod reference;
mod strangers;

pub use around::Around;
pub use case::Case;
pub use example::check_example;
pub use flags::{check_flags, check_program};
pub use reference::{Handed, check_component_reference, check_reference};
pub use strangers::{
    STRANGER, check_consent, check_node_consent, check_refusal, check_strangers, foreign_chain, strangers,
};

/// A client's render function: `call::render_client::<Geth>`.
pub type RenderClient = fn(&str) -> Result<String, Failure>;

/// A cluster that holds the documents of a case.
#[derive(Default)]
pub struct FakeCluster {
    documents: Vec<Value>,
    clients: BTreeMap<String, RenderClient>,
}

impl FakeCluster {
    /// A cluster with these documents.
    pub fn new(documents: Vec<Value>) -> Self {
        Self { documents, clients: BTreeMap::new() }
    }

    /// Installs an execution client.
    #[must_use]
    pub fn client(mut self, name: &str, render: RenderClient) -> Self {
        self.clients.insert(name.into(), render);
        self
    }
}

fn is_kind(document: &Value, kind: &KindRef) -> bool {
    let api_version =
        if kind.group.is_empty() { kind.version.clone() } else { format!("{}/{}", kind.group, kind.version) };
    document["apiVersion"] == api_version.as_str() && document["kind"] == kind.kind.as_str()
}

fn selected(document: &Value, selector: &str) -> bool {
    selector.split(',').filter(|term| !term.is_empty()).all(|term| {
        let (key, wanted, equal) = match term.split_once("!=") {
            Some((key, value)) => (key, value, false),
            None => term.split_once('=').map_or((term, "", true), |(k, v)| (k, v.trim_start_matches('='), true)),
        };
        let key = key.trim();
        let found = match key.strip_prefix('.') {
            Some(path) => document.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_str),
            None => document["metadata"]["labels"][key].as_str(),
        };
        (found == Some(wanted.trim())) == equal
    })
}

impl Cluster for FakeCluster {
    fn get(&self, object: &ObjectRef) -> Option<String> {
        let metadata = |document: &Value, field: &str| document["metadata"][field].as_str().map(ToString::to_string);
        self.documents
            .iter()
            .find(|document| {
                is_kind(document, &object.kind)
                    && metadata(document, "name").as_ref() == Some(&object.name)
                    && metadata(document, "namespace") == object.namespace
            })
            .map(ToString::to_string)
    }

    fn list(&self, kind: &KindRef, namespace: Option<&str>, selector: &str) -> Vec<String> {
        // Of a thousand objects that are made at once each would read all.
        assert!(!selector.is_empty(), "a plugin lists all {} of a namespace; select by what it looks for", kind.kind);
        self.documents
            .iter()
            .filter(|document| is_kind(document, kind))
            .filter(|document| namespace.is_none_or(|wanted| document["metadata"]["namespace"] == wanted))
            .filter(|document| selected(document, selector))
            .map(ToString::to_string)
            .collect()
    }

    fn render_client(&self, client: &str, request: &str) -> Result<String, Failure> {
        let Some(render) = self.clients.get(client) else {
            let known: Vec<_> = self.clients.keys().map(String::as_str).collect();
            return Err(Failure::waiting(format!(
                "execution client {client}, which is not installed (installed: {})",
                known.join(", ")
            )));
        };
        render(request)
    }

    fn log(&self, level: Level, message: &str) {
        eprintln!("{level:?} {message}");
    }
}

/// The request for an object with nothing around it.
pub fn request(object: &Value) -> workload::Request {
    workload::Request {
        object: object.to_string(),
        children: vec![],
        observations: vec![],
        outcomes: vec![],
        facts: facts(),
        configuration: "null".into(),
    }
}

/// Facts of the cluster in tests and offline renders.
pub fn facts() -> workload::Facts {
    workload::Facts {
        cluster_domain: "cluster.local".into(),
        operator_namespace: "opstack-system".into(),
        host_version: "0.1.0".into(),
        api_groups: vec![],
        host_image: "opstack:0.1.0".into(),
    }
}

/// Runs every case below `tests/cases` of the calling crate.
///
/// # Panics
/// When an answer is not the one expected; says how to bless it. When there is no case at all.
pub fn run_cases<W: Workload>(crate_dir: &str, clients: &[(&str, RenderClient)]) {
    let cases = Case::all(Path::new(crate_dir));
    assert!(!cases.is_empty(), "no case in {crate_dir}");
    let failed: Vec<_> = cases.iter().filter_map(|case| run_case::<W>(case, clients).err()).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn run_case<W: Workload>(case: &Case, clients: &[(&str, RenderClient)]) -> Result<(), String> {
    let mut cluster = FakeCluster::new(case.documents.clone());
    for (name, render) in clients {
        cluster = cluster.client(name, *render);
    }
    let answer = call::reconcile::<W>(&cluster, case.request());
    if let Ok(answer) = &answer {
        check_policies(answer).map_err(|why| format!("case {}: {why}\n", case.folder.display()))?;
    }
    let actual = serde_norway::to_string(&readable(answer)).unwrap();
    let path = case.folder.join("expected.yaml");
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, actual).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if actual == expected {
        return Ok(());
    }
    let difference = first_difference(&expected, &actual);
    Err(format!("case {}: {difference}\n(if this is right: BLESS=1 cargo test -p …)\n", case.folder.display()))
}

/// No NetworkPolicy lets in pods of all namespaces by labels, which anybody may put on pods of their own.
fn check_policies(answer: &workload::Response) -> Result<(), String> {
    let workload::Children::Apply(children) = &answer.children else { return Ok(()) };
    let policies = children.iter().map(|child| parsed(&child.object)).filter(|child| child["kind"] == "NetworkPolicy");
    for policy in policies {
        let rules = policy["spec"]["ingress"].as_array().cloned().unwrap_or_default();
        let peers = rules.iter().flat_map(|rule| rule["from"].as_array().cloned().unwrap_or_default());
        let is_open = |peer: &Value| peer["namespaceSelector"].as_object().is_some_and(serde_json::Map::is_empty);
        if let Some(peer) = peers.into_iter().find(is_open) {
            return Err(format!("NetworkPolicy {} lets in pods of all namespaces: {peer}", policy["metadata"]["name"]));
        }
    }
    Ok(())
}

fn first_difference(expected: &str, actual: &str) -> String {
    let mut pairs = expected.lines().zip(actual.lines()).enumerate();
    match pairs.find(|(_, (expected, actual))| expected != actual) {
        Some((line, (expected, actual))) => format!("line {}:\n- {expected}\n+ {actual}", line + 1),
        None => format!("{} lines expected, {} found", expected.lines().count(), actual.lines().count()),
    }
}

/// The documents of a YAML stream; empty ones are left out.
///
/// # Panics
/// When the text is not YAML.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_norway::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect()
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json.into())
}

fn readable(answer: Result<workload::Response, Failure>) -> Value {
    let response = match answer {
        Err(failure) => return json!({"failure": failure.to_string()}),
        Ok(response) => response,
    };
    let children = match response.children {
        workload::Children::Keep(why) => json!({"keep": why}),
        workload::Children::Apply(children) => {
            children.iter().map(|c| json!({"policy": format!("{:?}", c.policy), "object": parsed(&c.object)})).collect()
        }
    };
    let mut all = json!({
        "status": parsed(&response.status),
        "conditions": response.conditions.iter().map(condition).collect::<Vec<_>>(),
        "children": children,
    });
    let mut add = |key: &str, values: Vec<Value>| {
        if !values.is_empty() {
            all[key] = values.into();
        }
    };
    add(
        "events",
        response
            .events
            .iter()
            .map(|e| json!({"warning": e.warning, "reason": e.reason, "message": e.message}))
            .collect(),
    );
    add("secrets", response.secrets.iter().map(secret).collect());
    add("probes", response.probes.iter().map(|p| json!({"id": p.id, "target": format!("{:?}", p.target), "question": format!("{:?}", p.question), "wakeOn": p.wake_on})).collect());
    add("requeueAfterMs", response.requeue_after_ms.into_iter().map(Value::from).collect());
    add("actions", response.actions.iter().map(|a| format!("{a:?}").into()).collect());
    all
}

fn condition(condition: &types::Condition) -> Value {
    json!({
        "type": condition.name,
        "status": match condition.status {
            types::ConditionStatus::Yes => "True",
            types::ConditionStatus::No => "False",
            types::ConditionStatus::Unknown => "Unknown",
        },
        "reason": condition.reason,
        "message": condition.message,
    })
}

fn secret(secret: &workload::GeneratedSecret) -> Value {
    let entries: BTreeMap<_, _> = secret.entries.iter().map(|(key, recipe)| (key, format!("{recipe:?}"))).collect();
    json!({"namespace": secret.namespace, "name": secret.name, "entries": entries})
}
