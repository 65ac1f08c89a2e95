//! The operator with the rights that `opstack rbac` prints, and nobody's besides: it does all of its work, uses what it is
//! given, and its health endpoints tell the truth when the API server or a right is taken from it.

use std::{collections::BTreeSet, process::Command, time::Duration};

use control_plane::{AuditLevel, Events};
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Site, condition, paths, plugins, program, until};

const USER: &str = "system:serviceaccount:opstack-system:opstack";
const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/opstack";

/// Rights that this test can't see used, each with the reason why it is needed nevertheless.
const UNUSED: [(&str, &str, &str); 10] = [
    ("create", "deployments.apps", FORMER),
    ("delete", "deployments.apps", FORMER),
    ("patch", "deployments.apps", FORMER),
    ("patch", "pods", "pods are labelled once they answer, which takes a kubelet"),
    ("patch", "secrets", "a key is put into a Secret of ours that is there only where somebody took it out"),
    ("update", "opbatchers.optimism.io/finalizers", OWNED),
    ("update", "opchallengers.optimism.io/finalizers", OWNED),
    ("update", "opnodes.optimism.io/finalizers", OWNED),
    ("update", "opproposers.optimism.io/finalizers", OWNED),
    ("update", "optimismnetworks.optimism.io/finalizers", OWNED),
];
const FORMER: &str =
    "a component was a Deployment in earlier versions, which goes; what a plugin owns is granted as a whole";
const OWNED: &str =
    "owner references that block their owner's deletion need it where an admission plugin is on that is off by default";

/// What no operator has any right to, whatever its plugins: to find out which Secrets there are, or to take one away; and to make or
/// delete pods, which are controllers' work.
const NEVER: [(&str, &str); 6] = [
    ("list", "secrets"),
    ("watch", "secrets"),
    ("delete", "secrets"),
    ("deletecollection", "secrets"),
    ("create", "pods"),
    ("delete", "pods"),
];

/// Starts an operator that serves our plugins, as the account that has the rights for them and no others.
fn start(site: &Site) -> Operator {
    start_with(site, &[])
}

/// The same, with these further arguments of both commands.
fn start_with(site: &Site, more: &[&str]) -> Operator {
    let mut command = Command::new(program());
    let printed =
        command.args(["rbac", "--plugins"]).arg(plugins::directory()).args(more).output().expect("opstack runs");
    assert!(printed.status.success(), "opstack rbac: {}", String::from_utf8_lossy(&printed.stderr));
    let applied = site.kubectl.apply(&String::from_utf8(printed.stdout).expect("text"));
    applied.unwrap_or_else(|error| panic!("{error:#}"));
    let kubeconfig = site.plane.service_account_kubeconfig("opstack-system", "opstack");
    let kubeconfig = kubeconfig.unwrap_or_else(|error| panic!("{error:#}"));
    let plugins = plugins::argument();
    let operator = Operator::spawn_as(site, &kubeconfig, &[&[plugins.as_str()][..], more].concat());
    operator.wait_ready();
    operator
}

/// What the role grants: verb and resource, with the group behind it.
fn granted(site: &Site) -> BTreeSet<(String, String)> {
    let role = site.get(ROLE).expect("it was applied");
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_string())).collect()
    };
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for resource in texts(&rule["resources"]) {
            for group in texts(&rule["apiGroups"]) {
                all.extend(texts(&rule["verbs"]).into_iter().map(|verb| (verb, qualified(&group, &resource))));
            }
        }
    }
    all
}

fn qualified(group: &str, resource: &str) -> String {
    let (resource, part) =
        resource.split_once('/').map_or((resource, String::new()), |(r, part)| (r, format!("/{part}")));
    if group.is_empty() { format!("{resource}{part}") } else { format!("{resource}.{group}{part}") }
}

/// What was done with rights, whatever else the API server had against it. An apply that makes an object takes the right
/// to create it.
fn used(events: &Events) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for event in events.iter().filter(|event| !event.resource.is_empty()) {
        let part = if event.subresource.is_empty() { String::new() } else { format!("/{}", event.subresource) };
        let resource = qualified(&event.api_group, &format!("{}{part}", event.resource));
        if event.code == Some(201) {
            all.insert(("create".to_string(), resource.clone()));
        }
        all.insert((event.verb.clone(), resource));
    }
    all
}

/// What was asked of the objects of all namespaces, or of a namespace that is none of these: verb, resource and namespace.
fn beyond(events: &Events, namespaces: &[&str]) -> BTreeSet<(String, String, String)> {
    // These belong to no namespace.
    const OF_CLUSTER: [&str; 6] =
        ["", "customresourcedefinitions", "namespaces", "nodes", "plugins", "selfsubjectreviews"];
    let of_objects = |resource: &str| !OF_CLUSTER.contains(&resource);
    let elsewhere =
        events.iter().filter(|event| of_objects(&event.resource) && !namespaces.contains(&event.namespace.as_str()));
    elsewhere.map(|event| (event.verb.clone(), event.resource.clone(), event.namespace.clone())).collect()
}

