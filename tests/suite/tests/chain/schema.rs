//! What the API server refuses by the definitions alone: values that are not in a list, and changes that can't be made.

use std::collections::BTreeSet;

use control_plane::Response;
use serde_json::{Value, json};
use suite::{MINUTE, Site, paths, until};

use crate::{chain, network, ours, replica};

const KINDS: [&str; 5] = ["OptimismNetwork", "OpNode", "OpBatcher", "OpProposer", "OpChallenger"];

/// Fields that must be among those found, lest nothing be found at all.
const LISTS: [&str; 13] = [
    "OpNode spec.nodeType",
    "OpNode spec.opNode.syncMode",
    "OpNode spec.opGeth.syncMode",
    "OpNode spec.opGeth.gcMode",
    "OpNode spec.opGeth.stateScheme",
    "OpNode spec.opGeth.dbEngine",
    "OpNode spec.service.type",
    "OpNode spec.service.ports[0].protocol",
    "OpBatcher spec.dataAvailability.type",
    "OpChallenger spec.faultProof.traceType",
    "OpProposer spec.logging.level",
    "OpProposer spec.logging.format",
    "OptimismNetwork spec.contractAddresses.discoveryMethod",
];

/// A rule's message, what a node says at first, and what it must not say afterwards.
fn changes() -> Vec<(&'static str, Value, Value)> {
    let settings = |field: &str, value: &str| json!({"executionClient": {"settings": {field: value}}});
    let of_geth = |field: &str, value: &str| json!({"opGeth": {field: value}});
    vec![
        (
            "a node's data belongs to one chain: make a new OpNode for another network",
            json!({}),
            json!({"optimismNetworkRef": {"name": "other"}}),
        ),
        (
            "opGeth.stateScheme can't change while data exists: make a new OpNode",
            of_geth("stateScheme", "path"),
            of_geth("stateScheme", "hash"),
        ),
        (
            "opGeth.dbEngine can't change while data exists: make a new OpNode",
            of_geth("dbEngine", "pebble"),
            of_geth("dbEngine", "leveldb"),
        ),
        (
            "executionClient.settings.stateScheme can't change while data exists: make a new OpNode",
            settings("stateScheme", "path"),
            settings("stateScheme", "hash"),
        ),
        (
            "executionClient.settings.dbEngine can't change while data exists: make a new OpNode",
            settings("dbEngine", "pebble"),
            settings("dbEngine", "leveldb"),
        ),
    ]
}

/// The schema of a kind, as the API server has it.
fn schema(site: &Site, kind: &str) -> Value {
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}s.optimism.io", kind.to_lowercase());
    let established = |crd: &Value| suite::condition::brief(crd, "Established").0 == "True";
    let (crd, _) = site.wait("the kind to be served", &path, MINUTE, established);
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Paths and values of all fields whose values are listed; elements of a list are `[0]`.
fn lists(schema: &Value, path: &str, found: &mut Vec<(String, Vec<Value>)>) {
    if let Some(values) = schema["enum"].as_array() {
        found.push((path.into(), values.clone()));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        lists(field, &format!("{path}{dot}{name}"), found);
    }
    if schema["items"].is_object() {
        lists(&schema["items"], &format!("{path}[0]"), found);
    }
}

/// The object that has one value at one path.
fn with(path: &str, value: &Value) -> Value {
    path.rsplit('.').fold(value.clone(), |inner, name| match name.strip_suffix("[0]") {
        Some(name) => json!({name: [inner]}),
        None => json!({name: inner}),
    })
}

/// What the API server says to an object with one value, without making it.
fn attempt(site: &Site, kind: &str, path: &str, value: &Value) -> Response {
    let mut object = ours(kind, "default", "attempt", &json!({}));
    object["spec"] = with(path, value)["spec"].take();
    site.request("POST", &format!("{}?dryRun=All", paths::collection(&object)), Some(&object))
}

/// Whether the API server says of a field that its value is not in the list.
fn is_unlisted(response: &Response, path: &str) -> bool {
    let causes = response.json().map(|mut status| status["details"]["causes"].take()).unwrap_or_default();
    let mut causes = causes.as_array().into_iter().flatten();
    response.status == 422 && causes.any(|cause| cause["field"] == path && cause["reason"] == "FieldValueNotSupported")
}

