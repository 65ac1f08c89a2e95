//! A picture of a namespace: all of its objects, without what moves by itself (times, heights and hashes of blocks).

use std::collections::BTreeMap;

use serde_json::Value;
use suite::Site;

/// Collections of a namespace that are looked at.
const COLLECTIONS: [(&str, &[&str]); 8] = [
    (
        "/api/v1",
        &["configmaps", "secrets", "services", "serviceaccounts", "pods", "persistentvolumeclaims", "endpoints"],
    ),
    ("/apis/apps/v1", &["statefulsets", "deployments", "replicasets"]),
    ("/apis/networking.k8s.io/v1", &["networkpolicies", "ingresses"]),
    ("/apis/policy/v1", &["poddisruptionbudgets"]),
    ("/apis/discovery.k8s.io/v1", &["endpointslices"]),
    ("/apis/coordination.k8s.io/v1", &["leases"]),
    ("/apis/batch/v1", &["jobs", "cronjobs"]),
    ("/apis/optimism.io/v1alpha1", &["optimismnetworks", "opnodes", "opbatchers", "opproposers", "opchallengers"]),
];

/// Fields of statuses and annotations that follow the chain or the clock.
const MOVING: [&str; 14] = [
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "blockNumber",
    "blockHash",
    "number",
    "hash",
    "currentBlock",
    "highestBlock",
    "startingBlock",
    "head",
    "timestamp",
    "balance",
];

/// All objects of a namespace, by `collection/name`, and the warnings about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture(BTreeMap<String, Value>);

impl Picture {
    /// Looks at a namespace.
    pub fn take(site: &Site, namespace: &str) -> Self {
        let mut all = BTreeMap::new();
        for (root, resources) in COLLECTIONS {
            for resource in resources {
                for object in site.list(&format!("{root}/namespaces/{namespace}/{resource}")) {
                    all.insert(format!("{resource}/{}", text(&object["metadata"]["name"])), still(object));
                }
            }
        }
        let events = site.list(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"));
        for event in events.iter().filter(|event| event["type"] == "Warning") {
            let about = &event["regarding"];
            let name = format!("warning/{}/{}/{}", text(&about["kind"]), text(&about["name"]), text(&event["reason"]));
            all.insert(name, Value::Null);
        }
        Self(all)
    }

    /// What differs in the other one, a line each; empty where they are equal.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, before) in &self.0 {
            match other.0.get(name) {
                None => lines.push(format!("{name} is gone")),
                Some(after) => compare(name, before, after, &mut lines),
            }
        }
        let added = other.0.keys().filter(|name| !self.0.contains_key(*name));
        lines.extend(added.map(|name| format!("{name} is there")));
        lines
    }

    /// The uid of an object of the picture.
    ///
    /// # Panics
    /// When there is none.
    pub fn uid(&self, name: &str) -> String {
        let object = self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0.keys()));
        text(&object["metadata"]["uid"]).to_string()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The value without what moves by itself.
fn still(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !MOVING.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, still(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(still).collect()),
        Value::String(text) => Value::String(words(&text)),
        other => other,
    }
}

/// A text without times; of a sentence the numbers are left out as well, for they count blocks and seconds.
fn words(text: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "a time".into();
    }
    if !text.contains(' ') {
        return text.to_string();
    }
    text.split(' ')
        .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

fn compare(place: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(one), Value::Object(two)) => {
            let names = one.keys().chain(two.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                compare(&format!("{place}.{name}"), &before[name], &after[name], lines);
            }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            for (index, (before, after)) in one.iter().zip(two).enumerate() {
                compare(&format!("{place}[{index}]"), before, after, lines);
            }
        }
        _ if before != after => lines.push(format!("{place}: {before} became {after}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn picture(object: &Value) -> Picture {
        Picture([("pods/x".to_string(), still(object.clone()))].into())
    }

    #[test]
    fn what_moves_by_itself_is_no_difference_and_all_else_is() {
        let before = json!({"metadata": {"resourceVersion": "1", "labels": {"synced": "true"}},
            "status": {"at": "2026-01-01T00:00:00Z", "blockNumber": 7, "message": "7 blocks since 12s", "replicas": 1}});
        let mut after = before.clone();
        after["metadata"]["resourceVersion"] = "2".into();
        after["status"]["at"] = "2026-01-01T00:00:01Z".into();
        after["status"]["blockNumber"] = 8.into();
        after["status"]["message"] = "8 blocks since 13s".into();
        assert_eq!(picture(&before).differences(&picture(&after)), [""; 0]);

        after["metadata"]["labels"]["synced"] = "false".into();
        after["status"]["replicas"] = 0.into();
        after["status"]["message"] = "no blocks since 13s".into();
        assert_eq!(picture(&before).differences(&picture(&after)).len(), 3);
    }

    #[test]
    fn objects_that_come_and_go_are_differences() {
        let (none, one) = (Picture(BTreeMap::new()), picture(&json!({})));
        assert_eq!(none.differences(&one), ["pods/x is there"]);
        assert_eq!(one.differences(&none), ["pods/x is gone"]);
    }
}
