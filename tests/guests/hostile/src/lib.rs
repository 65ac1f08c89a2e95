//! A guest that does what it is told, however bad: one behaviour for each way in which a plugin can go wrong.

use opstack_sdk::answer::{GeneratedSecret, KindRef, ObjectRef, Policy, Recipe, RpcCall};
use opstack_sdk::manifest::{Patches, Targets};
use opstack_sdk::schemars::{self, JsonSchema};
use opstack_sdk::serde::{self, Deserialize, Serialize};
use opstack_sdk::serde_json::{Value, json};
use opstack_sdk::wire::log::Level;
use opstack_sdk::{Answer, Context, Failure, Kind, Manifest, Object, Workload};
use std::collections::BTreeMap;

/// On every ConfigMap. Tests make another version of the guest by replacing this text in the module.
const VERSION: &str = "the first version of the hostile guest";

/// The plugin.
pub struct Hostile;

opstack_sdk::register_workload!(Hostile);

/// What it is told.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "self::serde", rename_all = "camelCase")]
#[schemars(crate = "self::schemars")]
pub struct Spec {
    /// Which way to go wrong; `good` is none.
    pub behaviour: String,
    /// A name that some behaviours need.
    #[serde(default)]
    pub target: String,
    /// Data of the ConfigMap that is rendered.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// Number of ConfigMaps; one where absent.
    #[serde(default)]
    pub count: Option<u32>,
    /// Makes finalize say this.
    #[serde(default)]
    pub block: Option<String>,
}

/// What it says.
#[derive(Serialize, JsonSchema)]
#[serde(crate = "self::serde")]
#[schemars(crate = "self::schemars")]
pub struct Status {
    /// Echo of the behaviour.
    pub behaviour: String,
}

fn kind(group: &str, kind: &str) -> KindRef {
    KindRef { group: group.into(), version: "v1".into(), kind: kind.into() }
}

impl Workload for Hostile {
    type Spec = Spec;
    type Status = Status;

    fn manifest() -> Manifest {
        let served =
            Kind { group: "test.optimism.io", version: "v1", kind: "Hostile", plural: "hostiles", short_names: &[] };
        Manifest {
            reads: vec![kind("", "ConfigMap"), kind("", "Secret")],
            owns: vec![
                kind("", "ConfigMap"),
                kind("apps", "Deployment"),
                kind("rbac.authorization.k8s.io", "ClusterRole"),
            ],
            patches: vec![Patches { kind: kind("", "ConfigMap"), fields: vec!["data.granted".into()] }],
            targets: Targets { hosts: vec!["127.0.0.1"], secrets: false },
            rpc_methods: vec!["eth_chainId"],
            phases: Some(("Pending", "Error")),
            ..Manifest::new("hostile", "0.1.0", served)
        }
    }

    fn reconcile(cx: &Context<'_>, object: &Object<Spec>) -> Result<Answer<Status>, Failure> {
        let mut answer = Answer::new(Status { behaviour: object.spec.behaviour.clone() });
        for index in 0..object.spec.count.unwrap_or(1) {
            answer.child_json(Policy::Delete, config_map(object, index).to_string());
        }
        misbehave(cx, object, &mut answer)?;
        Ok(answer)
    }

    fn finalize(_: &Context<'_>, object: &Object<Spec>) -> Result<opstack_sdk::answer::Finalized, Failure> {
        use opstack_sdk::answer::Finalized;
        if object.spec.behaviour == "trap-finalize" {
            panic!("told to trap");
        }
        Ok(object.spec.block.clone().map_or(Finalized::Proceed, Finalized::Blocked))
    }
}

fn config_map(object: &Object<Spec>, index: u32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": format!("{}-{index}", object.metadata.name),
            "namespace": object.metadata.namespace,
            "annotations": {"test.optimism.io/version": VERSION},
        },
        "data": object.spec.data,
    })
}