#[test]
fn with_namespaces_there_are_no_rights_to_objects_elsewhere_and_none_are_asked_for() {
    let site = Site::start(AuditLevel::Metadata);
    ["rights", "elsewhere"].iter().for_each(|namespace| site.namespace(namespace));
    let operator = start_with(&site, &["--watch-namespaces=rights"]);
    site.create(&secret("rights"));
    site.create(&secret("elsewhere"));
    let objects = objects();
    objects.iter().for_each(|object| _ = site.create(object));
    let mut foreign = objects[0].clone();
    foreign["metadata"]["namespace"] = json!("elsewhere");
    site.create(&foreign);
    workloads(&site);
    operator.settle();
    let cluster = site.get(ROLE).expect("it was applied");
    for resource in ["secrets", "configmaps", "pods", "events", "statefulsets"] {
        assert!(!cluster["rules"].to_string().contains(&format!("\"{resource}\"")), "{resource}: {cluster}");
    }
    let foreign = site.get(&paths::of(&foreign)).expect("it is there");
    assert!(foreign["status"].is_null() && foreign["metadata"]["finalizers"].is_null(), "{foreign}");
    let events = all_that_was_asked(&site, operator, &objects);
    let beyond = beyond(&events, &["rights", "opstack-system"]);
    // A new definition is held against the objects that are stored.
    let beyond: Vec<_> = beyond.iter().filter(|(verb, resource, _)| verb != "list" || !is_ours(resource)).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
}

/// Deletes the objects, stops the operator, and gives its requests, of which none was refused.
fn all_that_was_asked(site: &Site, operator: Operator, objects: &[Value]) -> Events {
    for object in objects.iter().rev() {
        site.delete(&paths::of(object));
        site.wait_gone(&paths::of(object));
    }
    operator.stop();
    let events = site.audit.events().expect("events").by_user(USER);
    let refused = events.filter(|event| matches!(event.code, Some(401 | 403)));
    assert!(refused.is_empty(), "rights are missing:\n{refused}");
    events
}

fn is_ours(resource: &str) -> bool {
    matches!(resource, "optimismnetworks" | "opnodes" | "opbatchers" | "opproposers" | "opchallengers")
}

fn secret(namespace: &str) -> Value {
    named(namespace, "signer")
}

fn named(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
        "stringData": {"key": format!("{:064x}", 7), "url": "http://127.0.0.1:9"},
    })
}

fn ours(kind: &str, name: &str, mut spec: Value) -> Value {
    if kind != "OptimismNetwork" {
        spec["optimismNetworkRef"] = json!({"name": "net"});
    }
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "rights"}, "spec": spec,
    })
}

/// A chain of each kind, of which one network publishes its files.
fn objects() -> Vec<Value> {
    let key = json!({"secretRef": {"name": "signer", "key": "key"}});
    let client = json!({"sequencerRef": {"name": "node"}, "privateKey": key});
    let rollup = suite::chain::rollup_on(11_155_111);
    let contracts = json!({
        "discoveryMethod": "manual", "disputeGameFactoryAddr": "0x05F9613aDB30026FFd634f38e5C4dFd30a197Fa1",
        "systemConfigAddr": "0x05F9613aDB30026FFd634f38e5C4dFd30a197Fa1",
    });
    let network = json!({
        "chainID": 901, "l1ChainID": 11_155_111, "l1RpcUrlFrom": {"secretKeyRef": {"name": "signer", "key": "url"}},
        "l1BeaconUrl": "http://127.0.0.1:9", "rollupConfig": {"inline": rollup.to_string()},
        "l2Genesis": {"inline": "{\"config\":{\"chainId\":901},\"alloc\":{}}"}, "contractAddresses": contracts,
    });
    let node =
        json!({"nodeType": "sequencer", "executionClient": {"name": "geth"}, "opNode": {"sequencer": {"key": key}}});
    let mut challenger = client.clone();
    challenger["faultProof"] = json!({"cannon": {"prestatesUrl": "http://127.0.0.1:9"}});
    vec![
        ours("OptimismNetwork", "net", network),
        ours("OpNode", "node", node),
        ours("OpNode", "replica", json!({"nodeType": "replica", "replicas": 2, "executionClient": {"name": "geth"}})),
        ours("OpBatcher", "batcher", client.clone()),
        ours("OpProposer", "proposer", client),
        ours("OpChallenger", "challenger", challenger),
    ]
}