#[test]
fn a_value_that_is_not_in_the_list_is_refused_for_every_field() {
    let site = &chain().site;
    let mut seen = BTreeSet::new();
    for kind in KINDS {
        let mut found = vec![];
        lists(&schema(site, kind)["properties"]["spec"], "spec", &mut found);
        for (path, values) in found {
            for value in &values {
                let answer = attempt(site, kind, &path, value);
                assert!(!is_unlisted(&answer, &path), "{kind} {path}: {value} is listed: {}", answer.text());
            }
            for wrong in [json!("no-such-value"), json!("")] {
                let answer = attempt(site, kind, &path, &wrong);
                assert!(is_unlisted(&answer, &path), "{kind} {path}: {wrong}: {} {}", answer.status, answer.text());
            }
            seen.insert(format!("{kind} {path}"));
        }
    }
    println!("S1-02: {} fields with listed values refuse others", seen.len());
    let missing: Vec<_> = LISTS.iter().filter(|field| !seen.contains(**field)).collect();
    assert!(missing.is_empty(), "not found: {missing:?} in {seen:#?}");
}

#[test]
fn changes_of_what_cannot_change_are_refused_by_the_rules() {
    let site = &chain().site;
    let namespace = "immutable";
    site.namespace(namespace);
    let rules = KINDS.iter().flat_map(|kind| {
        let rules = schema(site, kind)["properties"]["spec"]["x-kubernetes-validations"].take();
        rules.as_array().cloned().unwrap_or_default()
    });
    let of_changes = rules.filter(|rule| rule["rule"].as_str().is_some_and(|rule| rule.contains("oldSelf")));
    let messages: BTreeSet<String> =
        of_changes.filter_map(|rule| Some(rule["message"].as_str()?.to_string())).collect();
    let tried: BTreeSet<String> = changes().into_iter().map(|(message, ..)| message.to_string()).collect();
    assert_eq!(messages, tried, "every rule about a change is tried");

    let network = network(namespace, "net");
    for (index, (message, before, after)) in changes().into_iter().enumerate() {
        let node = replica(namespace, &format!("node-{index}"), &network, "geth");
        let path = paths::of(&node);
        site.create(&node);
        site.merge(&path, &json!({"spec": before}));
        let stored = site.get(&path).expect("it was just made")["spec"].clone();
        let refusal = site.request("PATCH", &path, Some(&json!({"spec": after})));
        assert_eq!(refusal.status, 422, "{after}: {}", refusal.text());
        assert!(refusal.text().contains(message), "{after}: {}", refusal.text());
        assert_eq!(site.get(&path).expect("it is there")["spec"], stored);
        // The refusal is of that change and not of every one.
        site.merge(&path, &json!({"spec": {"logging": {"level": "debug"}}}));
    }
    println!("X15: {} changes are refused by the definitions", tried.len());
}

#[test]
fn names_that_could_be_those_of_anothers_children_are_refused() {
    let site = &chain().site;
    let says = |kind: &str, name: &str| {
        // What a rule about the whole object is held against is complete.
        let (net, key) = (json!({"name": "net"}), json!({"secretRef": {"name": "signer", "key": "key"}}));
        let spec = match kind {
            "OpNode" => json!({"optimismNetworkRef": net, "nodeType": "replica"}),
            _ => json!({"optimismNetworkRef": net, "sequencerRef": {"name": "node"}, "privateKey": key}),
        };
        let object = ours(kind, "default", name, &spec);
        site.request("POST", &format!("{}?dryRun=All", paths::collection(&object)), Some(&object)).text()
    };
    for kind in ["OpNode", "OpBatcher", "OpProposer", "OpChallenger"] {
        for name in ["x--geth", "x-headless", "x-p2p", "x-p2p-1", "x-beside", "x-sequencers", "x-active"] {
            let answer = says(kind, name);
            assert!(answer.contains("metadata.name must not"), "{kind} {name}: {answer}");
        }
        for name in ["x-geth", "x-p2p-a", "headless", "x-jwt"] {
            let answer = says(kind, name);
            assert!(!answer.contains("metadata.name must not"), "{kind} {name}: {answer}");
        }
    }
    for name in ["op-node-x", "geth-x"] {
        assert!(says("OpChallenger", name).contains("metadata.name must not begin"), "{name}");
    }
}

/// Columns and what they show.
type Cells = Vec<(&'static str, &'static str)>;

