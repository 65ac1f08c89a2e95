//! What every cluster has beside the node: names of Services, and volumes for those who claim them.

use serde_json::{Value, json};

use crate::{images, network};

/// The name of the class of volumes; it is the default one.
pub(crate) const STORAGE_CLASS: &str = "local-path";

const SYSTEM: &str = "kube-system";

/// The Deployment that resolves names.
pub(crate) const DNS: &str = "coredns";

/// CoreDNS and the class of volumes, as one list.
pub(crate) fn manifests() -> Value {
    let items = dns_access().into_iter().chain(dns()).chain([storage_class(), volume_account()]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items.collect::<Vec<_>>() })
}

/// What CoreDNS may look at.
fn dns_access() -> [Value; 3] {
    let reads = json!(["list", "watch"]);
    [
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": DNS, "namespace": SYSTEM },
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": DNS },
            "rules": [
                { "apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": reads },
                { "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": reads },
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": DNS },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": DNS },
            "subjects": [{ "kind": "ServiceAccount", "name": DNS, "namespace": SYSTEM }],
        }),
    ]
}

/// It listens on a port that needs no privilege.
fn dns() -> [Value; 3] {
    let corefile = ".:1053 {\n  errors\n  health :8080\n  ready :8181\n  kubernetes cluster.local in-addr.arpa\n  \
                    cache 5\n}\n";
    let labels = json!({ "app": DNS });
    let port =
        |name: &str, protocol: &str| json!({ "name": name, "port": 53, "targetPort": 1053, "protocol": protocol });
    [
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": DNS, "namespace": SYSTEM },
            "data": { "Corefile": corefile },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "kube-dns", "namespace": SYSTEM },
            "spec": {
                "clusterIP": network::DNS,
                "selector": labels,
                "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")],
            },
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": DNS, "namespace": SYSTEM },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": dns_pod() },
            },
        }),
    ]
}

fn dns_pod() -> Value {
    json!({
        "serviceAccountName": DNS,
        "priorityClassName": "system-cluster-critical",
        "containers": [{
            "name": DNS,
            "image": images::COREDNS,
            "args": ["-conf", "/etc/coredns/Corefile"],
            "readinessProbe": { "httpGet": { "path": "/ready", "port": 8181 }, "periodSeconds": 1 },
            "securityContext": {
                "runAsNonRoot": true,
                "readOnlyRootFilesystem": true,
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
            },
            "volumeMounts": [{ "name": "config", "mountPath": "/etc/coredns" }],
        }],
        "volumes": [{ "name": "config", "configMap": { "name": DNS } }],
    })
}

/// `local` volumes and not host paths, since kubelet gives only those to the group that a Pod asks for.
fn storage_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": { "storageclass.kubernetes.io/is-default-class": "true", "defaultVolumeType": "local" },
        },
        "provisioner": "rancher.io/local-path",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    })
}

/// The account of the Pods that make directories. It may do nothing.
fn volume_account() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "volume", "namespace": SYSTEM },
        "automountServiceAccountToken": false,
    })
}
