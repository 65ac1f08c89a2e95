//! Attacks that are more than objects: programs that lie, statuses written by hand, requests that are forbidden.

use adversary::{
    attack::path_of,
    stage::Stage,
    tenant::{self, placed},
    victim,
};
use rpc_double::Fault;
use serde_json::{Value, json};
use suite::{
    MINUTE, kubelet, paths, try_until,
    world::{self, Pod},
};

/// An attack, and what went wrong with what the attacker gets to hear.
type Attack = fn(&Stage) -> Result<(), String>;

/// All of them, by name.
pub const ALL: [(&str, Attack); 11] = [
    ("claims-the-highest-block", claims_the_highest_block),
    ("says-that-it-is-active", says_that_it_is_active),
    ("fakes-its-own-status", fakes_its_own_status),
    ("writes-as-the-operator", writes_as_the_operator),
    ("redirects", redirects),
    ("tells-terminals-what-to-do", tells_terminals_what_to_do),
    ("tells-without-end", tells_without_end),
    ("blocks-its-own-deletion", blocks_its_own_deletion),
    ("speaks-with-the-operator", speaks_with_the_operator),
    ("carries-all-that-it-may", carries_all_that_it_may),
    ("asks-for-what-is-forbidden", asks_for_what_is_forbidden),
];

/// A workload that is called as a node of its own that names the victim's network: if the operator asked a stranger, it would
/// ask these pods.
fn impostor(stage: &Stage, name: &str) -> Pod {
    let labels = json!({
        "app": name, "optimism.io/network": "victim.net", "app.kubernetes.io/component": "sequencer",
        // By this the operator finds pods that it asks.
        "opstack.optimism.io/workload": format!("statefulset.{name}"),
    });
    stage.tenant.made(&placed(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "serviceName": name, "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "op-node", "image": "x.invalid/x"}]},
            },
        },
    })));
    stage.tenant.made(&placed(json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": "OpNode", "metadata": {"name": name},
        "spec": {
            "optimismNetworkRef": {"name": "net", "namespace": victim::NAMESPACE}, "nodeType": "sequencer",
            "executionClient": {"name": "geth"},
            "opNode": {"sequencer": {"key": {"secretRef": {"name": "signer", "key": "key"}}}},
        },
    })));
    let made = kubelet::wait_pods(stage.site(), tenant::NAMESPACE, name, 1).remove(0);
    let programs = Pod::start(world::address(), "op-node-sequencer", "op-geth");
    kubelet::report(stage.site(), tenant::NAMESPACE, &made, programs.address, true);
    programs
}

/// That the operator asked none of a stranger's pods.
fn unasked(name: &str, programs: &Pod) -> Result<(), String> {
    match programs.consensus.calls() {
        calls if calls.is_empty() => Ok(()),
        calls => Err(format!("{name} was asked: {:?}", calls.iter().map(|call| &call.method).collect::<Vec<_>>())),
    }
}

fn claims_the_highest_block(stage: &Stage) -> Result<(), String> {
    let programs = impostor(stage, "highest");
    programs.consensus.answer("admin_sequencerActive", json!(false));
    programs.head(|| (1_000_000_000, world::now()));
    stage.victim.pair.asked(3);
    unasked("highest", &programs)
}

fn says_that_it_is_active(stage: &Stage) -> Result<(), String> {
    let programs = impostor(stage, "active-too");
    programs.consensus.answer("admin_sequencerActive", json!(true));
    stage.victim.pair.asked(3);
    unasked("active-too", &programs)
}

/// It may write the status of its own network: as if the operator had decided to stop the victim's sequencer.
fn fakes_its_own_status(stage: &Stage) -> Result<(), String> {
    let path = paths::of(&stage.tenant.network);
    let sequencing = json!({
        "stage": "Stopping", "epoch": 99, "active": "victim/seq-a", "target": "victim/seq-b", "standbys": ["victim/seq-b"],
        "since": "2024-01-15T10:00:00Z", "head": {"number": 1, "hash": format!("0x{:064x}", 1), "seen": "2024-01-15T10:00:00Z"},
    });
    let ha = json!({"spec": {"sequencer": {"ha": {"mode": "Operator", "checkInterval": "1s"}}}});
    for (path, patch) in [(format!("{path}/status"), json!({"status": {"sequencing": sequencing}})), (path, ha)] {
        let answer = stage.tenant.request("PATCH", &path, Some(&patch));
        if !answer.is_success() {
            return Err(format!("{path}: {} {}", answer.status, answer.text()));
        }
    }
    stage.victim.pair.asked(3);
    Ok(())
}

/// It applies an object under the operator's field manager, with the operator's annotations: the operator neither deletes it nor
/// takes it for one of the victim's.
fn writes_as_the_operator(stage: &Stage) -> Result<(), String> {
    let object = placed(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "seq-b-peers", "annotations": {
            "opstack.optimism.io/owner": "OpNode.optimism.io/victim/seq-b", "opstack.optimism.io/plugin": "op-node",
        }},
        "data": {"peers": "mine"},
    }));
    let arguments = ["apply", "--server-side", "--field-manager=opstack/op-node", "--filename=-"];
    stage.tenant.kubectl.run_with_input(arguments, &object.to_string()).map_err(|error| format!("{error:#}"))?;
    stage.victim.pair.asked(3);
    stage.site().get(&path_of("ConfigMap/seq-b-peers")).map(drop).ok_or_else(|| "it was deleted".to_string())
}

/// A network of the attacker's with another L1.
pub fn network(stage: &Stage, name: &str, l1: &str) -> Value {
    let mut network = stage.tenant.network.clone();
    network["metadata"]["name"] = name.into();
    network["spec"]["l1RpcUrl"] = l1.into();
    network["spec"]["contractAddresses"] = json!({"discoveryMethod": "manual"});
    network
}

