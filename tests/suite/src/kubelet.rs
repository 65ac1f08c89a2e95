//! What a kubelet reports of pods, where there is none.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::{MINUTE, Site, until};

/// Names of the living pods that begin so, sorted.
pub fn pods(site: &Site, namespace: &str, prefix: &str) -> Vec<String> {
    let pods = site.list(&format!("/api/v1/namespaces/{namespace}/pods"));
    let living = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let names = living.filter_map(|pod| pod["metadata"]["name"].as_str());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).map(str::to_string).collect();
    names.sort();
    names
}

/// Waits until controllers have made so many pods whose names begin so, and gives them.
#[track_caller]
pub fn wait_pods(site: &Site, namespace: &str, prefix: &str, count: usize) -> Vec<String> {
    let what = format!("{count} pods {namespace}/{prefix}*");
    let made = until(&what, MINUTE, || match pods(site, namespace, prefix) {
        names if names.len() == count => Ok(names),
        names => Err(format!("{names:?}\n{}", site.log_tail())),
    });
    made.0
}

/// Reports that a pod runs at an address, and whether it is ready.
#[track_caller]
pub fn report(site: &Site, namespace: &str, pod: &str, address: IpAddr, is_ready: bool) -> Value {
    let now = jiff::Timestamp::now().to_string();
    let ready = if is_ready { "True" } else { "False" };
    let condition = |name: &str| json!({"type": name, "status": ready, "lastTransitionTime": now});
    let status = json!({
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "startTime": now,
        "conditions": [condition("Ready"), condition("ContainersReady")],
    });
    site.merge(&format!("/api/v1/namespaces/{namespace}/pods/{pod}/status"), &json!({"status": status}))
}
