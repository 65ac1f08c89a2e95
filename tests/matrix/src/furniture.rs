//! Documents that a case is given, so that a reference can lead to something else that exists.

use serde_json::{Value, json};

use crate::place::Path;
use crate::{Kind, table};

/// What all references to others may be called.
const NAMES: [&str; 2] = ["matrix-a", "matrix-b"];
/// Keys that all Secrets and ConfigMaps have.
const KEYS: [&str; 2] = ["a", "b"];
/// A Secret with a client certificate has these.
const TLS: [&str; 3] = ["ca.crt", "tls.crt", "tls.key"];

/// Adds what the candidates for `path` of the document at `at` lead to.
pub fn furnish(documents: &mut Vec<Value>, at: usize, path: &Path) {
    let Some(home) = documents.get(at).and_then(|object| object["metadata"]["namespace"].as_str()) else { return };
    let home = home.to_string();
    let mut fields = path.fields();
    let (name, above) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    match above {
        "secretRef" | "secretKeyRef" | "rootSecretRef" | "tls" => secrets(documents, &home),
        "configMapRef" => config_maps(documents, at, &home, fields.next().unwrap_or_default()),
        "optimismNetworkRef" | "sequencerRef" | "nodeRef" => {
            let reference = documents[at].pointer(&parent(path)).cloned();
            let kind = if above == "optimismNetworkRef" { Kind::Network } else { Kind::Node };
            permit(documents);
            twins(documents, kind, reference.as_ref(), &home, name == "namespace");
        }
        _ => {}
    }
    // What is required beside it may lead to a Secret, too.
    if path.fields().any(|field| field == "signer") {
        secrets(documents, &home);
    }
}

/// Networks that take part with objects of all namespaces, for references to lead there.
fn permit(documents: &mut [Value]) {
    let all = json!({"from": "All"});
    for network in documents.iter_mut().filter(|document| document["kind"] == Kind::Network.name()) {
        network["spec"]["allowedNamespaces"] = json!({"replicas": all, "sequencers": all, "components": all});
    }
}

/// The pointer (RFC 6901) to what a field is in.
fn parent(path: &Path) -> String {
    let text = path.to_string();
    let parent = text.rsplit_once('.').map_or("", |(parent, _)| parent);
    parent.split('.').map(|field| format!("/{field}")).collect()
}

fn facts(of: &str) -> Value {
    json!({
        "length": 64,
        "hex32": true,
        "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "peerId": "16Uiu2HAmCCQRbp36trRMKRjqhRv1GAD7i1Epty3q2LiutAYCJ1oN",
        "fingerprint": of,
    })
}

/// Every Secret gets further keys, and there are further Secrets with all keys that any has.
fn secrets(documents: &mut Vec<Value>, namespace: &str) {
    let is_secret = |document: &&mut Value| document["kind"] == "Secret";
    let mut keys: Vec<String> = KEYS.iter().chain(&TLS).map(ToString::to_string).collect();
    for secret in documents.iter_mut().filter(is_secret) {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default().to_string();
        if NAMES.contains(&name.as_str()) {
            return;
        }
        let all = secret["facts"].as_object().cloned().unwrap_or_default();
        keys.extend(all.keys().cloned());
        for key in KEYS {
            secret["facts"][key] = facts(&format!("{name}/{key}"));
        }
    }
    for name in NAMES {
        let all: serde_json::Map<_, _> =
            keys.iter().map(|key| (key.clone(), facts(&format!("{name}/{key}")))).collect();
        documents.push(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "facts": all,
        }));
    }
}

