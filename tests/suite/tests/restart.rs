//! A restart over objects that were measured writes nothing, and reads none of them but the Secrets that they name.

use control_plane::{AuditLevel, Options};
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Site, condition, paths, plugins};

const NAMESPACE: &str = "rests";

fn ours(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
    })
}

/// A network whose L1 nobody serves, and a replica of it: both say what was found out about them.
fn objects() -> [Value; 2] {
    let network = json!({
        "networkName": "op-sepolia", "chainID": 11_155_420, "l1ChainID": 11_155_111,
        "l1RpcUrl": "http://127.0.0.1:9", "l1BeaconUrl": "http://127.0.0.1:9",
    });
    let node =
        json!({"optimismNetworkRef": {"name": "net"}, "nodeType": "replica", "sequencerUrl": "http://127.0.0.1:9"});
    [ours("OptimismNetwork", "net", &network), ours("OpNode", "node", &node)]
}

#[test]
fn what_was_measured_before_stands_until_it_is_measured_again() {
    let site = Site::start_with(Options { controllers: false, ..Options::audited(AuditLevel::Request) });
    let directory = plugins::argument();
    let operator = Operator::start_with(&site, &[&directory]);
    site.namespace(NAMESPACE);
    let [network, node] = objects();
    site.create(&network);
    site.create(&node);
    site.wait("the L1 to be found silent", &paths::of(&network), MINUTE, |network| {
        condition::brief(network, "L1Connected").0 == "False"
    });
    operator.settle();
    operator.stop();

    let before = [&network, &node].map(|object| site.get(&paths::of(object)).expect("it was made"));
    let mark = site.audit.mark().expect("an audit log");
    let operator = Operator::start_with(&site, &[&directory]);
    operator.settle();
    let probed = || operator.metric("opstack_probes_total", "");
    suite::until(
        "the next operator to ask again",
        MINUTE,
        || if probed() > 0.0 { Ok(()) } else { Err("not yet".into()) },
    );
    operator.settle();
    let events = site.audit.events_since(mark).expect("an audit log");
    let calls = events.iter().filter(|event| event.user_agent.starts_with("opstack") && event.namespace == NAMESPACE);
    let calls: Vec<_> = calls
        .filter(|event| !matches!(event.verb.as_str(), "list" | "watch") && !suite::audit::is_named_read(event))
        .map(|event| format!("{} {} {:?}", event.verb, event.request_uri, event.request_object))
        .collect();
    assert!(calls.is_empty(), "{}\nbefore: {before:#?}", calls.join("\n"));
}
