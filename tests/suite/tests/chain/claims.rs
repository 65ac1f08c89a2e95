//! Accept D: the data of a chain outlives everything that is done to its objects.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use suite::{MINUTE, Site, condition, paths, until};

use crate::{chain, network, replica};

const NAMESPACE: &str = "claims";
const STATEFUL: &str = "/apis/apps/v1/namespaces/claims/statefulsets/node";

/// Names and lives of the claims in a namespace.
fn claims_in(site: &Site, namespace: &str) -> BTreeMap<String, Value> {
    let claims = site.list(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"));
    let kept = claims.iter().filter(|claim| claim["metadata"]["deletionTimestamp"].is_null());
    kept.map(|claim| {
        let metadata = &claim["metadata"];
        (metadata["name"].as_str().unwrap_or_default().to_string(), metadata["uid"].clone())
    })
    .collect()
}

fn claims(site: &Site) -> BTreeMap<String, Value> {
    claims_in(site, NAMESPACE)
}

/// Names and values of the generated Secrets.
fn generated(site: &Site) -> BTreeMap<String, Value> {
    let secrets = site.list("/api/v1/namespaces/claims/secrets");
    let name = |secret: &Value| secret["metadata"]["name"].as_str().unwrap_or_default().to_string();
    secrets.iter().map(|secret| (name(secret), secret["data"].clone())).collect()
}

#[test]
fn claims_and_generated_secrets_outlive_a_node() {
    let site = &chain().site;
    site.namespace(NAMESPACE);
    let network = network(NAMESPACE, "net");
    let node = replica(NAMESPACE, "node", &network, "geth");
    site.create(&network);
    site.create(&node);
    until("the node's claims", MINUTE, || match claims(site).len() {
        0 => Err(site.log_tail()),
        _ => Ok(()),
    });
    chain().operator.settle();
    let before = (claims(site), generated(site));
    assert!(!before.1.is_empty(), "a node has a JWT and an identity of its own");

    let first = site.get(STATEFUL).expect("it has claims")["metadata"]["uid"].clone();
    site.delete(STATEFUL);
    let (again, _) =
        site.wait("the StatefulSet to be made again", STATEFUL, MINUTE, |set| set["metadata"]["uid"] != first);
    assert_eq!((claims(site), generated(site)), before, "a deleted StatefulSet took them along");

    site.delete(&paths::of(&node));
    site.wait_gone(&paths::of(&node));
    site.wait_gone(STATEFUL);
    assert_eq!((claims(site), generated(site)), before, "they did not outlive their node");

    site.create(&node);
    site.wait("the node's next life", STATEFUL, MINUTE, |set| set["metadata"]["uid"] != again["metadata"]["uid"]);
    chain().operator.settle();
    assert_eq!((claims(site), generated(site)), before, "the next life did not find them again");
    let live = site.get(&paths::of(&node)).expect("it was just made");
    assert_ne!(condition::brief(&live, "Ready").0, "", "{live}");
    println!("D: {} claims and {} Secrets outlived a StatefulSet and their node", before.0.len(), before.1.len());
}

#[test]
fn claims_go_with_a_node_that_wants_it() {
    const NAMESPACE: &str = "claims-go";
    let site = &chain().site;
    site.namespace(NAMESPACE);
    let network = network(NAMESPACE, "net");
    let mut node = replica(NAMESPACE, "node", &network, "geth");
    node["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete"});
    site.create(&network);
    site.create(&node);
    let made = |before: &BTreeMap<String, Value>| {
        let before = before.clone();
        let (claims, _) = until("a new claim", MINUTE, || match claims_in(site, NAMESPACE) {
            claims if claims.len() > before.len() => Ok(claims),
            _ => Err(site.log_tail()),
        });
        claims
    };
    let of_geth = made(&BTreeMap::new());

    // For another client the StatefulSet is made anew, which is no reason to lose anything.
    site.merge(&paths::of(&node), &json!({"spec": {"executionClient": {"name": "reth"}}}));
    let of_both = made(&of_geth);
    assert!(of_geth.iter().all(|(name, uid)| of_both.get(name) == Some(uid)), "{of_geth:?} and then {of_both:?}");

    site.delete(&paths::of(&node));
    site.wait_gone(&paths::of(&node));
    let left = || match claims_in(site, NAMESPACE) {
        claims if claims == of_geth => Ok(()),
        claims => Err(format!("{claims:?}\n{}", site.log_tail())),
    };
    until("only the claims of the client that it had before to be left", MINUTE, left);
    println!("N17: {} claims went with their node, those of its former client stayed", of_both.len() - of_geth.len());
}
