//! Events tell why: what an object waits for, what is wrong with it, and that it goes on.

use serde_json::{Value, json};
use suite::{MINUTE, Site, paths, until};

use crate::{chain, network, ours};

const NAMESPACE: &str = "events";

/// Waits for an event on an object; gives its message.
fn told(site: &Site, object: &Value, kind: &str, reason: &str) -> String {
    let is_it = |event: &&Value| {
        let about = &event["involvedObject"];
        about["uid"] == object["metadata"]["uid"]
            && about["kind"] == object["kind"]
            && about["name"] == object["metadata"]["name"]
            && (event["type"].as_str(), event["reason"].as_str()) == (Some(kind), Some(reason))
    };
    let (message, _) = until(&format!("an event {kind} {reason}"), MINUTE, || {
        let events = site.list(&format!("/api/v1/namespaces/{NAMESPACE}/events"));
        match events.iter().find(is_it) {
            Some(event) => Ok(event["message"].as_str().unwrap_or_default().to_string()),
            None => Err(format!("{events:#?}")),
        }
    });
    println!("S1-16: {kind} {reason}: {message}");
    message
}

#[test]
fn events_say_what_is_waited_for_what_is_wrong_and_that_it_goes_on() {
    let site = &chain().site;
    site.namespace(NAMESPACE);
    let spec = json!({
        "optimismNetworkRef": {"name": "net"}, "nodeType": "replica", "sequencerUrl": "http://127.0.0.1:9",
        "executionClient": {"name": "geth"},
    });
    let node = site.create(&ours("OpNode", NAMESPACE, "node", &spec));
    let message = told(site, &node, "Normal", "Waiting");
    assert!(message.contains("OptimismNetwork events/net"), "{message}");

    site.create(&network(NAMESPACE, "net"));
    let message = told(site, &node, "Normal", "Recovered");
    assert!(message.contains("Waiting"), "{message}");

    site.merge(&paths::of(&node), &json!({"spec": {"extraArgs": ["--p2p.sequencer.key=0x00"]}}));
    let message = told(site, &node, "Warning", "InvalidSpec");
    assert!(message.contains("spec.extraArgs"), "{message}");

    site.merge(&paths::of(&node), &json!({"spec": {"extraArgs": []}}));
    until("the second recovery to be told", MINUTE, || {
        let events = site.list(&format!("/api/v1/namespaces/{NAMESPACE}/events"));
        let messages =
            events.iter().filter(|event| event["reason"] == "Recovered").map(|event| event["message"].clone());
        let messages: Vec<_> = messages.collect();
        let is_told = messages.iter().any(|message| message.as_str().is_some_and(|text| text.contains("InvalidSpec")));
        if is_told { Ok(()) } else { Err(format!("{messages:?}")) }
    });
}
