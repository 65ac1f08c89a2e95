//! Pods as the restricted pod security standard wants them, and their volumes.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, KeyToPath, PodSecurityContext, PodSpec,
    PodTemplateSpec, ProjectedVolumeSource, SeccompProfile, SecretProjection, SecretVolumeSource, SecurityContext,
    Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

use super::{App, Hash};
use crate::opstack::shared::{SeccompKind, Security};

/// Annotation of a pod that changes with everything the pod reads only when it starts.
pub const CONFIG_HASH: &str = "optimism.io/config-hash";

/// A pod's defaults: identity from `security`, no service links (a Service called `op-node-rpc` would inject a
/// variable that op-node reads as a flag), no token, an account of its own, time to stop.
pub fn pod_spec(app: &App, security: &Security, grace_seconds: i64) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        service_account_name: Some(app.instance().into()),
        security_context: Some(pod_context(security)),
        termination_grace_period_seconds: Some(grace_seconds),
        ..Default::default()
    }
}

/// A pod's template with the labels of the workload and the hash of what it reads at its start.
pub fn pod_template(app: &App, spec: PodSpec, config: Hash) -> PodTemplateSpec {
    let metadata = ObjectMeta {
        labels: Some(app.labels()),
        annotations: Some(BTreeMap::from([(CONFIG_HASH.into(), config.to_string())])),
        ..Default::default()
    };
    PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) }
}

/// The container without privileges, and with a root file system that it can't write to.
pub fn restricted(container: Container) -> Container {
    let context = SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        read_only_root_filesystem: Some(true),
        ..Default::default()
    };
    Container { security_context: Some(context), ..container }
}

fn pod_context(security: &Security) -> PodSecurityContext {
    let profile = match security.seccomp {
        SeccompKind::RuntimeDefault => SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None },
        SeccompKind::Localhost => {
            SeccompProfile { type_: "Localhost".into(), localhost_profile: security.localhost_profile.clone() }
        }
    };
    PodSecurityContext {
        run_as_non_root: Some(security.run_as_non_root),
        run_as_user: Some(security.run_as_user),
        run_as_group: Some(security.run_as_user),
        fs_group: Some(security.fs_group),
        // A chain's volume holds millions of files: change their group once, not at each start.
        fs_group_change_policy: Some("OnRootMismatch".into()),
        seccomp_profile: Some(profile),
        ..Default::default()
    }
}

/// Mounts a volume.
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.into(), mount_path: path.into(), ..Default::default() }
}

/// Mounts a volume for reading only.
pub fn mount_read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(volume, path) }
}

/// A volume with keys of a Secret as files, `(key, file)`, readable by the pod's group only: they are
/// root's, and to a narrower mode the kubelet would add that right, since the pod has a group (Kubernetes v1.36.1,
/// `pkg/volume/volume_linux.go`).
pub fn secret_volume<'a>(volume: &str, secret: &str, items: impl IntoIterator<Item = (&'a str, &'a str)>) -> Volume {
    let item = |(key, file): (&str, &str)| KeyToPath { key: key.into(), path: file.into(), mode: None };
    let source = SecretVolumeSource {
        secret_name: Some(secret.into()),
        default_mode: Some(0o440),
        items: Some(items.into_iter().map(item).collect()),
        ..Default::default()
    };
    Volume { name: volume.into(), secret: Some(source), ..Default::default() }
}

/// A volume with one key of a Secret as a file, and beside it all keys of another Secret, which need not exist: under
/// their own names.
pub fn secrets_volume(volume: &str, secret: &str, (key, file): (&str, &str), others: &str) -> Volume {
    let item = KeyToPath { key: key.into(), path: file.into(), mode: None };
    let first = SecretProjection { name: secret.into(), items: Some(vec![item]), optional: None };
    let second = SecretProjection { name: others.into(), items: None, optional: Some(true) };
    let source = |secret| VolumeProjection { secret: Some(secret), ..Default::default() };
    let projected =
        ProjectedVolumeSource { default_mode: Some(0o440), sources: Some(vec![source(first), source(second)]) };
    Volume { name: volume.into(), projected: Some(projected), ..Default::default() }
}

/// A volume with one key of a ConfigMap as a file.
pub fn config_map_volume(volume: &str, config_map: &str, key: &str, file: &str) -> Volume {
    let source = ConfigMapVolumeSource {
        name: config_map.into(),
        items: Some(vec![KeyToPath { key: key.into(), path: file.into(), mode: None }]),
        ..Default::default()
    };
    Volume { name: volume.into(), config_map: Some(source), ..Default::default() }
}

/// A volume on the node's disk that lives as long as the pod.
pub fn scratch_volume(volume: &str) -> Volume {
    Volume { name: volume.into(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Default::default() }
}

/// A volume in memory for small secrets: nothing of it reaches a disk.
pub fn memory_volume(volume: &str) -> Volume {
    let source = EmptyDirVolumeSource { medium: Some("Memory".into()), size_limit: Some(Quantity("1Mi".into())) };
    Volume { name: volume.into(), empty_dir: Some(source), ..Default::default() }
}