fn config_maps(documents: &mut Vec<Value>, at: usize, namespace: &str, field: &str) {
    let network = documents[at].clone();
    let texts = table::files(field).into_iter().filter_map(|text| Some(for_network(text.as_str()?, &network)));
    let texts: Vec<_> = texts.collect();
    let [first, second] = texts.as_slice() else { return };
    let chosen = network["spec"][field]["configMapRef"].clone();
    for document in documents.iter_mut().filter(|document| document["kind"] == "ConfigMap") {
        document["data"]["a"] = json!(first);
        document["data"]["b"] = json!(second);
    }
    for (name, own, other) in [("matrix-a", first, second), ("matrix-b", second, first)] {
        let mut map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"a": own, "b": other},
        });
        if let Some(key) = chosen["key"].as_str() {
            map["data"][key] = json!(own);
        }
        documents.push(map);
    }
}

/// A file of the table, for the ids of a network.
pub fn for_network(text: &str, network: &Value) -> String {
    let id = |field: &str| network["spec"][field].to_string().trim_matches('"').to_string();
    text.replace("CHAIN", &id("chainID")).replace("L1", &id("l1ChainID"))
}

/// Copies of what is referred to, with all that belongs to it, under other names or in other namespaces.
fn twins(documents: &mut Vec<Value>, kind: Kind, reference: Option<&Value>, home: &str, elsewhere: bool) {
    let of_kind = |document: &&Value| document["kind"] == kind.name();
    let text = |value: &Value| value.as_str().map(ToString::to_string);
    let name = reference.and_then(|reference| text(&reference["name"]));
    let namespace = reference.and_then(|reference| text(&reference["namespace"]));
    let namespace = namespace.filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| home.into());
    let is_it = |document: &Value| {
        name.as_ref().is_none_or(|name| document["metadata"]["name"] == name.as_str())
            && document["metadata"]["namespace"] == namespace.as_str()
    };
    let Some(original) = documents.iter().skip(1).filter(of_kind).find(|document| is_it(document)).cloned() else {
        return;
    };
    let Some(old) = text(&original["metadata"]["name"]) else { return };
    let mut places: Vec<_> = NAMES.iter().map(|name| ((*name).to_string(), namespace.clone())).collect();
    if elsewhere {
        // Whether the reference has a name already, or gets one of ours.
        places.extend(
            NAMES
                .iter()
                .flat_map(|other| [old.as_str(), NAMES[0]].map(|name| (name.to_string(), (*other).to_string()))),
        );
    }
    let mut made = vec![];
    for (index, place) in places.iter().enumerate() {
        let parts = belonging(documents, &old, &namespace, kind);
        made.extend(parts.map(|part| twin(part, kind, &old, place, index)));
    }
    documents.extend(made);
}

/// A copy of one document.
fn twin(original: &Value, kind: Kind, old: &str, (name, namespace): &(String, String), index: usize) -> Value {
    let mut twin = original.clone();
    let suffix = original["metadata"]["name"].as_str().and_then(|name| name.strip_prefix(old)).unwrap_or_default();
    twin["metadata"]["name"] = json!(format!("{name}{suffix}"));
    twin["metadata"]["namespace"] = json!(namespace);
    if original["kind"] == Kind::Network.name() {
        // Two networks with the same content may be told apart by their L1.
        twin["spec"]["l1RpcUrl"] = json!(format!("http://l1-of-matrix-{index}.example.org"));
    }
    if original["kind"] == Kind::Node.name() {
        let home = original["metadata"]["namespace"].as_str().unwrap_or_default();
        let reference = original["spec"]["optimismNetworkRef"].clone();
        twin["spec"]["optimismNetworkRef"] = if kind == Kind::Network {
            json!({"name": name, "namespace": namespace})
        } else {
            json!({"name": reference["name"], "namespace": reference["namespace"].as_str().unwrap_or(home)})
        };
    }
    twin
}

/// An object and what carries its name in front.
fn belonging<'a>(
    documents: &'a [Value],
    name: &'a str,
    namespace: &'a str,
    kind: Kind,
) -> impl Iterator<Item = &'a Value> {
    documents.iter().skip(1).filter(move |document| {
        let found = document["metadata"]["name"].as_str().unwrap_or_default();
        let itself = found == name && document["kind"] == kind.name();
        let part = found.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
        document["metadata"]["namespace"] == namespace && (itself || part)
    })
}
