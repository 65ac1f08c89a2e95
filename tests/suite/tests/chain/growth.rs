//! A claim of a StatefulSet grows where its class allows it, although the API server takes no change of a claim template.

use serde_json::{Value, json};
use suite::{MINUTE, Site, condition, paths};

use crate::{chain, network, replica};

const CLAIM: &str = "persistentvolumeclaims";

/// A class of volumes, and one volume of it for a claim.
fn volume(site: &Site, class: &str, grows: bool, claim: (&str, &str)) {
    site.create(&json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
        "provisioner": "none.test", "allowVolumeExpansion": grows,
    }));
    site.create(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": class},
        "spec": {
            "storageClassName": class, "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Ti"},
            "claimRef": {"namespace": claim.0, "name": claim.1}, "hostPath": {"path": "/nowhere"},
        },
    }));
}

/// A node in a namespace of its own whose claim is bound to a volume of a class named as the namespace; gives it and the
/// paths of its StatefulSet and its claim.
fn bound(site: &Site, namespace: &str, grows: bool) -> (Value, String, String) {
    site.namespace(namespace);
    let network = network(namespace, "net");
    let mut node = replica(namespace, "node", &network, "geth");
    node["spec"]["executionClient"]["settings"]["storage"] = json!({"size": "10Gi", "storageClass": namespace});
    site.create(&network);
    site.create(&node);
    let set = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/node");
    let (made, _) = site.wait("the StatefulSet", &set, MINUTE, |_| true);
    let templates = made["spec"]["volumeClaimTemplates"].as_array().expect("templates");
    let template = templates.iter().find(|template| template["spec"]["storageClassName"] == namespace);
    let name = template.and_then(|template| template["metadata"]["name"].as_str()).expect("a template of the class");
    let name = format!("{name}-node-0");
    volume(site, namespace, grows, (namespace, &name));
    let claim = format!("/api/v1/namespaces/{namespace}/{CLAIM}/{name}");
    site.wait("the claim to be bound", &claim, MINUTE, |claim| claim["status"]["phase"] == "Bound");
    (node, set, claim)
}

fn resize(site: &Site, node: &Value, size: &str) {
    site.merge(&paths::of(node), &json!({"spec": {"executionClient": {"settings": {"storage": {"size": size}}}}}));
}

/// What the claim asks for.
fn asked(claim: &Value) -> &Value {
    &claim["spec"]["resources"]["requests"]["storage"]
}

fn uid(object: &Value) -> &Value {
    &object["metadata"]["uid"]
}

#[test]
fn a_claim_grows_and_its_pod_goes_on() {
    let site = &chain().site;
    let (node, set, claim) = bound(site, "grows", true);
    let pod = "/api/v1/namespaces/grows/pods/node-0";
    let (pod_before, _) = site.wait("the pod", pod, MINUTE, |_| true);
    let set_before = site.get(&set).expect("it is there");
    let claim_before = site.get(&claim).expect("it is there");
    resize(site, &node, "20Gi");
    let grown = |set: &Value| {
        let templates = set["spec"]["volumeClaimTemplates"].as_array();
        uid(set) != uid(&set_before)
            && templates.is_some_and(|templates| templates.iter().any(|template| asked(template) == "20Gi"))
    };
    site.wait("the StatefulSet to be made anew", &set, MINUTE, grown);
    let claim_after = site.get(&claim).expect("a claim is never deleted");
    assert_eq!(asked(&claim_after), "20Gi");
    assert_eq!(uid(&claim_after), uid(&claim_before), "another claim has other data");
    site.wait("the pod to be adopted", pod, MINUTE, |pod| {
        let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        let owner = owners.map(|owner| owner["uid"].clone()).next();
        uid(pod) == uid(&pod_before) && owner.is_some_and(|owner| owner != *uid(&set_before))
    });
}

/// Asks for a size that a node's claim can't have. Nothing is lost by it, and the old size ends it. What the node says, and the
/// claim's name.
fn is_refused(name: &str, can_grow: bool, size: &str) -> (String, String) {
    let site = &chain().site;
    let (node, set, claim) = bound(site, name, can_grow);
    let before = (site.get(&set).expect("it is there"), site.get(&claim).expect("it is there"));
    resize(site, &node, size);
    let (said, _) = site.wait("the node to say that its claim stays", &paths::of(&node), MINUTE, |node| {
        condition::brief(node, "Ready").1 == "SpecClaimNotResized"
    });
    let message = condition::message(&said, "Ready");
    assert!(message.contains(size), "{message}");
    let after = (site.get(&set).expect("it stays"), site.get(&claim).expect("it stays"));
    assert_eq!((uid(&after.0), uid(&after.1)), (uid(&before.0), uid(&before.1)));
    assert_eq!(asked(&after.1), "10Gi");
    resize(site, &node, "10Gi");
    site.wait("the node to be well again", &paths::of(&node), MINUTE, |node| {
        condition::brief(node, "Ready").1 != "SpecClaimNotResized"
    });
    (message.to_string(), before.1["metadata"]["name"].as_str().expect("a name").to_string())
}

#[test]
fn a_claim_that_can_not_grow_stays_as_it_is_and_the_node_says_so() {
    is_refused("fixed", false, "20Gi");
}

#[test]
fn a_smaller_size_is_refused_by_name_and_nothing_is_lost() {
    let (message, claim) = is_refused("shrinks", true, "5Gi");
    assert!(message.contains(&claim), "{message}");
    println!("S1-38: {message}");
}