/// Status of a paused object, and what `kubectl get` then shows beside name and age.
fn rows() -> [(Value, Value, Cells); 5] {
    let namespace = "columns";
    let network = network(namespace, "net");
    let net = json!({"name": "net"});
    let key = json!({"secretRef": {"name": "signer", "key": "key"}});
    let component = |kind: &str, info: Value, more: Cells| {
        let spec = json!({"optimismNetworkRef": net, "sequencerRef": {"name": "node"}, "privateKey": key});
        let mut status = json!({"phase": "Running", "balance": "1.5"});
        info.as_object().into_iter().flatten().for_each(|(field, value)| status[field] = value.clone());
        let columns = [("PHASE", "Running"), ("NETWORK", "net"), ("BALANCE", "1.5")].into_iter().chain(more).collect();
        (ours(kind, namespace, "shown", &spec), status, columns)
    };
    let connected = json!([{
        "type": "L1Connected", "status": "True", "reason": "Told", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]);
    let node_status = json!({
        "phase": "Running", "executionClient": "geth",
        "nodeInfo": {"chainHead": {"blockNumber": 12_345}, "safeBlock": 12_300, "finalizedBlock": 12_000, "peerCount": 7},
    });
    [
        (
            network.clone(),
            json!({"phase": "Ready", "conditions": connected, "sequencing": {"stage": "Running", "active": "columns/node"}}),
            vec![
                ("PHASE", "Ready"),
                ("CHAIN", "11155420"),
                ("L1", "11155111"),
                ("SEQUENCER", "columns/node"),
                ("L1 CONNECTED", "True"),
            ],
        ),
        (
            replica(namespace, "node", &network, "geth"),
            node_status,
            vec![
                ("TYPE", "replica"),
                ("CLIENT", "geth"),
                ("PHASE", "Running"),
                ("UNSAFE", "12345"),
                ("SAFE", "12300"),
                ("FINALIZED", "12000"),
                ("LAG", ""),
                ("PEERS", "7"),
                ("ACTIVE", ""),
            ],
        ),
        component(
            "OpBatcher",
            json!({"batcherInfo": {"pendingBatches": 3}}),
            vec![("PENDING", "3"), ("LAST BATCH", "")],
        ),
        component(
            "OpProposer",
            json!({"proposerInfo": {"lastProposalSubmitted": {"l2BlockNumber": 9}}}),
            vec![("PROPOSED", "9"), ("LAST PROPOSAL", "")],
        ),
        component(
            "OpChallenger",
            json!({"challengerInfo": {"activeGames": 4}}),
            vec![("GAMES", "4"), ("RESOLVED", ""), ("MOVES", "")],
        ),
    ]
}

/// The columns of the only line of a table, as the API server made them.
fn columns(table: &str) -> Vec<(String, String)> {
    let (head, line) = table.trim_end().split_once('\n').unwrap_or_else(|| panic!("no line in {table:?}"));
    assert!(!line.contains('\n'), "{table}");
    let names: Vec<&str> = head.split("   ").map(str::trim).filter(|name| !name.is_empty()).collect();
    let starts: Vec<usize> = names
        .iter()
        .scan(0, |from, name| {
            let start = *from + head[*from..].find(name)?;
            *from = start + name.len();
            Some(start)
        })
        .collect();
    let ends = starts.iter().skip(1).copied().chain([line.len()]);
    let cells = starts.iter().zip(ends).map(|(start, end)| line[*start..end].trim().to_string());
    names.iter().map(ToString::to_string).zip(cells).collect()
}

#[test]
fn tables_show_what_the_columns_promise() {
    let site = &chain().site;
    site.namespace("columns");
    for (mut object, status, expected) in rows() {
        let kind = object["kind"].as_str().unwrap_or_default().to_string();
        schema(site, &kind);
        // A paused object's plugin says nothing, so what is told here stays.
        object["spec"]["paused"] = true.into();
        site.create(&object);
        let path = paths::of(&object);
        site.wait_ready(&path, "Unknown", "Paused");
        site.merge(&format!("{path}/status"), &json!({"status": status}));
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let ask = || {
            let arguments = ["get", &format!("{}.optimism.io", kind.to_lowercase()), name, "--namespace=columns"];
            let table = site.kubectl.run(arguments).unwrap_or_else(|error| panic!("{kind}: {error:#}"));
            columns(&table)
        };
        let wanted: Vec<(String, String)> = [("NAME", name)]
            .into_iter()
            .chain(expected)
            .map(|(column, cell)| (column.to_string(), cell.to_string()))
            .collect();
        let (shown, _) = until("the table to show the status", MINUTE, || {
            let mut shown = ask();
            let age = shown.pop().filter(|(column, age)| column == "AGE" && age.ends_with('s'));
            if age.is_some() && shown == wanted { Ok(shown) } else { Err(format!("{kind}: {shown:?}")) }
        });
        println!("S1-01: {kind}: {shown:?}");
    }
}
