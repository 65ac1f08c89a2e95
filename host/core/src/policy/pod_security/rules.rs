//! The rules, each about one node of an object: what it must not hold, and of a pod's containers what they must.
//!
//! They follow the standards as Kubernetes 1.36 has them. Where the standards relax a rule for pods of Windows or pods in a user
//! namespace, the rule stays.

use serde_json::{Map, Value};

use super::{Level, context};

type Fields = Map<String, Value>;

/// A pod's lists of containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
/// A container, or the whole pod, shares these with its node.
const HOST_NAMESPACES: [&str; 3] = ["hostNetwork", "hostPID", "hostIPC"];
/// Types of volumes that need no more trust than the pod itself.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
/// Annotation of a pod that names the AppArmor profile of a container.
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Whether a field says anything at all: `false` is what absence means.
pub(super) fn is_set(fields: &Fields, name: &str) -> bool {
    fields.get(name).is_some_and(|value| !value.is_null() && *value != false)
}

/// The field, unless it is absent or null.
pub(super) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// What is wrong with a node, beginning with the part below it: `.hostPID is true`.
pub(super) fn problem(node: &Fields, level: Level) -> Option<String> {
    said(node, level).next().or_else(|| containers(node, level))
}

/// All that is wrong with what a node says, and not with what it leaves out.
pub(super) fn said(node: &Fields, level: Level) -> impl Iterator<Item = String> {
    let rules: [fn(&Fields, Level) -> Option<String>; 7] = [
        |node, _| host_namespaces(node),
        |node, _| host_path(node),
        |node, _| host_port(node),
        |node, _| handler_host(node),
        |node, _| apparmor_annotation(node),
        context_of,
        |node, level| (level >= Level::Restricted).then(|| volumes(node)).flatten(),
    ];
    rules.into_iter().filter_map(move |rule| rule(node, level))
}

fn host_namespaces(node: &Fields) -> Option<String> {
    let field = HOST_NAMESPACES.iter().find(|field| is_set(node, field))?;
    Some(format!(".{field} is set; a pod has namespaces of its own"))
}

fn host_path(node: &Fields) -> Option<String> {
    given(node, "hostPath")?;
    Some(".hostPath is set; a pod has no access to the files of its node".into())
}

fn host_port(node: &Fields) -> Option<String> {
    let port = given(node, "hostPort").filter(|port| **port != 0)?;
    Some(format!(".hostPort is {port}; a pod takes no port of its node"))
}

/// A probe or a hook of a container that is sent elsewhere than to the pod is a request in the node's name.
fn handler_host(node: &Fields) -> Option<String> {
    ["httpGet", "tcpSocket"].iter().find_map(|handler| {
        let host = node.get(*handler)?.as_object().and_then(|fields| given(fields, "host"))?;
        (host != "").then(|| format!(".{handler}.host is {host}; probes and hooks go to the pod itself"))
    })
}

fn apparmor_annotation(node: &Fields) -> Option<String> {
    let annotations = node.get("annotations")?.as_object()?;
    let is_bad = |profile: &Value| {
        let profile = profile.as_str().unwrap_or_default();
        !profile.is_empty() && profile != "runtime/default" && !profile.starts_with("localhost/")
    };
    let (name, profile) = annotations.iter().find(|(name, value)| name.starts_with(APPARMOR) && is_bad(value))?;
    Some(format!(".annotations['{name}'] is {profile}; allowed are runtime/default and localhost/*"))
}

fn context_of(node: &Fields, level: Level) -> Option<String> {
    let context = given(node, "securityContext")?;
    let problem = match context.as_object() {
        Some(context) => context::problem(context, level)?,
        None => " is no object".into(),
    };
    Some(format!(".securityContext{problem}"))
}

fn volumes(node: &Fields) -> Option<String> {
    let Some(volumes) = given(node, "volumes")?.as_array() else {
        let is_pod = CONTAINERS.iter().any(|list| node.contains_key(*list));
        return is_pod.then(|| ".volumes is no list".into());
    };
    let typed = volumes.iter().filter_map(Value::as_object).find_map(|volume| {
        let mut types = volume.iter().filter(|(field, value)| *field != "name" && !value.is_null());
        let (other, _) = types.find(|(field, _)| !VOLUMES.contains(&field.as_str()))?;
        Some((volume.get("name").and_then(Value::as_str).unwrap_or("?"), other))
    });
    let (name, other) = typed?;
    Some(format!(".volumes ({name}) is a {other}; allowed are {}", VOLUMES.join(", ")))
}

fn containers(node: &Fields, level: Level) -> Option<String> {
    let problem = |list: &str| match given(node, list)? {
        Value::Array(all) if level >= Level::Restricted => {
            let mut all = all.iter().enumerate();
            all.find_map(|(index, container)| Some((format!("[{index}]"), lacks(container, node)?)))
        }
        // A word is never a container.
        Value::Array(_) | Value::String(_) => None,
        _ => Some((String::new(), " is no list".into())),
    };
    CONTAINERS.iter().find_map(|list| problem(list).map(|(index, what)| format!(".{list}{index}{what}")))
}

/// What the standard `restricted` demands of a container and this one does not say, nor its pod for it.
fn lacks(container: &Value, pod: &Fields) -> Option<String> {
    let Some(container) = container.as_object() else { return Some(" is no object".into()) };
    let none = Fields::new();
    let context = |fields: &Value| fields.as_object().cloned();
    let own = container.get("securityContext").and_then(context).unwrap_or_else(|| none.clone());
    let shared = pod.get("securityContext").and_then(context).unwrap_or(none);
    let name = container.get("name").and_then(Value::as_str).unwrap_or("?");
    context::lack(&own, &shared).map(|what| format!(" ({name}) {what}"))
}
