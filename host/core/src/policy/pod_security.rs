//! The Kubernetes pod security standard `restricted`, checked before the API server would.
//!
//! A namespace need not enforce the standard; a plugin must not be the way around that.

use serde_json::Value;

use crate::blame::Fault;
use crate::grants::PodSecurity;
use crate::ids::ObjectKey;

/// Checks the pods that an object leads to.
pub(super) fn check(key: &ObjectKey, object: &Value, granted: PodSecurity) -> Result<(), Fault> {
    if granted == PodSecurity::Privileged {
        return Ok(());
    }
    let spec = match key.kind.kind.as_ref() {
        "Pod" => &object["spec"],
        "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &object["spec"]["template"]["spec"],
    };
    // Anything shaped like a pod template is held to the rules, so that a custom workload kind is no way around.
    if !spec["containers"].is_array() {
        return Ok(());
    }
    let problem = pod_problem(spec).or_else(|| {
        let kinds = ["containers", "initContainers", "ephemeralContainers"];
        kinds.iter().flat_map(|kind| list(&spec[*kind])).find_map(|container| container_problem(container, spec))
    });
    match problem {
        None => Ok(()),
        Some(problem) => {
            Err(Fault::plugin("PodSecurity", format!("{key} breaks the restricted pod security standard: {problem}")))
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "image",
];

fn pod_problem(spec: &Value) -> Option<String> {
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[field] == true {
            return Some(format!("spec.{field} is true"));
        }
    }
    for volume in list(&spec["volumes"]) {
        let name = volume["name"].as_str().unwrap_or("?");
        let source = volume.as_object().into_iter().flat_map(serde_json::Map::keys).find(|field| *field != "name");
        if let Some(source) = source.filter(|source| !VOLUMES.contains(&source.as_str())) {
            return Some(format!("volume {name} is a {source}; allowed are {}", VOLUMES.join(", ")));
        }
    }
    let context = &spec["securityContext"];
    if list(&context["sysctls"]).next().is_some() {
        return Some("spec.securityContext.sysctls is set".into());
    }
    if context["windowsOptions"]["hostProcess"] == true {
        return Some("spec.securityContext.windowsOptions.hostProcess is true".into());
    }
    (context["runAsUser"] == 0).then(|| "spec.securityContext.runAsUser is 0".into())
}

fn container_problem(container: &Value, pod: &Value) -> Option<String> {
    let name = container["name"].as_str().unwrap_or("?");
    let context = &container["securityContext"];
    let effective = |field: &str| {
        if context[field].is_null() { &pod["securityContext"][field] } else { &context[field] }
    };
    let seccomp = effective("seccompProfile")["type"].as_str().unwrap_or("unset");
    let drops_all = list(&context["capabilities"]["drop"]).any(|capability| capability == "ALL");
    let added = list(&context["capabilities"]["add"]).find(|capability| *capability != "NET_BIND_SERVICE");
    let problem = if context["privileged"] == true {
        "is privileged".into()
    } else if context["allowPrivilegeEscalation"] != false {
        "does not set allowPrivilegeEscalation: false".into()
    } else if !drops_all {
        "does not drop all capabilities".into()
    } else if let Some(capability) = added {
        format!("adds the capability {capability}")
    } else if effective("runAsNonRoot") != true {
        "does not set runAsNonRoot: true".into()
    } else if *effective("runAsUser") == 0 {
        "runs as user 0".into()
    } else if !["RuntimeDefault", "Localhost"].contains(&seccomp) {
        format!("has the seccomp profile {seccomp}; allowed are RuntimeDefault and Localhost")
    } else if context["procMount"].as_str().is_some_and(|mount| mount != "Default") {
        "sets procMount".into()
    } else if context["windowsOptions"]["hostProcess"] == true {
        "is a Windows host process".into()
    } else if let Some(port) = list(&container["ports"]).find_map(|port| port["hostPort"].as_u64().filter(|p| *p != 0))
    {
        format!("uses the host port {port}")
    } else {
        return None;
    };
    Some(format!("container {name} {problem}"))
}
