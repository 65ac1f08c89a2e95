//! What a namespace holds, without what differs from run to run: the form in which two runs are compared.

use std::{collections::BTreeMap, fmt};

use opstack_core::ids::{DESIRED_ANNOTATION, OWNER_ANNOTATION};
use serde_json::{Map, Value, json};
use suite::Site;

/// Objects by kind and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State(pub BTreeMap<String, Value>);

/// What is looked at: everything that a plugin of the tests makes, and its own kind.
const KINDS: [(&str, &str); 3] =
    [("Hostile", "/apis/test.optimism.io/v1"), ("ConfigMap", "/api/v1"), ("Secret", "/api/v1")];

impl State {
    /// What a namespace holds now; nothing if the API server can't tell, as just after it was started.
    pub fn of(site: &Site, namespace: &str) -> Option<Self> {
        let mut objects = Vec::new();
        for (kind, group) in KINDS {
            let plural = format!("{}s", kind.to_lowercase());
            let response = site.request("GET", &format!("{group}/namespaces/{namespace}/{plural}"), None);
            let list = response.is_success().then(|| response.json().ok())??;
            objects.extend(list["items"].as_array()?.iter().map(|object| (kind, object.clone())));
        }
        let owners: Vec<_> = objects.iter().filter(|(kind, _)| *kind == "Hostile").collect();
        let owners: Vec<_> = owners.iter().filter_map(|(_, owner)| owner["metadata"]["uid"].as_str()).collect();
        let state = objects
            .iter()
            .map(|(kind, object)| {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let normal = renamed(&normal(object, &owners), namespace);
                (format!("{kind}/{name}"), normal)
            })
            .collect();
        Some(Self(state))
    }

    /// Names of the objects of a kind.
    pub fn names(&self, kind: &str) -> Vec<&str> {
        self.0.keys().filter_map(|key| key.strip_prefix(kind)?.strip_prefix('/')).collect()
    }

    /// The first object of a kind; null if there is none.
    pub fn object(&self, kind: &str) -> &Value {
        let mut found = self.0.iter().filter(|(key, _)| key.split('/').next() == Some(kind));
        found.next().map_or(&Value::Null, |(_, object)| object)
    }
}

/// Lines for people: what a failed comparison prints.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(key, object)| writeln!(f, "{key}: {object}"))
    }
}

/// The values of the generated Secrets, by name. They are random, so they are compared with themselves only.
pub fn secrets(site: &Site, namespace: &str) -> BTreeMap<String, Value> {
    let secrets = site.list(&format!("/api/v1/namespaces/{namespace}/secrets"));
    let name = |secret: &Value| secret["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    secrets.iter().map(|secret| (name(secret), secret["data"].clone())).collect()
}

/// The value with another word for the namespace.
fn renamed(value: &Value, namespace: &str) -> Value {
    match value {
        Value::String(text) => text.replace(namespace, "<namespace>").into(),
        Value::Array(items) => items.iter().map(|item| renamed(item, namespace)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), renamed(value, namespace)));
            fields.collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn normal(object: &Value, owners: &[&str]) -> Value {
    let metadata = &object["metadata"];
    let mut status = object["status"].clone();
    if let Some(fields) = status.as_object_mut() {
        // A digest of the others, uids included.
        fields.remove("applied");
    }
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = "<time>".into();
    }
    json!({
        "annotations": annotations(&metadata["annotations"]),
        "labels": metadata["labels"],
        "finalizers": metadata["finalizers"],
        "owners": metadata["ownerReferences"].as_array().map(|all| all.iter().map(|one| owner(one, owners)).collect::<Vec<_>>()),
        "managers": managers(&metadata["managedFields"]),
        "deleted": !metadata["deletionTimestamp"].is_null(),
        "generation": metadata["generation"],
        "type": object["type"],
        "spec": object["spec"],
        "data": data(object),
        "status": status,
    })
}

/// The hash of what was applied covers the owner's uid.
fn annotations(annotations: &Value) -> Value {
    let mut annotations = annotations.clone();
    if let Some(hash) = annotations.get_mut(DESIRED_ANNOTATION) {
        *hash = format!("<{} digits>", hash.as_str().unwrap_or_default().len()).into();
    }
    annotations
}

/// An owner reference with the uid of a living owner, or one that dangles.
fn owner(reference: &Value, owners: &[&str]) -> Value {
    let mut reference = reference.clone();
    let lives = reference["uid"].as_str().is_some_and(|uid| owners.contains(&uid));
    reference["uid"] = if lives { "<owner>".into() } else { "<nobody>".into() };
    reference
}

/// Who wrote what, without when. The test is a manager of its object as well.
fn managers(fields: &Value) -> Vec<String> {
    let fields = fields.as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut managers: Vec<_> =
        fields.map(|f| [&f["manager"], &f["operation"], &f["subresource"]].map(text).join(" ")).collect();
    managers.sort();
    managers
}

/// Data as they are; of a Secret only the lengths.
fn data(object: &Value) -> Value {
    let data = &object["data"];
    if object["type"].is_null() {
        return data.clone();
    }
    let lengths = data.as_object().into_iter().flatten();
    let length = |value: &Value| value.as_str().unwrap_or_default().len();
    lengths.map(|(key, value)| (key.clone(), length(value).into())).collect::<Map<_, _>>().into()
}

/// Everything in the cluster that says that it is owned by an object: `Kind namespace/name`.
pub fn owned(site: &Site) -> Vec<String> {
    let mut owned = Vec::new();
    for (kind, path) in [("ConfigMap", "/api/v1/configmaps"), ("Secret", "/api/v1/secrets")] {
        for object in site.list(path) {
            let metadata = &object["metadata"];
            if metadata["annotations"][OWNER_ANNOTATION].is_string() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                owned.push(format!("{kind} {}/{}", text(&metadata["namespace"]), text(&metadata["name"])));
            }
        }
    }
    owned
}
