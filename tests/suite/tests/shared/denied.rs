//! What the cluster refuses heals when the cluster changes: nobody touches the object.

use serde_json::{Value, json};
use suite::{MINUTE, condition, hostile, paths, until};

use crate::shared;

const NAMESPACE: &str = "denied";
const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

fn policy() -> [Value; 2] {
    let object = |kind: &str, spec: Value| {
        let metadata = json!({"name": "suite-denied"});
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec})
    };
    let rules =
        json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]);
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}});
    let validation = json!([{"expression": "!has(object.data) || !('denied' in object.data)", "message": "not now"}]);
    let constraints = json!({"resourceRules": rules, "namespaceSelector": here});
    [
        object("ValidatingAdmissionPolicy", json!({"matchConstraints": constraints, "validations": validation})),
        object(
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": "suite-denied", "validationActions": ["Deny"]}),
        ),
    ]
}

#[test]
fn what_a_policy_of_admission_denies_heals_when_the_policy_goes() {
    let site = &shared().site;
    site.namespace(NAMESPACE);
    policy().iter().for_each(|object| _ = site.create(object));
    // A policy is in force some time after it was made.
    until("the policy to be in force", MINUTE, || {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps?dryRun=All");
        let metadata = json!({"name": "trial", "namespace": NAMESPACE});
        let trial = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"denied": "yes"}});
        match site.request("POST", &path, Some(&trial)).status {
            422 => Ok(()),
            status => Err(format!("a ConfigMap that it denies leads to {status}")),
        }
    });
    let path = hostile::path(NAMESPACE, "x");
    let made = site.create(&hostile::with(NAMESPACE, "x", "good", &json!({"data": {"denied": "yes"}})));
    let denied = site.wait_ready(&path, "False", "ClusterDenied");
    assert!(condition::message(&denied, "Ready").contains("not now"), "{denied}");
    assert_eq!(condition::brief(&denied, "Reconciling").0, "True", "it is tried again: {denied}");
    for collection in ["validatingadmissionpolicybindings", "validatingadmissionpolicies"] {
        site.delete(&format!("{GROUP}/{collection}/suite-denied"));
    }
    let healed = site.wait_ready(&path, "True", "Ready");
    assert_eq!(healed["metadata"]["generation"], made["metadata"]["generation"], "nobody changed it");
    assert!(site.get(&paths::config_map(NAMESPACE, "x-0")).is_some());
}
