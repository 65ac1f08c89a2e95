//! Workloads: a Deployment, or a StatefulSet, whose pods have names. While the object of a pod exists, no second one of its name is made,
//! whatever became of its machine; a Deployment makes one as soon as the first is
//! being deleted.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec, TypedLocalObjectReference,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

use super::App;

/// The Deployment named after the custom resource, which ends the old pod before it makes the new one. On a machine that is out of
/// reach the old one may live on beside the new one: what must not run twice is a StatefulSet.
pub fn deployment(app: &App, replicas: i32, template: PodTemplateSpec) -> Deployment {
    let spec = DeploymentSpec {
        replicas: Some(replicas),
        selector: app.label_selector(),
        strategy: Some(DeploymentStrategy { type_: Some("Recreate".into()), ..Default::default() }),
        template,
        ..Default::default()
    };
    Deployment { metadata: app.metadata(), spec: Some(spec), ..Default::default() }
}

/// The StatefulSet named after the custom resource, behind its headless Service. Claims stay when pods or the
/// StatefulSet go; pods start together, since none depends on another, and are updated one by one. `Parallel` is about pods of
/// different names: with `OrderedReady` a pod that never gets ready would keep its own correction from being rolled out.
pub fn stateful_set(
    app: &App,
    replicas: i32,
    template: PodTemplateSpec,
    claims: Vec<PersistentVolumeClaim>,
) -> StatefulSet {
    let keep = || Some("Retain".into());
    let spec = StatefulSetSpec {
        replicas: Some(replicas),
        selector: app.label_selector(),
        service_name: Some(app.named("headless")),
        pod_management_policy: Some("Parallel".into()),
        update_strategy: Some(StatefulSetUpdateStrategy { type_: Some("RollingUpdate".into()), ..Default::default() }),
        persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
            when_deleted: keep(),
            when_scaled: keep(),
        }),
        volume_claim_templates: (!claims.is_empty()).then_some(claims),
        template,
        ..Default::default()
    };
    StatefulSet { metadata: app.metadata(), spec: Some(spec), ..Default::default() }
}

/// Puts a workload into a rollout group: the host replaces the pods of one of them at a time. `settled` selects the labels of
/// pods that are as they should be; one that was so has to be so again before the next one's turn.
pub fn in_turn(workload: &mut ObjectMeta, group: &str, settled: &str) {
    let annotations = [("group", group), ("settled", settled)];
    let annotations = annotations.map(|(key, value)| (format!("opstack.optimism.io/rollout-{key}"), value.to_string()));
    workload.annotations.get_or_insert_default().extend(annotations);
}

/// A claim template; `snapshot` is a VolumeSnapshot from which a new volume is filled. Its labels are the workload's selector only: templates can't change once they exist.
pub fn claim(
    app: &App,
    name: &str,
    size: Quantity,
    storage_class: Option<&str>,
    access_mode: &str,
    snapshot: Option<&str>,
) -> PersistentVolumeClaim {
    let resources =
        VolumeResourceRequirements { requests: Some(BTreeMap::from([("storage".into(), size)])), ..Default::default() };
    let spec = PersistentVolumeClaimSpec {
        access_modes: Some(vec![access_mode.into()]),
        storage_class_name: storage_class.map(Into::into),
        data_source: snapshot.map(|name| TypedLocalObjectReference {
            api_group: Some("snapshot.storage.k8s.io".into()),
            kind: "VolumeSnapshot".into(),
            name: name.into(),
        }),
        resources: Some(resources),
        ..Default::default()
    };
    let metadata = ObjectMeta { name: Some(name.into()), labels: Some(app.selector()), ..Default::default() };
    PersistentVolumeClaim { metadata, spec: Some(spec), ..Default::default() }
}
