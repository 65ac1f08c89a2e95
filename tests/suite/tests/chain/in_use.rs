//! Accept J: a network in use stays until its users are gone, and names them.

use suite::{condition, paths};

use crate::{chain, network, replica};

#[test]
fn a_network_in_use_names_its_users_and_goes_with_the_last() {
    let site = &chain().site;
    for namespace in ["use-net", "use-node"] {
        site.namespace(namespace);
    }
    let network = network("use-net", "net");
    let nodes = ["first", "second"].map(|name| replica("use-node", name, &network, "reth"));
    site.create(&network);
    for node in &nodes {
        site.create(node);
        let stateful = format!(
            "/apis/apps/v1/namespaces/use-node/statefulsets/{}",
            node["metadata"]["name"].as_str().unwrap_or_default()
        );
        site.wait("the node to be made", &stateful, suite::MINUTE, |_| true);
    }
    let path = paths::of(&network);
    site.delete(&path);
    let held = site.wait_ready(&path, "False", "DeletionBlocked");
    let message = condition::message(&held, "Ready");
    println!("J: {message}");
    assert!(message.contains("use-node/first") && message.contains("use-node/second"), "{message}");

    for (node, left) in nodes.iter().zip(["use-node/second", ""]) {
        site.delete(&paths::of(node));
        site.wait_gone(&paths::of(node));
        if !left.is_empty() {
            site.wait("the other user to be named alone", &path, suite::MINUTE, |held| {
                let message = condition::message(held, "Ready");
                message.contains(left) && !message.contains("use-node/first")
            });
        }
    }
    let took = site.wait_gone(&path);
    println!("J: the network went {} ms after its last user", took.as_millis());
}
