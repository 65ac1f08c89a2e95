//! Accept D: what the operator generates is made once, outlives its owner, and is seen by nobody.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use suite::{hostile, paths};

use crate::shared;

const NAMESPACE: &str = "secrets";
const KEYS: [&str; 2] = ["jwt", "p2p"];

#[test]
fn a_generated_secret_keeps_its_values_and_outlives_its_owner() {
    let site = &shared().site;
    site.namespace(NAMESPACE);
    let (object, secret) = (hostile::path(NAMESPACE, "x"), paths::secret(NAMESPACE, "x-key"));
    let wanted = hostile::object(NAMESPACE, "x", "generated-secret");
    site.create(&wanted);
    site.wait_ready(&object, "True", "Ready");
    let made = values();
    for (key, value) in &made {
        assert!(value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key} is no key");
    }
    assert_ne!(made[0].1, made[1].1);

    site.merge(&object, &json!({"spec": {"data": {"k": "edited"}}}));
    site.wait("the edit to be applied", &paths::config_map(NAMESPACE, "x-0"), suite::MINUTE, |child| {
        child["data"]["k"] == "edited"
    });
    assert_eq!(values(), made, "an edit of the owner changed the values");

    // No longer asked for: it stays nevertheless.
    site.merge(&object, &json!({"spec": {"behaviour": "good"}}));
    site.wait_ready(&object, "True", "Ready");
    assert_eq!(values(), made, "it was pruned or changed");

    for _ in 0..2 {
        site.delete(&object);
        site.wait_gone(&object);
        site.wait_gone(&paths::config_map(NAMESPACE, "x-0"));
        assert_eq!(values(), made, "it did not outlive its owner");
        site.create(&wanted);
        site.wait_ready(&object, "True", "Ready");
        assert_eq!(values(), made, "the next life of the owner changed the values");
    }

    // What is there is never overwritten; what is missing is made.
    let theirs = STANDARD.encode("chosen by the user");
    site.merge(&secret, &json!({"data": {"jwt": theirs, "p2p": null}}));
    let (now, _) = site.wait("the missing key", &secret, suite::MINUTE, |secret| secret["data"]["p2p"].is_string());
    assert_eq!(now["data"]["jwt"], theirs.as_str());
    println!("D: a generated Secret kept its values through an edit, a prune and two lives of its owner");
}

fn values() -> Vec<(String, String)> {
    let secret = shared().site.get(&paths::secret(NAMESPACE, "x-key")).expect("the Secret is there");
    let decoded = |key: &str| {
        let text = secret["data"][key].as_str().unwrap_or_else(|| panic!("no key {key}"));
        String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text")
    };
    KEYS.iter().map(|key| ((*key).to_string(), decoded(key))).collect()
}

/// No event tells of a Secret, which is read by its name in turn: whoever names it is rendered again all the same.
#[test]
fn a_secret_that_comes_changes_or_goes_wakes_those_who_name_it() {
    let site = &shared().site;
    let namespace = "named";
    site.namespace(namespace);
    let (object, secret) = (hostile::path(namespace, "reader"), paths::secret(namespace, "late"));
    site.create(&hostile::with(namespace, "reader", "read-secret", &json!({"target": "late"})));
    site.wait_ready(&object, "True", "Ready");
    let seen = |what: &str, is: &dyn Fn(&Value) -> bool| {
        let path = paths::config_map(namespace, "reader-seen");
        let (seen, took) = site.wait(what, &path, suite::MINUTE, |map| {
            let seen: Value =
                serde_json::from_str(map["data"]["seen"].as_str().unwrap_or_default()).unwrap_or_default();
            is(&seen["facts"]["key"])
        });
        println!("D: {what} after {} ms", took.as_millis());
        assert!(seen["data"]["seen"].is_string(), "{seen}");
    };
    seen("nothing to be seen", &Value::is_null);
    site.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late", "namespace": namespace},
        "stringData": {"key": "one"},
    }));
    seen("the Secret to be seen", &|key| key["length"] == 3);
    site.merge(&secret, &json!({"stringData": {"key": "three"}}));
    seen("its change to be seen", &|key| key["length"] == 5);
    site.delete(&secret);
    seen("its end to be seen", &Value::is_null);
}

#[test]
fn values_of_secrets_are_seen_by_nobody() {
    let (site, operator) = (&shared().site, &shared().operator);
    let namespace = "unseen";
    site.namespace(namespace);
    let chosen = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";
    site.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "given", "namespace": namespace},
        "stringData": {"key": chosen, "password": "correct horse battery staple"},
    }));
    site.create(&hostile::object(namespace, "maker", "generated-secret"));
    site.create(&hostile::with(namespace, "reader", "read-secret", &json!({"target": "given"})));
    site.create(&hostile::with(namespace, "reader2", "read-secret", &json!({"target": "maker-key"})));
    for name in ["maker", "reader", "reader2"] {
        site.wait_ready(&hostile::path(namespace, name), "True", "Ready");
    }
    let seen = site.get(&paths::config_map(namespace, "reader-seen")).expect("it is rendered");
    let facts: Value = serde_json::from_str(seen["data"]["seen"].as_str().unwrap_or_default()).expect("JSON");
    assert_eq!(facts["facts"]["key"]["length"], 64, "{facts}");
    assert_eq!(facts["facts"]["key"]["hex32"], true, "{facts}");
    assert!(facts["data"].is_null(), "{facts}");

    let made = site.get(&paths::secret(namespace, "maker-key")).expect("the Secret is there");
    let mut hidden = vec![chosen.to_string(), "correct horse battery staple".to_string()];
    for key in KEYS {
        let encoded = made["data"][key].as_str().expect("a value");
        hidden.push(String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("text"));
    }
    let encoded: Vec<_> = hidden.iter().map(|value| STANDARD.encode(value)).collect();
    let places = [
        ("the operator's log", operator.log()),
        ("its metrics", operator.get("/metrics").expect("metrics").1),
        ("objects", format!("{:?}", site.list(&hostile::paths(namespace)))),
        ("ConfigMaps", format!("{:?}", site.list(&paths::config_maps(namespace)))),
        ("events", format!("{:?}", site.list(&format!("/api/v1/namespaces/{namespace}/events")))),
        ("requests but those for Secrets", requests_but_secrets()),
    ];
    for (place, text) in &places {
        assert!(!text.is_empty(), "{place}: nothing to look at");
        let found = hidden.iter().chain(&encoded).filter(|value| text.contains(value.as_str())).count();
        assert_eq!(found, 0, "a secret value is in {place}");
    }
    println!("D: {} values, plain and encoded, are in none of {} places", hidden.len(), places.len());
}

/// All that the operator sent, but for the Secrets themselves.
fn requests_but_secrets() -> String {
    let events = shared().site.audit.events().expect("events").by_user_agent_prefix(suite::audit::AGENT);
    let sent = events.without_resource("secrets");
    sent.iter().filter_map(|event| event.request_object.as_ref()).map(Value::to_string).collect()
}
