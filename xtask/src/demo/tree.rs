//! The tree of what there is: each custom resource with its conditions, and below it all that was made of it.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::text;

/// Annotation of a child that names its owner, as `Kind.group/namespace/name`.
const OWNER: &str = "opstack.optimism.io/owner";

/// What there is at one moment.
pub struct Snapshot {
    plugins: Vec<Value>,
    objects: Vec<Value>,
}

impl Snapshot {
    /// The `Plugin` objects, and everything in a namespace.
    pub fn new(plugins: Vec<Value>, objects: Vec<Value>) -> Self {
        Self { plugins, objects }
    }

    /// Objects of kinds that plugins serve.
    fn roots(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(|object| {
            let kind = group_kind(object);
            self.plugins.iter().any(|plugin| text(plugin, "/status/serves") == kind)
        })
    }

    /// What was made of an object: by us, or by a controller of Kubernetes.
    fn children(&self, owner: &Value) -> Vec<&Value> {
        let name =
            format!("{}/{}/{}", group_kind(owner), text(owner, "/metadata/namespace"), text(owner, "/metadata/name"));
        let uid = text(owner, "/metadata/uid");
        let is_child = |object: &&Value| {
            let references = list(&object["metadata"]["ownerReferences"]);
            if !references.is_empty() {
                // A Deployment hands its annotations down, so these do not tell who made an object.
                return references.into_iter().any(|reference| reference["uid"] == uid);
            }
            object["metadata"]["annotations"][OWNER] == name || is_claim_of(object, owner)
        };
        let mut children: Vec<_> = self.objects.iter().filter(is_child).collect();
        children.sort_by_key(|object| (text(object, "/kind"), text(object, "/metadata/name")));
        children
    }

    /// Kinds of the custom resources, as kubectl takes them.
    pub fn kinds(&self) -> String {
        let kinds: BTreeSet<_> = self.roots().map(|root| group_kind(root).to_lowercase()).collect();
        kinds.into_iter().collect::<Vec<_>>().join(",")
    }

    /// Custom resources whose present spec was not looked at.
    pub fn unseen(&self) -> Vec<String> {
        let is_unseen = |object: &&Value| object["status"]["observedGeneration"] != object["metadata"]["generation"];
        self.roots().filter(is_unseen).map(title).collect()
    }

    /// Whether nothing was made at all.
    pub fn is_empty(&self) -> bool {
        self.roots().all(|root| self.children(root).is_empty())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, object: &Value, indent: &str, counts: &mut Counts) -> fmt::Result {
        let children = self.children(object);
        for (index, child) in children.iter().enumerate() {
            let is_last = index + 1 == children.len();
            let (branch, below) = if is_last { ("└─", "   ") } else { ("├─", "│  ") };
            writeln!(f, "{indent}{branch} {}{}", title(child), state(child))?;
            counts.objects += 1;
            self.write(f, child, &format!("{indent}{below}"), counts)?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Counts {
    roots: usize,
    ready: usize,
    objects: usize,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "PLUGINS")?;
        for plugin in &self.plugins {
            writeln!(f, "{}", described(plugin))?;
        }
        let mut counts = Counts::default();
        let mut roots: Vec<_> = self.roots().collect();
        roots.sort_by_key(|root| (text(root, "/kind"), text(root, "/metadata/name")));
        for root in roots {
            let phase = text(root, "/status/phase");
            let phase = if phase.is_empty() { String::new() } else { format!(": {phase}") };
            writeln!(f, "\n{}{phase}", title(root))?;
            for condition in list(&root["status"]["conditions"]) {
                writeln!(f, "   {}", condition_line(condition))?;
            }
            counts.roots += 1;
            counts.ready += usize::from(is_true(root, "Ready"));
            self.write(f, root, "   ", &mut counts)?;
        }
        let Counts { roots, ready, objects } = counts;
        write!(
            f,
            "\n{} plugins, {roots} custom resources ({ready} ready), {objects} objects made of them",
            self.plugins.len()
        )
    }
}

/// A plugin with what it serves and its conditions.
pub fn described(plugin: &Value) -> String {
    let field = |name: &str| text(&plugin["status"], &format!("/{name}")).to_string();
    let mut lines = vec![format!(
        "{} {}: {} {}, {}",
        text(plugin, "/metadata/name"),
        field("version"),
        field("role"),
        field("serves"),
        field("digest")
    )];
    lines.extend(
        list(&plugin["status"]["conditions"]).into_iter().map(|condition| format!("   {}", condition_line(condition))),
    );
    lines.join("\n")
}

/// Whether a condition is true.
pub fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = list(&object["status"]["conditions"]);
    conditions.into_iter().any(|found| found["type"] == condition && found["status"] == "True")
}

fn condition_line(condition: &Value) -> String {
    let field = |name: &str| text(condition, &format!("/{name}"));
    let message = field("message");
    let line = format!("{}={} {}", field("type"), field("status"), field("reason"));
    if message.is_empty() { line } else { format!("{line}: {message}") }
}

