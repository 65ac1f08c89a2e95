//! A chain in which a secret is given in every way that there is.

use std::{fmt::Write as _, fs::File, io::Read as _, net::SocketAddr};

use serde_json::{Value, json};

/// Where all of it is.
pub const NAMESPACE: &str = "leaks";

/// A random text that is in no document of ours.
pub fn fresh() -> String {
    let mut bytes = [0; 32];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("random bytes");
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}

/// A Secret.
pub fn secret(namespace: &str, name: &str, values: &Value) -> Value {
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
}

/// An object of this project.
pub fn ours(kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "optimism.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// A reference to a value in a Secret.
pub fn from(name: &str, key: &str) -> Value {
    json!({"secretKeyRef": {"name": name, "key": key}})
}

/// The Secrets that are as they should be. URLs lead to `server`, which repeats them: in errors, in pages and in results.
pub fn secrets(server: SocketAddr) -> Vec<Value> {
    let url = |answer: &str| format!("http://user:{}@{server}/{answer}/{}?key={}", fresh(), fresh(), fresh());
    let pem = |what: &str| format!("-----BEGIN {what}-----\n{}\n{}\n-----END {what}-----\n", fresh(), fresh());
    let key = |prefix: &str| json!({"key": format!("{prefix}{}", fresh())});
    let closed = format!("http://127.0.0.1:1/{}", fresh());
    let mut all = vec![
        secret(NAMESPACE, "engine", &key("")),
        secret(NAMESPACE, "identity", &key("")),
        secret(NAMESPACE, "root", &json!({"key": format!("root-{}", fresh())})),
        secret(NAMESPACE, "gossip", &key("0x")),
        secret(NAMESPACE, "batcher", &key("0x")),
        secret(NAMESPACE, "proposer", &key("")),
        secret(NAMESPACE, "challenger", &key("0x")),
        secret(NAMESPACE, "l1", &json!({"key": url("error"), "beacon": url("page")})),
        secret(NAMESPACE, "own-l1", &json!({"key": closed, "beacon": url("result")})),
        secret(NAMESPACE, "l2", &json!({"key": format!("{},{}", url("error"), url("page")), "rollup": url("result")})),
        secret(NAMESPACE, "extra", &key("")),
    ];
    let tls = json!({"ca.crt": pem("CERTIFICATE"), "tls.crt": pem("CERTIFICATE"), "tls.key": pem("PRIVATE KEY")});
    all.push(secret(NAMESPACE, "signer-tls", &tls));
    all
}

/// Secrets that are not what they should be: whoever says so must not quote them.
pub fn malformed_secrets() -> Vec<Value> {
    vec![
        secret(NAMESPACE, "bad-engine", &json!({"key": format!("no jwt {}", fresh())})),
        secret(NAMESPACE, "bad-identity", &json!({"key": format!("{}00", fresh())})),
        secret(NAMESPACE, "bad-key", &json!({"key": format!("{}\n", fresh())})),
        secret(
            NAMESPACE,
            "bad-url",
            &json!({"key": format!("not a url {}", fresh()), "beacon": format!("ftp://{}", fresh())}),
        ),
    ]
}

fn signer() -> Value {
    json!({
        "endpoint": "https://signer.example.org:8080", "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "tls": {"secretName": "signer-tls"},
    })
}

fn network(name: &str, l1: &str) -> Value {
    ours(
        "OptimismNetwork",
        NAMESPACE,
        name,
        json!({
            "networkName": "op-sepolia", "chainID": 11_155_420, "l1ChainID": 11_155_111,
            "l1RpcUrlFrom": from(l1, "key"), "l1BeaconUrlFrom": from(l1, "beacon"),
        }),
    )
}

fn node(name: &str, kind: &str, network: &str, settings: &Value, more: &Value) -> Value {
    let mut spec = json!({
        "optimismNetworkRef": {"name": network}, "nodeType": kind, "opNode": settings, "executionClient": {"name": "geth"},
        "extraEnv": [{"name": "EXTRA", "valueFrom": from("extra", "key")}],
    });
    add(&mut spec, more);
    ours("OpNode", NAMESPACE, name, spec)
}

/// A batcher, proposer or challenger; `signs` is its key or its signer.
fn component(kind: &str, name: &str, signs: &Value, more: &Value) -> Value {
    let mut spec = json!({
        "optimismNetworkRef": {"name": "net"}, "sequencerRef": {"name": "sequencer"},
        "l1": {"rpcUrlFrom": from("own-l1", "key")},
    });
    add(&mut spec, signs);
    add(&mut spec, more);
    ours(kind, NAMESPACE, name, spec)
}

fn add(spec: &mut Value, more: &Value) {
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
}

fn key(name: &str) -> Value {
    json!({"privateKey": {"secretRef": {"name": name, "key": "key"}}})
}

fn reference(name: &str) -> Value {
    json!({"secretRef": {"name": name, "key": "key"}})
}

/// Everything that takes a secret, each with one that is good.
pub fn objects() -> Vec<Value> {
    let given = json!({
        "engine": {"jwtSecret": reference("engine")}, "p2p": {"privateKey": reference("identity")},
        "sequencer": {"key": reference("gossip")},
    });
    let derived = json!({
        "engine": {"jwtSecret": {"ephemeral": true}},
        "p2p": {"privateKey": {"derive": {"rootSecretRef": {"name": "root", "key": "key"}}}},
    });
    let own_l1 = json!({"l1": {"rpcUrlFrom": from("own-l1", "key"), "beaconUrlFrom": from("own-l1", "beacon")}});
    let l2 = json!({"l2EthRpcFrom": from("l2", "key"), "rollupRpcFrom": from("l2", "rollup")});
    let rollup = json!({"rollupRpcFrom": from("l2", "rollup")});
    let mut challenged = json!({"faultProof": {"cannon": {"prestatesUrl": "https://prestates.example.org"}}});
    challenged["l1"] = own_l1["l1"].clone();
    let signed = json!({"signer": signer()});
    vec![
        network("net", "l1"),
        network("other-net", "l1"),
        node("sequencer", "sequencer", "net", &given, &json!({})),
        node("signed", "sequencer", "other-net", &json!({"sequencer": {"signer": signer()}}), &own_l1),
        node("generated", "replica", "net", &json!({}), &json!({"replicas": 2})),
        node("derived", "replica", "net", &derived, &json!({})),
        component("OpBatcher", "batcher", &key("batcher"), &l2),
        component("OpBatcher", "batcher-signed", &signed, &json!({})),
        component("OpProposer", "proposer", &key("proposer"), &rollup),
        component("OpProposer", "proposer-signed", &signed, &json!({})),
        component("OpChallenger", "challenger", &key("challenger"), &challenged),
        component("OpChallenger", "challenger-signed", &signed, &challenged),
    ]
}

/// The same with secrets that are malformed.
pub fn malformed_objects() -> Vec<Value> {
    let engine = json!({"engine": {"jwtSecret": reference("bad-engine")}});
    let identity = json!({"p2p": {"privateKey": reference("bad-identity")}});
    let gossip = json!({"sequencer": {"key": reference("bad-key")}});
    vec![
        network("bad-net", "bad-url"),
        node("bad-engine", "replica", "net", &engine, &json!({})),
        node("bad-identity", "replica", "net", &identity, &json!({})),
        node("bad-gossip", "sequencer", "other-net", &gossip, &json!({})),
        component("OpBatcher", "bad-batcher", &key("bad-key"), &json!({})),
        component("OpProposer", "bad-proposer", &key("bad-key"), &json!({})),
        component("OpChallenger", "bad-challenger", &key("bad-key"), &json!({})),
    ]
}

/// An object of the guest that repeats what it sees.
pub fn echo(namespace: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "test.optimism.io/v1", "kind": "Echo", "metadata": metadata, "spec": spec})
}

/// The guest's path.
pub fn echo_path(namespace: &str, name: &str) -> String {
    format!("/apis/test.optimism.io/v1/namespaces/{namespace}/echos/{name}")
}

/// Refuses a Secret in words that quote it, as a careless administrator's policy might.
pub fn quoting_policy() -> [Value; 2] {
    let group = "admissionregistration.k8s.io/v1";
    let policy = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "quoting"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"],
            }]},
            "validations": [{
                "expression": "object.metadata.name != 'refused'",
                "messageExpression": "'no Secret may hold ' + string(object.data.made)",
            }],
        },
    });
    let binding = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "quoting"},
        "spec": {"policyName": "quoting", "validationActions": ["Deny"]},
    });
    [policy, binding]
}
