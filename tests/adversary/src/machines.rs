//! Machines for a real scheduler and the real controllers: Node objects whose kubelet is a thread of the test. It renews what a
//! kubelet renews, makes volumes for claims, and ends pods that are to be deleted. A machine that is lost does nothing any more,
//! and what ran on it may still run.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use control_plane::{AuditLevel, Options};
use serde_json::{Value, json};
use suite::{MINUTE, Site, until};

const BEAT: Duration = Duration::from_millis(500);

/// Options of a control plane that gives machines up soon: after six seconds of silence, and their pods a second later.
pub fn options() -> Options {
    let flags = |flags: &[&str]| flags.iter().map(ToString::to_string).collect();
    Options {
        scheduler: true,
        apiserver_arguments: flags(&[
            "--default-not-ready-toleration-seconds=1",
            "--default-unreachable-toleration-seconds=1",
        ]),
        controller_manager_arguments: flags(&[
            "--node-monitor-period=1s",
            "--node-monitor-grace-period=6s",
            "--node-eviction-rate=10",
        ]),
        ..Options::audited(AuditLevel::Metadata)
    }
}

type Living = Arc<Mutex<BTreeSet<String>>>;

/// The machines of a control plane. They end with this.
pub struct Machines {
    site: &'static Site,
    living: Living,
    end: Option<mpsc::Sender<()>>,
    kubelet: Option<JoinHandle<()>>,
}

impl Machines {
    /// Starts the machines of these names.
    pub fn start(site: &'static Site, names: &[&str]) -> Self {
        let living = Living::default();
        let (end, ended) = mpsc::channel();
        let known = Arc::clone(&living);
        let kubelet = thread::spawn(move || {
            while ended.recv_timeout(BEAT) == Err(mpsc::RecvTimeoutError::Timeout) {
                let names = locked(&known).clone();
                names.iter().for_each(|name| beat(site, name));
                end_pods(site, &known);
                make_volumes(site);
            }
        });
        let machines = Self { site, living, end: Some(end), kubelet: Some(kubelet) };
        names.iter().for_each(|name| machines.add(name));
        machines
    }

    /// One more machine; waits until the scheduler may use it.
    pub fn add(&self, name: &str) {
        self.site.create(&json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        }));
        self.site.create(&json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now()},
        }));
        locked(&self.living).insert(name.into());
        let free = |node: &Value| node["spec"]["taints"].is_null();
        self.site.wait("the machine to be ready", &path(name), MINUTE, free);
    }

    /// The machine falls silent: nobody hears of it any more.
    pub fn lose(&self, name: &str) {
        locked(&self.living).remove(name);
    }

    /// Adds a taint to the others of a machine.
    pub fn taint(&self, name: &str, key: &str, effect: &str) {
        let taint = json!({"key": key, "value": "by-a-person", "effect": effect});
        self.change_taints(name, |taints| taints.push(taint.clone()));
    }

    /// Takes a taint away.
    pub fn untaint(&self, name: &str, key: &str) {
        self.change_taints(name, |taints| taints.retain(|taint| taint["key"] != key));
    }

    /// The controllers change the same list.
    fn change_taints(&self, name: &str, change: impl Fn(&mut Vec<Value>)) {
        until("the taints to be changed", MINUTE, || {
            let node = self.site.get(&path(name)).ok_or("there is no such machine")?;
            let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
            change(&mut taints);
            let version = &node["metadata"]["resourceVersion"];
            let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}});
            let answer = self.site.request("PATCH", &path(name), Some(&patch));
            if answer.is_success() { Ok(()) } else { Err(answer.text()) }
        });
    }

    /// Deletes the Node object, as `kubectl delete node` does.
    pub fn delete(&self, name: &str) {
        self.lose(name);
        self.site.delete(&path(name));
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(kubelet) = self.kubelet.take() {
            // It fails only if the control plane went first.
            let _ = kubelet.join();
        }
    }
}

fn locked(living: &Living) -> MutexGuard<'_, BTreeSet<String>> {
    living.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path(name: &str) -> String {
    format!("/api/v1/nodes/{name}")
}

fn now() -> String {
    // Leases want microseconds.
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// What a kubelet says each time. The answers don't matter: the next beat says it again.
fn beat(site: &Site, name: &str) {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let room = json!({"cpu": "512", "memory": "2Ti", "pods": "250", "ephemeral-storage": "9Ti"});
    let status = json!({
        "capacity": room, "allocatable": room,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        "nodeInfo": {
            "machineID": name, "systemUUID": name, "bootID": format!("boot-of-{name}"), "kernelVersion": "6", "osImage": "x",
            "containerRuntimeVersion": "x://1", "kubeletVersion": "v1.36.0", "kubeProxyVersion": "", "operatingSystem": "linux",
            "architecture": "amd64",
        },
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", "lastHeartbeatTime": time,
            "lastTransitionTime": time,
        }],
    });
    let _ = site.plane.request("PATCH", &format!("{}/status", path(name)), Some(&json!({"status": status})));
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}");
    let _ = site.plane.request("PATCH", &lease, Some(&json!({"spec": {"renewTime": now()}})));
}

fn all(site: &Site, collection: &str) -> Vec<Value> {
    let answer = site.plane.request("GET", collection, None).ok().and_then(|answer| answer.json().ok());
    answer.and_then(|list| list["items"].as_array().cloned()).unwrap_or_default()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Pods of living machines that are to be deleted end, and their kubelet says so.
fn end_pods(site: &Site, living: &Living) {
    for pod in all(site, "/api/v1/pods").iter().filter(|pod| !pod["metadata"]["deletionTimestamp"].is_null()) {
        if !locked(living).contains(text(pod, "/spec/nodeName")) {
            continue;
        }
        let path =
            format!("/api/v1/namespaces/{}/pods/{}", text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        let ended = |container: &Value| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
            })
        };
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        let status = json!({"phase": "Succeeded", "containerStatuses": containers.map(ended).collect::<Vec<_>>()});
        let _ = site.plane.request("PATCH", &format!("{path}/status"), Some(&json!({"status": status})));
        let precise = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}});
        let _ = site.plane.request("DELETE", &path, Some(&precise));
    }
}

/// A volume that every machine reaches for each claim that has none.
fn make_volumes(site: &Site) {
    for claim in
        all(site, "/api/v1/persistentvolumeclaims").iter().filter(|claim| claim["spec"]["volumeName"].is_null())
    {
        let uid = text(claim, "/metadata/uid");
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("pv-{uid}")},
            "spec": {
                "capacity": claim["spec"]["resources"]["requests"], "accessModes": claim["spec"]["accessModes"],
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": format!("/tmp/{uid}")},
                "claimRef": {
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "uid": uid,
                    "namespace": claim["metadata"]["namespace"], "name": claim["metadata"]["name"],
                },
            },
        });
        let _ = site.plane.request("POST", "/api/v1/persistentvolumes", Some(&volume));
    }
}