/// How an object of a built-in kind is doing, with the reason where it is not well.
fn state(object: &Value) -> String {
    let status = &object["status"];
    let state = match text(object, "/kind") {
        "StatefulSet" | "Deployment" | "ReplicaSet" => {
            let (ready, wanted) =
                (status["readyReplicas"].as_i64().unwrap_or(0), object["spec"]["replicas"].as_i64().unwrap_or(1));
            format!("{ready} of {wanted} ready")
        }
        "Pod" | "PersistentVolumeClaim" => text(status, "/phase").to_string(),
        _ => String::new(),
    };
    let well = ["Available", "Ready", "ReplicaFailure"];
    let untrue = list(&status["conditions"]).into_iter().find(|condition| {
        condition["status"] == "False"
            && !well.contains(&text(condition, "/type"))
            && !text(condition, "/message").is_empty()
    });
    let failure = list(&status["conditions"]).into_iter().find(|condition| condition["type"] == "ReplicaFailure");
    let why = failure.or(untrue).map(|condition| text(condition, "/message"));
    let parts: Vec<_> = [state.as_str(), why.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

/// A StatefulSet's claims carry no reference to it where they are to stay.
fn is_claim_of(object: &Value, owner: &Value) -> bool {
    let is_set = text(owner, "/kind") == "StatefulSet" && text(object, "/kind") == "PersistentVolumeClaim";
    let set = text(owner, "/metadata/name");
    let templates = list(&owner["spec"]["volumeClaimTemplates"]);
    let mut prefixes = templates.into_iter().map(|template| format!("{}-{set}-", text(template, "/metadata/name")));
    let name = text(object, "/metadata/name");
    is_set && prefixes.any(|prefix| name.strip_prefix(&prefix).is_some_and(|ordinal| ordinal.parse::<u32>().is_ok()))
}

fn title(object: &Value) -> String {
    format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))
}

/// `Kind.group`, or `Kind` for the core group.
fn group_kind(object: &Value) -> String {
    match text(object, "/apiVersion").split_once('/') {
        Some((group, _)) => format!("{}.{group}", text(object, "/kind")),
        None => text(object, "/kind").to_string(),
    }
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({"type": kind, "status": status, "reason": reason, "message": message})
    }

    fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "ns", "uid": format!("{kind} {name}")}});
        for (field, value) in rest.as_object().into_iter().flatten() {
            match field.as_str() {
                "owner" => object["metadata"]["annotations"][OWNER] = value.clone(),
                "reference" => object["metadata"]["ownerReferences"] = json!([{"uid": value}]),
                "generation" => object["metadata"]["generation"] = value.clone(),
                _ => object[field] = value.clone(),
            }
        }
        object
    }

    fn snapshot() -> Snapshot {
        let serving = json!({"version": "0.1.0", "role": "Workload", "serves": "Hello.example.io", "digest": "sha256:ab",
            "conditions": [condition("Ready", "True", "Serving", "it serves")]});
        let waits = condition("Ready", "False", "Progressing", "StatefulSet a: 0 of 1");
        let template = json!({"metadata": {"name": "data"}});
        let unscheduled = condition("PodScheduled", "False", "Unschedulable", "no nodes");
        Snapshot::new(
            vec![object("optimism.io/v1alpha1", "Plugin", "hello", json!({"status": serving}))],
            vec![
                object("v1", "ConfigMap", "kube-root-ca.crt", json!({})),
                object(
                    "v1",
                    "Pod",
                    "a-0",
                    json!({"reference": "StatefulSet a", "status": {"phase": "Pending", "conditions": [unscheduled]}}),
                ),
                object("v1", "PersistentVolumeClaim", "data-a-0", json!({"status": {"phase": "Pending"}})),
                object(
                    "apps/v1",
                    "ReplicaSet",
                    "a-1",
                    json!({"owner": "Hello.example.io/ns/one", "reference": "Other b"}),
                ),
                object("v1", "Service", "a", json!({"owner": "Hello.example.io/ns/one"})),
                object(
                    "apps/v1",
                    "StatefulSet",
                    "a",
                    json!({"owner": "Hello.example.io/ns/one",
                    "spec": {"replicas": 1, "volumeClaimTemplates": [template]}}),
                ),
                object(
                    "example.io/v1",
                    "Hello",
                    "one",
                    json!({"generation": 2,
                    "status": {"phase": "Pending", "observedGeneration": 1, "conditions": [waits]}}),
                ),
            ],
        )
    }

    const TREE: &str = "\
PLUGINS
hello 0.1.0: Workload Hello.example.io, sha256:ab
   Ready=True Serving: it serves

Hello one: Pending
   Ready=False Progressing: StatefulSet a: 0 of 1
   ├─ Service a
   └─ StatefulSet a: 0 of 1 ready
      ├─ PersistentVolumeClaim data-a-0: Pending
      └─ Pod a-0: Pending, no nodes

1 plugins, 1 custom resources (0 ready), 4 objects made of them";

    #[test]
    fn all_that_was_made_stands_below_what_it_was_made_of() {
        assert_eq!(snapshot().to_string(), TREE);
    }

    #[test]
    fn what_was_not_looked_at_is_named() {
        assert_eq!(snapshot().unseen(), ["Hello one"]);
        assert_eq!(snapshot().kinds(), "hello.example.io");
        assert!(!snapshot().is_empty());
    }
}