/// Waits for the workload of each object that has one.
fn workloads(site: &Site) {
    for (collection, name) in [
        ("statefulsets", "node"),
        ("statefulsets", "replica"),
        ("statefulsets", "batcher"),
        ("statefulsets", "proposer"),
        ("statefulsets", "challenger"),
    ] {
        let path = format!("/apis/apps/v1/namespaces/rights/{collection}/{name}");
        site.wait("the workload", &path, MINUTE, |_| true);
    }
}

#[test]
fn the_rights_that_are_printed_are_enough_and_are_used() {
    let site = Site::start(AuditLevel::Metadata);
    let operator = start(&site);
    // One comes as a stranger's would, whose Plugin object gets a status.
    site.install(&plugins::pack(&plugins::module("plugins", "reth")).unpinned());
    site.namespace("rights");
    site.create(&secret("rights"));
    site.create(&named("rights", "bystander"));
    let objects = objects();
    objects.iter().for_each(|object| _ = site.create(object));
    workloads(&site);
    operator.settle();
    // What is deleted is made again, what can't be changed in place is made anew, and a claim grows.
    let set = "/apis/apps/v1/namespaces/rights/statefulsets/node";
    let first = site.get(set).expect("it was made")["metadata"]["uid"].clone();
    let size = json!({"spec": {"executionClient": {"settings": {"storage": {"size": "2Ti"}}}}});
    site.merge(&paths::of(&objects[1]), &size);
    site.wait("the claim's refusal or the new StatefulSet", &paths::of(&objects[1]), MINUTE, |node| {
        let anew = site.get(set).is_some_and(|set| set["metadata"]["uid"] != first);
        anew || condition::brief(node, "Ready").1 == "SpecClaimNotResized"
    });
    let events = all_that_was_asked(&site, operator, &objects);
    let secrets = events.by_resource("secrets");
    assert!(secrets.iter().any(|event| event.name == "signer"), "it is named");
    let others = secrets.filter(|event| event.name == "bystander" || (event.name.is_empty() && event.verb != "create"));
    assert!(others.is_empty(), "nobody names these:\n{others}");
    let (granted, used) = (granted(&site), used(&events));
    let idle: Vec<_> = granted.difference(&used).map(|(verb, resource)| (verb.as_str(), resource.as_str())).collect();
    let unused: Vec<_> = UNUSED.iter().map(|(verb, resource, _)| (*verb, *resource)).collect();
    assert!(UNUSED.iter().all(|(.., reason)| !reason.is_empty()));
    for (verb, resource) in NEVER {
        assert!(!granted.contains(&(verb.to_string(), resource.to_string())), "{verb} {resource} is granted");
    }
    println!(
        "N11: {} requests, none refused; {} of {} rights used",
        events.len(),
        granted.intersection(&used).count(),
        granted.len()
    );
    assert_eq!(idle, unused, "granted and never used");
}

/// Waits until `/readyz` answers so and says this, while `/healthz` goes on to say that the process serves.
fn wait_readyz(operator: &Operator, code: u16, says: &str) -> Duration {
    let (_, took) = until(&format!("/readyz to be {code}: {says}"), 3 * MINUTE, || {
        let (health, ready) = (operator.get("/healthz"), operator.get("/readyz"));
        assert!(matches!(health, Ok((200, _))), "the process serves all the time: {health:?}");
        match ready {
            Ok((status, text)) if status == code && text.contains(says) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    took
}

fn is_for_budgets(rule: &Value) -> bool {
    rule["resources"] == json!(["poddisruptionbudgets"])
}

#[test]
fn readiness_fails_without_the_api_server_and_while_a_watch_fails() {
    let site = Site::start(AuditLevel::Metadata);
    let operator = start(&site);

    site.plane.stop_apiserver().expect("it stops");
    let took = wait_readyz(&operator, 503, "");
    println!("N24: not ready {} s after the API server was gone", took.as_secs());
    site.plane.start_apiserver().expect("it starts");
    wait_readyz(&operator, 200, "ok");

    // A right is taken away, and the watches begin anew: now one of them fails, and all else goes well.
    let role = site.get(ROLE).expect("it was applied");
    let less: Vec<&Value> =
        role["rules"].as_array().into_iter().flatten().filter(|rule| !is_for_budgets(rule)).collect();
    assert!(less.len() < role["rules"].as_array().map_or(0, Vec::len), "{role}");
    site.merge(ROLE, &json!({"rules": less}));
    site.plane.restart_apiserver().expect("it starts");
    let took = wait_readyz(&operator, 503, "the watch of PodDisruptionBudget.policy has been failing for");
    println!("N24: not ready {} s after a watch was forbidden", took.as_secs());
    site.merge(ROLE, &json!({"rules": role["rules"]}));
    wait_readyz(&operator, 200, "ok");
    assert!(operator.is_running());
}
