//! Accept E with an execution client: another version of it renders only the nodes that use it.

use serde_json::{Value, json};
use suite::{MINUTE, Site, audit, condition, paths, plugins, until};

use crate::{chain, network, ours, replica};

const CONFIG_MAP: &str = "/api/v1/namespaces/opstack-system/configmaps/plugin-reth";
const IMAGE: &str = "images/op-reth:v";

fn stateful(namespace: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/node")
}

#[test]
fn another_version_of_a_client_renders_only_its_nodes() {
    let (site, operator) = (&chain().site, &chain().operator);
    let network = network("client-net", "net");
    for namespace in ["client-net", "client-reth", "client-geth"] {
        site.namespace(namespace);
    }
    site.create(&network);
    for client in ["reth", "geth"] {
        let namespace = format!("client-{client}");
        site.create(&replica(&namespace, "node", &network, client));
        site.wait("the node to be made", &stateful(&namespace), MINUTE, |_| true);
    }
    operator.settle();
    let module = plugins::module("plugins", "reth");
    let rendered = site.get(&stateful("client-reth")).expect("it is there").to_string();
    let old = image(&rendered);
    // Of the same length, so that the module stays whole.
    let new = format!("{}9", &old[..old.len() - 1]);
    assert!(!old.ends_with('9') && module.windows(old.len()).any(|part| part == old.as_bytes()), "{old}");

    let (mark, process) = (site.audit.mark().expect("a mark"), operator.id());
    deliver(site, &plugins::patched(&module, &old, &new));
    let (_, took) = site
        .wait("the node to be rendered anew", &stateful("client-reth"), MINUTE, |node| node.to_string().contains(&new));
    operator.settle();
    let writes = audit::writes(&site.audit.events_since(mark).expect("events"));
    let elsewhere = writes.in_namespace("client-geth");
    println!(
        "E: reth's nodes were rendered by its other version after {} ms; {} writes, {} to a geth node",
        took.as_millis(),
        writes.in_namespace("client-reth").len(),
        elsewhere.len()
    );
    assert!(elsewhere.is_empty(), "{elsewhere}");
    assert!(operator.is_running() && operator.id() == process);

    equal_output_writes_nothing(site, &plugins::patched(&module, &old, &new));
    broken_version_serves_on(site, &module, &new);
    deliver(site, &module);
    site.wait("the first version", &stateful("client-reth"), MINUTE, |node| node.to_string().contains(&old));
}

fn image(rendered: &str) -> String {
    let start = rendered.find(IMAGE).unwrap_or_else(|| panic!("no {IMAGE} in {rendered}"));
    let length = rendered[start..].find('"').expect("the text ends");
    rendered[start..start + length].to_string()
}

fn deliver(site: &Site, module: &[u8]) -> Value {
    let path = paths::plugin("reth");
    let before = site.get(&path).expect("it is installed")["status"]["digest"].clone();
    site.merge(CONFIG_MAP, &plugins::bytes_patch(module));
    let (plugin, _) =
        site.wait("the version to be loaded", &path, MINUTE, |plugin| plugin["status"]["digest"] != before);
    plugin
}

fn equal_output_writes_nothing(site: &Site, module: &[u8]) {
    let operator = &chain().operator;
    let (mark, before) = (site.audit.mark().expect("a mark"), operator.reconciles());
    deliver(site, &plugins::rebuilt(module, "again"));
    until("the nodes to be looked at", MINUTE, || match operator.reconciles() - before {
        0 => Err(site.log_tail()),
        _ => Ok(()),
    });
    operator.settle();
    let writes = audit::writes(&site.audit.events_since(mark).expect("events")).without_resource("plugins");
    println!("E: {} writes after an equal rebuild of a client", writes.in_namespace("client-reth").len());
    assert!(writes.in_namespace("client-reth").is_empty(), "{writes}");
}

fn broken_version_serves_on(site: &Site, module: &[u8], image: &str) {
    site.merge(CONFIG_MAP, &plugins::bytes_patch(&module[..module.len() - 100]));
    let (plugin, _) = site.wait("the damage to be seen", &paths::plugin("reth"), MINUTE, |plugin| {
        condition::is(plugin, "Loaded", "False", "PluginDamaged")
    });
    assert_eq!(condition::brief(&plugin, "Ready"), ("True", "Serving"), "{plugin}");
    // A node made now is rendered by the version before.
    let network = json!({"name": "net", "namespace": "client-net"});
    let spec = json!({"optimismNetworkRef": network, "nodeType": "replica", "sequencerUrl": "http://127.0.0.1:9"});
    site.create(&ours("OpNode", "client-reth", "late", &spec));
    let late = "/apis/apps/v1/namespaces/client-reth/statefulsets/late";
    site.wait("a node by the old version", late, MINUTE, |node| node.to_string().contains(image));
    println!("E: {}", condition::message(&plugin, "Loaded"));
}
