//! What attacks and lost machines rest on, without an operator: the tenant's rights, what the API server says to each attack, and
//! machines that are lost.

use std::net::Ipv4Addr;

use adversary::{
    attack::{self, Facts},
    machines::{Machines, options},
    tenant::{self, Tenant},
    victim,
};
use control_plane::AuditLevel;
use serde_json::{Value, json};
use suite::{MINUTE, Site, chain, plugins, until, world};

#[test]
fn the_api_server_answers_each_attack_as_expected() {
    let site = Site::start(AuditLevel::Metadata);
    let definitions = plugins::root().join("config/crds");
    let definitions = definitions.to_str().expect("a path");
    site.kubectl.run(["apply", "--server-side", "--filename", definitions]).unwrap_or_else(|error| panic!("{error:#}"));
    let served = || match site.request("GET", "/apis/optimism.io/v1alpha1/opchallengers", None) {
        answer if answer.is_success() => Ok(()),
        answer => Err(answer.text()),
    };
    until("the kinds to be served", MINUTE, served);
    chain::namespace(&site, victim::NAMESPACE);
    let tenant = Tenant::start(&site, &world::double_at(Ipv4Addr::LOCALHOST, 0, "anvil"));
    let inline = |field: &str| tenant.network["spec"][field]["inline"].as_str().unwrap_or_default().to_string();
    let mut facts = Facts::from([("ROLLUP", inline("rollupConfig")), ("GENESIS", inline("l2Genesis"))]);
    let account = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
    facts.extend(["victim_account", "VICTIM_ACCOUNT"].map(|name| (name, account.to_string())));
    facts.extend(
        ["VICTIM_NETWORK_UID", "VICTIM_NODE_UID", "VICTIM_BATCHER_UID"].map(|name| (name, "a-uid".to_string())),
    );
    facts.extend(["ATTACKER_L1", "OPERATOR", "API_SERVER"].map(|name| (name, "http://127.0.0.1:9".to_string())));
    facts.extend([("CLOSED_PORT", "9".to_string()), ("METADATA_NAME", "metadata.example".to_string())]);
    let mut wrong = Vec::new();
    for attack in attack::all(&facts) {
        for object in &attack.objects {
            let answer = tenant.create(object);
            if answer.status != attack.expected.answer {
                wrong.push(format!("{}: {} {}", attack.name, answer.status, answer.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let own = tenant.request("GET", &format!("/api/v1/namespaces/{}/secrets", tenant::NAMESPACE), None);
    let other = tenant.request("GET", &format!("/api/v1/namespaces/{}/secrets", victim::NAMESPACE), None);
    assert_eq!((own.status, other.status), (200, 403), "{} {}", own.text(), other.text());
}

#[test]
fn a_lost_machine_keeps_its_pods_and_a_living_one_ends_them() {
    let site: &'static Site = Box::leak(Box::new(Site::start_with(options())));
    site.namespace("here");
    let machines = Machines::start(site, &["x"]);
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    for name in ["stays", "ends"] {
        site.create(&json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "here"},
            "spec": {
                "serviceName": name, "replicas": 1, "selector": {"matchLabels": {"app": name}},
                "volumeClaimTemplates": [claim],
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "x", "image": "x.invalid/x"}]}},
            },
        }));
    }
    let pod = |name: &str| format!("/api/v1/namespaces/here/pods/{name}-0");
    let on = |machine: &'static str| move |pod: &Value| pod["spec"]["nodeName"] == machine;
    let first = site.wait("a pod on the machine", &pod("stays"), MINUTE, on("x")).0["metadata"]["uid"].clone();
    site.wait("a pod on the machine", &pod("ends"), MINUTE, on("x"));

    site.merge("/apis/apps/v1/namespaces/here/statefulsets/ends", &json!({"spec": {"replicas": 0}}));
    site.wait_gone(&pod("ends"));

    machines.add("y");
    machines.lose("x");
    let given_up = |pod: &Value| !pod["metadata"]["deletionTimestamp"].is_null();
    let left = site.wait("the controllers to give the pod up", &pod("stays"), 2 * MINUTE, given_up).0;
    assert_eq!((&left["metadata"]["uid"], &left["spec"]["nodeName"]), (&first, &json!("x")), "it is the same pod");
    machines.taint("x", "node.kubernetes.io/out-of-service", "NoExecute");
    let again = |pod: &Value| pod["metadata"]["uid"] != first && pod["spec"]["nodeName"] == "y";
    site.wait("the pod on the other machine", &pod("stays"), 2 * MINUTE, again);
}