fn misbehave(cx: &Context<'_>, object: &Object<Spec>, answer: &mut Answer<Status>) -> Result<(), Failure> {
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    let mut child = |value: Value| {
        answer.child_json(Policy::Delete, value.to_string());
    };
    match object.spec.behaviour.as_str() {
        "good" | "trap-finalize" => {}
        "trap" => panic!("told to trap"),
        "endless-loop" => loop {
            std::hint::black_box(());
        },
        "memory-bomb" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "stack-overflow" => {
            std::hint::black_box(recurse(std::hint::black_box(1)));
        }
        "huge-output" => child(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "x".repeat(20 << 20)}})),
        "large-output" => child(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "x".repeat(5 << 20)}})),
        "invalid-json" => {
            answer.child_json(Policy::Delete, "{\"kind\": ".into());
        }
        "no-kind" => child(json!({"metadata": {"name": "x"}})),
        "kind-not-granted" => {
            child(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": namespace}}))
        }
        "own-kind" => child(
            json!({"apiVersion": "test.optimism.io/v1", "kind": "Hostile", "metadata": {"name": "x", "namespace": namespace}}),
        ),
        "other-namespace" => child(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "kube-system"}}),
        ),
        "cluster-scoped" => child(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}}),
        ),
        "privileged-pod" => child(deployment(name, namespace, json!({"privileged": true}), json!([]))),
        "host-path" => {
            child(deployment(name, namespace, restricted(), json!([{"name": "v", "hostPath": {"path": "/"}}])))
        }
        "host-network" => {
            let mut deployment = deployment(name, namespace, restricted(), json!([]));
            deployment["spec"]["template"]["spec"]["hostNetwork"] = true.into();
            child(deployment);
        }
        "init-container" => {
            let mut deployment = deployment(name, namespace, restricted(), json!([]));
            deployment["spec"]["template"]["spec"]["initContainers"] =
                json!([{"name": "i", "image": "i", "securityContext": {"privileged": true}}]);
            child(deployment);
        }
        "probe-host" => {
            let mut deployment = deployment(name, namespace, restricted(), json!([]));
            deployment["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] =
                json!({"httpGet": {"host": "169.254.169.254", "port": 80}});
            child(deployment);
        }
        "no-spec" => {
            let mut deployment = deployment(name, namespace, restricted(), json!([]));
            deployment["spec"] = "x".into();
            child(deployment);
        }
        "patch" | "patch-more" => {
            let field = if object.spec.behaviour == "patch" { "granted" } else { "more" };
            answer.child_json(
                Policy::Patch,
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": object.spec.target, "namespace": namespace}, "data": {field: "patched"}}).to_string(),
            );
        }
        "foreign-object" => child(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": object.spec.target, "namespace": namespace}}),
        ),
        "reserved-annotation" => child(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace, "annotations": {"opstack.optimism.io/owner": "me"}}}),
        ),
        "owner-reference" => child(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace, "ownerReferences": []}}),
        ),
        "duplicate" => child(config_map(object, 0)),
        "bad-name" => child(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "No_Name", "namespace": namespace}}),
        ),
        "bad-label" => child(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace, "labels": {"a b": "c"}}}),
        ),
        "many-children" => (1..=1000).for_each(|index| child(config_map(object, index))),
        "ungranted-read" => {
            cx.cluster.get(&ObjectRef { kind: kind("", "Node"), namespace: None, name: "n".into() });
        }
        "read-secret" => {
            let secret = ObjectRef {
                kind: kind("", "Secret"),
                namespace: Some(namespace.clone()),
                name: object.spec.target.clone(),
            };
            let seen = cx.cluster.get(&secret).unwrap_or_default();
            child(
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("{name}-seen"), "namespace": namespace}, "data": {"seen": seen}}),
            );
        }
        "list-secrets" => {
            cx.cluster.list(&kind("", "Secret"), Some(namespace.as_str()), "");
        }
        "many-secrets" => (0..65).for_each(|index| {
            let (namespace, name) = (Some(namespace.clone()), format!("{name}-{index}"));
            cx.cluster.get(&ObjectRef { kind: kind("", "Secret"), namespace, name });
        }),
        "log-flood" => (0..10_000).for_each(|_| cx.log(Level::Info, &"x".repeat(100))),
        "ask" => answer.probes.push(probe("http://127.0.0.1:1", "eth_chainId")),
        "method-not-granted" => answer.probes.push(probe("http://127.0.0.1:1", "admin_stopSequencer")),
        "target-not-granted" => answer.probes.push(probe("http://169.254.169.254", "eth_chainId")),
        "secret-elsewhere" => answer.secrets.push(GeneratedSecret {
            namespace: "kube-system".into(),
            name: "x".into(),
            labels: vec![],
            entries: vec![("k".into(), Recipe::Hex32)],
        }),
        "generated-secret" => answer.secrets.push(GeneratedSecret {
            namespace: namespace.clone(),
            name: format!("{name}-key"),
            labels: vec![],
            entries: vec![("jwt".into(), Recipe::Hex32), ("p2p".into(), Recipe::Secp256k1)],
        }),
        "invalid" => {
            return Err(Failure::invalid(
                "spec.target",
                format!("{:?} is not allowed; give a name", object.spec.target),
            ));
        }
        "other" => return Err(Failure::other("told to fail")),
        "need" => {
            let wanted = ObjectRef {
                kind: kind("", "ConfigMap"),
                namespace: Some(namespace.clone()),
                name: object.spec.target.clone(),
            };
            if cx.cluster.get(&wanted).is_none() {
                return Err(Failure::waiting(format!("ConfigMap {namespace}/{}", object.spec.target)));
            }
        }
        other => return Err(Failure::invalid("spec.behaviour", format!("{other:?} is not a behaviour"))),
    }
    Ok(())
}

fn probe(url: &str, method: &str) -> opstack_sdk::answer::Probe {
    opstack_sdk::answer::Probe {
        id: "p".into(),
        target: opstack_sdk::answer::Target::Url(url.into()),
        question: opstack_sdk::answer::Question::JsonRpc(vec![RpcCall { method: method.into(), params: "[]".into() }]),
        interval_ms: 1000,
        timeout_ms: 100,
        wake_on: vec![],
    }
}

#[allow(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    let space = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + space[(depth % 64) as usize]
}

fn restricted() -> Value {
    json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}})
}

fn deployment(name: &str, namespace: &str, context: Value, volumes: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "i", "securityContext": context}], "volumes": volumes},
            },
        },
    })
}
