//! Where a value could be that must not be there.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use suite::{Operator, Site, audit};

use crate::needles::{Finding, Needles};

/// A text, and where it is from.
#[derive(Clone)]
pub struct Place {
    /// `ConfigMap leaks/x`, `the operator's log`.
    pub name: String,
    /// All of it.
    pub text: String,
}

impl Place {
    /// A place.
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// Searches all places.
pub fn search(places: &[Place], needles: &Needles) -> Vec<Finding> {
    places.iter().flat_map(|place| needles.find(&place.name, &place.text)).collect()
}

/// All that the API server stores but Secrets, an object a place: each resource of each version of each group that can be listed.
pub fn stored(site: &Site) -> Vec<Place> {
    let groups = site.get("/apis").expect("groups");
    let versions = list(&groups["groups"]).flat_map(|group| list(&group["versions"]));
    let versions = versions.filter_map(|version| Some(format!("/apis/{}", version["groupVersion"].as_str()?)));
    let mut places = vec![];
    for root in versions.chain(["/api/v1".to_string()]) {
        let resources = site.get(&root).unwrap_or_else(|| panic!("{root} is not served"));
        for resource in
            list(&resources["resources"]).filter(|resource| list(&resource["verbs"]).any(|verb| verb == "list"))
        {
            let name = resource["name"].as_str().unwrap_or_default();
            if root == "/api/v1" && name == "secrets" {
                continue;
            }
            for object in site.list(&format!("{root}/{name}")) {
                let metadata = &object["metadata"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
                let kind = text(&resource["kind"]);
                let at = format!("{kind} {}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
                places.push(Place::new(&at, object.to_string()));
            }
        }
    }
    places
}

/// What the operator's process tells: its log, metrics, command line and environment, and what it asked of the API server but for
/// the Secrets themselves.
pub fn told(site: &Site, operator: &Operator) -> Vec<Place> {
    let process = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", operator.id())).expect("it runs");
    let sent = audit_events(site).without_resource("secrets");
    let sent: String = sent.iter().filter_map(|event| event.request_object.as_ref()).map(Value::to_string).collect();
    vec![
        Place::new("the operator's log", operator.log()),
        Place::new("its metrics", operator.get("/metrics").expect("metrics").1),
        Place::new("its command line", process("cmdline")),
        Place::new("its environment", process("environ")),
        Place::new("its requests", sent),
    ]
}

fn audit_events(site: &Site) -> control_plane::Events {
    site.audit.events().expect("events").by_user_agent_prefix(audit::AGENT)
}

/// The values of all Secrets that there are, and that anybody ever asked for: those that were refused or replaced as well.
/// `counts` picks by namespace.
pub fn values(site: &Site, counts: impl Fn(&str) -> bool) -> Needles {
    let mut needles = Needles::default();
    let stored = site.list("/api/v1/secrets");
    let events = site.audit.events().expect("events").by_resource("secrets");
    let asked = events.iter().filter_map(|event| {
        let mut secret = event.request_object.clone()?;
        // A patch holds no more than what it changes.
        secret["metadata"]["namespace"] = event.namespace.as_str().into();
        if secret["metadata"]["name"].is_null() {
            secret["metadata"]["name"] = event.name.as_str().into();
        }
        Some(secret)
    });
    for secret in stored.into_iter().chain(asked) {
        let text = |field: &str| secret["metadata"][field].as_str().unwrap_or_default();
        let name = |key: &str| format!("{}/{} {key}", text("namespace"), text("name"));
        if !counts(text("namespace")) {
            continue;
        }
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let value = value.as_str().and_then(|value| STANDARD.decode(value).ok()).unwrap_or_default();
            needles.add(&name(key), &value);
        }
        for (key, value) in secret["stringData"].as_object().into_iter().flatten() {
            needles.add(&name(key), value.as_str().unwrap_or_default().as_bytes());
        }
    }
    needles
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
