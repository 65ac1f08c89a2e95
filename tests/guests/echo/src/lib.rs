//! A guest that repeats all that it gets to see: the request goes into the log, each lookup into a ConfigMap. What is in neither
//! no plugin can know. It also leaks what it is told to, so that a search for leaks can be seen to find something.

use opstack_sdk::answer::{Condition, Event, KindRef, ObjectRef, Policy, Probe, Question, RpcCall, SecretKey, Target};
use opstack_sdk::manifest::Targets;
use opstack_sdk::schemars::{self, JsonSchema};
use opstack_sdk::serde::{self, Deserialize, Serialize};
use opstack_sdk::serde_json::json;
use opstack_sdk::wire::{log, types, workload};
use opstack_sdk::{Answer, Context, Failure, Kind, Manifest, Object, Workload, WorkloadGuest};
use std::collections::BTreeMap;

/// The plugin.
pub struct Echo;

/// The same, but it tells the request before anything is made of it.
pub struct Told;

#[cfg(target_arch = "wasm32")]
mod component {
    use super::Told;
    opstack_sdk::wire::workload_plugin::export!(Told with_types_in opstack_sdk::wire::workload_plugin);
}

impl workload::Guest for Told {
    fn describe() -> workload::Manifest {
        WorkloadGuest::<Echo>::describe()
    }

    fn reconcile(input: workload::Request) -> Result<workload::Response, types::Failure> {
        log::write(log::Level::Info, &format!("request {input:?}"));
        WorkloadGuest::<Echo>::reconcile(input)
    }

    fn finalize(input: workload::Request) -> Result<workload::Finalized, types::Failure> {
        WorkloadGuest::<Echo>::finalize(input)
    }
}

/// What it is told.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "self::serde", rename_all = "camelCase")]
#[schemars(crate = "self::schemars")]
pub struct Spec {
    /// Secrets of the namespace that are looked up, with a key of each; its value is also asked as if it were a URL.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Traps at the end, with all that it saw in memory.
    #[serde(default)]
    pub trap: bool,
    /// Secrets that are generated.
    #[serde(default)]
    pub generate: Vec<String>,
    /// Bytes of a text to leak: as numbers, so that the text is not in this object.
    #[serde(default)]
    pub leak: Vec<u8>,
    /// Where it is put: `configMap`, `status`, `condition`, `event`, `log`.
    #[serde(default)]
    pub into: String,
}

/// What it says.
#[derive(Serialize, JsonSchema)]
#[serde(crate = "self::serde")]
#[schemars(crate = "self::schemars")]
pub struct Status {
    /// Number of observations of which it was told.
    pub observations: usize,
    /// A leak, if it was told to leak here.
    pub said: String,
}

/// Kinds that plugins read: all of each are looked up, but for Secrets, which the host reads by name alone.
const KINDS: [(&str, &str, &str); 6] = [
    ("", "v1", "Secret"),
    ("optimism.io", "v1alpha1", "OptimismNetwork"),
    ("optimism.io", "v1alpha1", "OpNode"),
    ("optimism.io", "v1alpha1", "OpBatcher"),
    ("optimism.io", "v1alpha1", "OpProposer"),
    ("optimism.io", "v1alpha1", "OpChallenger"),
];

fn kind((group, version, kind): (&str, &str, &str)) -> KindRef {
    KindRef { group: group.into(), version: version.into(), kind: kind.into() }
}

impl Workload for Echo {
    type Spec = Spec;
    type Status = Status;

    fn manifest() -> Manifest {
        let served = Kind { group: "test.optimism.io", version: "v1", kind: "Echo", plural: "echos", short_names: &[] };
        Manifest {
            reads: KINDS.into_iter().map(kind).collect(),
            owns: vec![kind(("", "v1", "ConfigMap"))],
            rpc_methods: vec!["eth_chainId"],
            phases: Some(("Pending", "Error")),
            targets: Targets::of_users(),
            ..Manifest::new("echo", "0.1.0", served)
        }
    }

    fn reconcile(cx: &Context<'_>, object: &Object<Spec>) -> Result<Answer<Status>, Failure> {
        let Object { metadata, spec, .. } = object;
        let text = String::from_utf8_lossy(&spec.leak).into_owned();
        let leak = |place: &str| if spec.into == place { text.clone() } else { String::new() };
        let mut answer = Answer::new(Status { observations: cx.observations.len(), said: leak("status") });
        answer.condition(Condition::yes("Told", "Told", format!("told {}", leak("condition"))));
        if spec.into == "event" {
            answer.events.push(Event::warning("Told", leak("event")));
        }
        cx.log(log::Level::Info, &leak("log"));
        let mut seen = lookups(cx, object);
        seen.insert("leak".into(), leak("configMap"));
        for (name, key) in &spec.secrets {
            let secret = SecretKey { namespace: metadata.namespace.clone(), name: name.clone(), key: key.clone() };
            answer.probes.extend(probes(name, &secret));
        }
        answer.secrets.extend(spec.generate.iter().map(|name| workload::GeneratedSecret {
            namespace: metadata.namespace.clone(),
            name: name.clone(),
            labels: vec![],
            entries: vec![("made".into(), workload::Recipe::Hex32)],
        }));
        assert!(!spec.trap, "told to trap, having seen {seen:?}");
        let child = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": seen,
            "metadata": {"name": format!("{}-seen", metadata.name), "namespace": metadata.namespace},
        });
        answer.child_json(Policy::Delete, child.to_string());
        Ok(answer)
    }
}

/// All that can be looked up: what is named one by one, and everything of each kind but Secrets.
fn lookups(cx: &Context<'_>, object: &Object<Spec>) -> BTreeMap<String, String> {
    let get = |name: &String| {
        let namespace = Some(object.metadata.namespace.clone());
        cx.cluster.get(&ObjectRef { kind: kind(KINDS[0]), namespace, name: name.clone() }).unwrap_or_default()
    };
    let one = object.spec.secrets.keys().map(|name| (format!("get-{name}"), get(name)));
    let all = KINDS[1..].iter().map(|&of| (format!("list-{}", of.2), cx.cluster.list(&kind(of), None, "").join("\n")));
    one.chain(all).collect()
}

/// The two questions that can be asked of a URL in a Secret.
fn probes(name: &str, secret: &SecretKey) -> [Probe; 2] {
    let chain_id = RpcCall { method: "eth_chainId".into(), params: "[]".into() };
    [("rpc", Question::JsonRpc(vec![chain_id])), ("get", Question::HttpGet)].map(|(what, question)| Probe {
        id: format!("{name}-{what}"),
        target: Target::SecretUrl(secret.clone()),
        question,
        interval_ms: 1000,
        timeout_ms: 1000,
        wake_on: vec![],
    })
}