/// The messages of all conditions of an object, once it has one of a type that is not `Unknown`.
fn told(stage: &Stage, object: &Value, kind: &str) -> Result<String, String> {
    try_until(MINUTE, || {
        let live = stage.site().get(&paths::of(object)).unwrap_or_default();
        let (status, _) = suite::condition::brief(&live, kind);
        match status {
            "True" | "False" => Ok(live["status"].to_string()),
            _ => Err(format!("{} is told nothing: {}", paths::of(object), live["status"])),
        }
    })
}

/// Its L1 sends the operator to a server beside it.
fn redirects(stage: &Stage) -> Result<(), String> {
    let l1 = world::double("anvil");
    l1.spoil_all(Fault::Redirect(format!("http://127.0.0.1:{}/", stage.closed.port())));
    let object = network(stage, "redirects", &l1.url());
    stage.tenant.made(&object);
    told(stage, &object, "L1Connected").map(drop)
}

/// The texts of its L1 hold sequences for terminals, and a million characters.
fn tells_terminals_what_to_do(stage: &Stage) -> Result<(), String> {
    let l1 = world::double("anvil");
    l1.fail("eth_chainId", -32000, "\u{1b}[2J\u{1b}]0;mine\u{7}\r\nkey=hunter2\u{202e}");
    let object = network(stage, "terminals", &l1.url());
    stage.tenant.made(&object);
    let status = told(stage, &object, "L1Connected")?;
    // As JSON writes them.
    let raw = ["\\u001b", "\\u0007", "\\r", "\u{202e}"];
    raw.iter().find(|raw| status.contains(**raw)).map_or(Ok(()), |raw| Err(format!("{raw} is in a status: {status}")))
}

fn tells_without_end(stage: &Stage) -> Result<(), String> {
    const MOST: usize = 8 << 10;
    let l1 = world::double("anvil");
    l1.fail("eth_chainId", -32000, &"mine ".repeat(100_000));
    let object = network(stage, "endless", &l1.url());
    stage.tenant.made(&object);
    match told(stage, &object, "L1Connected")?.len() {
        length if length <= MOST => Ok(()),
        length => Err(format!("a status of {length} bytes")),
    }
}

/// Its object waits for a finalizer of its own for ever.
fn blocks_its_own_deletion(stage: &Stage) -> Result<(), String> {
    let mut object = network(stage, "stays", &stage.l1.url());
    object["metadata"]["finalizers"] = json!(["mallory.example/stays"]);
    stage.tenant.made(&object);
    let answer = stage.tenant.request("DELETE", &paths::of(&object), None);
    if !answer.is_success() {
        return Err(format!("{} {}", answer.status, answer.text()));
    }
    stage.victim.pair.asked(2);
    Ok(())
}

/// The page answers who names it, and nobody who was led there under another name.
fn speaks_with_the_operator(stage: &Stage) -> Result<(), String> {
    use std::io::{Read as _, Write as _};
    let page = stage.world.operator.page().ok_or("no page")?;
    let asked = |host: &str| -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(page)?;
        stream.set_read_timeout(Some(MINUTE))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.lines().next().unwrap_or_default().to_string())
    };
    let by = |host: &str| asked(host).map_err(|error| format!("{host}: {error}"));
    let (own, others) = (by(&page.to_string())?, by("mallory.example")?);
    if own.contains(" 200") && !others.contains(" 200") {
        Ok(())
    } else {
        Err(format!("{own}; as another host {others}"))
    }
}

/// Annotations and a name of the network as large as the API server takes them.
fn carries_all_that_it_may(stage: &Stage) -> Result<(), String> {
    for index in 0..8 {
        let mut object = network(stage, &format!("large-{index}"), &stage.l1.url());
        object["metadata"]["annotations"] = json!({"note": "x".repeat(250_000)});
        stage.tenant.made(&object);
        told(stage, &object, "L1Connected")?;
    }
    Ok(())
}

/// Each of these has to be refused by the API server.
fn asks_for_what_is_forbidden(stage: &Stage) -> Result<(), String> {
    let status = json!({"status": {"sequencing": {"active": "mallory/own"}}});
    let label = json!({"metadata": {"labels": {"optimism.io/active": "true"}, "annotations": {"optimism.io/approve-promotion": "1"}}});
    let token = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let ours = "/apis/optimism.io/v1alpha1";
    let asked: [(&str, String, Option<&Value>); 10] = [
        ("PATCH", format!("{ours}/namespaces/victim/optimismnetworks/net/status"), Some(&status)),
        ("PATCH", format!("{ours}/namespaces/victim/optimismnetworks/net"), Some(&label)),
        ("PATCH", "/api/v1/namespaces/victim/pods/seq-b-0".into(), Some(&label)),
        ("GET", "/api/v1/namespaces/victim/secrets".into(), None),
        ("DELETE", format!("{ours}/namespaces/victim/opnodes/seq-a"), None),
        ("DELETE", "/apis/coordination.k8s.io/v1/namespaces/opstack-system/leases/opstack".into(), None),
        ("PATCH", format!("{ours}/plugins/op-node"), Some(&label)),
        ("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/opnodes.optimism.io".into(), None),
        ("POST", "/api/v1/namespaces/opstack-system/serviceaccounts/default/token".into(), Some(&token)),
        ("PATCH", "/api/v1/namespaces/mallory".into(), Some(&label)),
    ];
    for (method, path, body) in asked {
        let answer = stage.tenant.request(method, &path, body);
        if answer.status != 403 {
            return Err(format!("{method} {path} is answered {} {}", answer.status, answer.text()));
        }
    }
    Ok(())
}
