//! The configurations of the node's programs, as files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{control_groups, images, network, recipe::NodePrograms};

/// The node's name.
pub const NODE_NAME: &str = "opstack";

/// Where containerd listens: the node has a `/run` of its own.
pub(crate) const SOCKET: &str = "/run/containerd/containerd.sock";

/// The files that were written.
pub(crate) struct Configs {
    pub containerd: PathBuf,
    pub kubelet: PathBuf,
    pub proxy: PathBuf,
    pub volumes: PathBuf,
    pub volume_pod: PathBuf,
}

impl Configs {
    /// Writes all below `directory`. `authority` signs the certificates of those who may talk to kubelet, and
    /// `proxy_kubeconfig` is kube-proxy's.
    pub fn write(directory: &Path, programs: &NodePrograms, authority: &Path, proxy_kubeconfig: &Path) -> Result<Self> {
        let network = directory.join("net.d");
        fs::create_dir_all(&network).with_context(|| format!("failed to create {}", network.display()))?;
        write_json(&network, "10-opstack.conflist", &pod_network())?;
        Ok(Self {
            containerd: write(directory, "containerd.toml", &containerd(&programs.directory, &network))?,
            kubelet: write_json(directory, "kubelet.json", &kubelet(authority))?,
            proxy: write_json(directory, "kube-proxy.json", &proxy(proxy_kubeconfig))?,
            volumes: write_json(directory, "volumes.json", &volumes())?,
            volume_pod: write_json(directory, "volume-pod.json", &volume_pod())?,
        })
    }
}

fn write_json(directory: &Path, name: &str, content: &Value) -> Result<PathBuf> {
    write(directory, name, &serde_json::to_string_pretty(content)?)
}

fn write(directory: &Path, name: &str, content: &str) -> Result<PathBuf> {
    let path = directory.join(name);
    fs::write(&path, content).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(path)
}

/// Without CAP_SYS_RESOURCE a sandbox can't be made safer from the kernel's memory killer than its maker is; and
/// AppArmor's profiles belong to the whole machine.
fn containerd(programs: &Path, network: &Path) -> String {
    let (programs, network, pause) = (programs.display(), network.display(), images::PAUSE);
    format!(
        r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_apparmor = true

[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{programs}"]
conf_dir = "{network}"
"#
    )
}

/// A pair of interfaces for each Pod and no bridge: what Pods send each other is routed, so that Services work among
/// them on every kernel.
fn pod_network() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "opstack",
        "plugins": [{
            "type": "ptp",
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "ranges": [[{ "subnet": network::PODS }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    })
}

fn kubelet(authority: &Path) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network::NODE,
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": false },
            "x509": { "clientCAFile": authority },
        },
        // Only the API server has a certificate.
        "authorization": { "mode": "AlwaysAllow" },
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", control_groups::NAME),
        "failCgroupV1": false,
        "enforceNodeAllocatable": [],
        // It may not raise its own limits, and goes on without.
        "featureGates": { "KubeletInUserNamespace": true },
        "failSwapOn": false,
        "clusterDomain": "cluster.local",
        "clusterDNS": [network::DNS],
        // Names of the outside are of no use: there is no way there.
        "resolvConf": "",
        // Images can't be had again from a registry, and the disk is not only ours.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": { "memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
        // Tests wait for Pods to be ready and to be gone.
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
    })
}

fn proxy(kubeconfig: &Path) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": { "kubeconfig": kubeconfig },
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": network::PODS,
        // The size of the table is the machine's.
        "conntrack": { "maxPerCore": 0, "min": 0 },
    })
}

fn volumes() -> Value {
    json!({
        "nodePathMap": [{ "node": NODE_NAME, "paths": ["/var/lib/volumes"] }],
        "setupCommand": "/usr/local/bin/volume",
        "teardownCommand": "/usr/local/bin/volume",
        "cmdTimeoutSeconds": 60,
    })
}

/// What makes and removes the directory of a volume: as root, since the directory's owner is up to kubelet.
fn volume_pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "volume" },
        "spec": {
            "priorityClassName": "system-node-critical",
            "containers": [{
                "name": "volume",
                "image": images::VOLUME,
                "securityContext": { "runAsUser": 0, "allowPrivilegeEscalation": false },
            }],
        },
    })
}
