//! A changed file of the chain changes the template of the pods that read it.

use serde_json::{Value, json};
use suite::{MINUTE, audit, paths};

use crate::{chain, ours};

const NAMESPACE: &str = "files";

/// A rollup configuration with such a timeout.
fn rollup(channel_timeout: u64) -> String {
    let mut config = suite::chain::rollup_on(11_155_111);
    config["channel_timeout"] = channel_timeout.into();
    config.to_string()
}

fn template(set: &Value) -> (&Value, &Value) {
    let template = &set["spec"]["template"];
    (&template["metadata"]["annotations"]["optimism.io/config-hash"], template)
}

#[test]
fn a_changed_rollup_configuration_rolls_the_pods() {
    let (site, operator) = (&chain().site, &chain().operator);
    site.namespace(NAMESPACE);
    site.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "chain", "namespace": NAMESPACE},
        "data": {"rollup": rollup(300), "genesis": json!({"config": {"chainId": 901}, "alloc": {}}).to_string()},
    }));
    let file = |key: &str| json!({"configMapRef": {"name": "chain", "key": key}});
    site.create(&ours("OptimismNetwork", NAMESPACE, "net", &json!({
        "chainID": 901, "l1ChainID": 11_155_111, "l1RpcUrl": "http://127.0.0.1:9", "l1BeaconUrl": "http://127.0.0.1:9",
        "rollupConfig": file("rollup"), "l2Genesis": file("genesis"),
    })));
    site.create(&ours(
        "OpNode",
        NAMESPACE,
        "node",
        &json!({
            "optimismNetworkRef": {"name": "net"}, "nodeType": "sequencer", "executionClient": {"name": "geth"},
        }),
    ));
    let set = "/apis/apps/v1/namespaces/files/statefulsets/node";
    let (before, _) = site.wait("the node to be made", set, MINUTE, |set| template(set).0.is_string());
    operator.settle();

    let mark = site.audit.mark().expect("a mark");
    let user = paths::config_map(NAMESPACE, "chain");
    site.merge(&user, &json!({"data": {"rollup": rollup(301)}}));
    let (after, took) = site
        .wait("another hash", set, MINUTE, |set| template(set).0.is_string() && template(set).0 != template(&before).0);
    println!("S1-10: another hash {} ms after the file's change", took.as_millis());
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["spec"]["updateStrategy"]["type"], "RollingUpdate", "one pod after the other");
    let published = site.get(&paths::config_map(NAMESPACE, "net-rollup-config")).expect("it is published");
    assert!(published["data"]["rollup.json"].as_str().is_some_and(|text| text.contains("301")), "{published}");

    // Only that part of the template differs, and what is the same again makes no write.
    let mut undone = after.clone();
    undone["spec"]["template"]["metadata"]["annotations"]["optimism.io/config-hash"] = template(&before).0.clone();
    assert_eq!(template(&undone).1, template(&before).1);
    operator.settle();
    let events = audit::writes(&site.audit.events_since(mark).expect("events")).in_namespace(NAMESPACE);
    assert_eq!(events.by_resource("statefulsets").len(), 1, "{events}");
    site.merge(&user, &json!({"data": {"rollup": rollup(300)}}));
    site.wait("the first hash again", set, MINUTE, |set| template(set).0 == template(&before).0);
}
