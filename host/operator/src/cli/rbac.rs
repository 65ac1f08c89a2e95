//! `opstack rbac`: the rights of an operator that serves a directory's plugins, and no more.

use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use opstack_core::answer::Manifest;
use opstack_core::asks::Asks;
use opstack_core::document;
use opstack_core::ids::{GroupKind, Gvk};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::offline;
use crate::plugins::{crd, loader, served_kind};

/// Print a ServiceAccount and the roles that the operator needs to serve plugins.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory with plugins.
    #[arg(long, value_name = "DIR", default_value = offline::DEFAULT_DIR)]
    plugins: PathBuf,
    /// Namespace of the operator.
    #[arg(short, long, default_value = "opstack-system")]
    namespace: String,
    /// Name of the ServiceAccount and of the roles.
    #[arg(long, default_value = "opstack")]
    name: String,
}

impl Args {
    /// Prints YAML documents.
    pub fn run(self) -> anyhow::Result<()> {
        let plugins = offline::load_dir(&offline::engine()?, &self.plugins)?;
        let manifests: Vec<_> = plugins.iter().filter_map(|serving| serving.manifest()).collect();
        for document in documents(&self.name, &self.namespace, &manifests) {
            println!("---\n{}", serde_norway::to_string(&document)?.trim_end());
        }
        Ok(())
    }
}

/// The account, what it may do in the cluster, and what in its own namespace.
fn documents(name: &str, namespace: &str, manifests: &[&Manifest]) -> [Value; 5] {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let object = |kind: &str, metadata: Value| {
        let version = format!("{GROUP}/v1");
        json!({"apiVersion": version, "kind": kind, "metadata": metadata})
    };
    let (here, everywhere) = (json!({"name": name, "namespace": namespace}), json!({"name": name}));
    let with = |mut object: Value, field: &str, value: Value| {
        document::set(&mut object, &[], field, value);
        object
    };
    let bound = |object: Value, kind: &str| {
        let object =
            with(object, "subjects", json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]));
        with(object, "roleRef", json!({"apiGroup": GROUP, "kind": kind, "name": name}))
    };
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here}),
        with(object("ClusterRole", everywhere.clone()), "rules", Rights::of(manifests).rules()),
        bound(object("ClusterRoleBinding", everywhere), "ClusterRole"),
        with(object("Role", here.clone()), "rules", lease_rules()),
        bound(object("RoleBinding", here), "Role"),
    ]
}

/// The Lease by which replicas agree on who writes.
fn lease_rules() -> Value {
    let groups = ["coordination.k8s.io"];
    json!([
        // What is not there yet has no name.
        {"apiGroups": groups, "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": groups, "resources": ["leases"], "resourceNames": ["opstack-leader"], "verbs": ["get", "update"]},
    ])
}

/// Verbs by group and resource.
#[derive(Debug, Default)]
struct Rights(BTreeMap<(String, String), BTreeSet<&'static str>>);

impl Rights {
    fn of(manifests: &[&Manifest]) -> Self {
        let mut rights = Self::of_host();
        let plurals = plurals(manifests);
        for manifest in manifests {
            let served = served_kind(manifest);
            let (group, resource) = resource(&served, &plurals);
            // The finalizer replaces the object.
            rights.add(&group, &resource, &["list", "watch", "update"]);
            rights.add(&group, &format!("{resource}/status"), &["patch"]);
            // Owner references that block their owner's deletion need it, where that is enforced.
            rights.add(&group, &format!("{resource}/finalizers"), &["update"]);
            for kind in &manifest.reads {
                let (group, resource) = self::resource(kind, &plurals);
                rights.add(&group, &resource, &["list", "watch"]);
            }
            // What can't be read is refused before.
            for patch in Asks::of(manifest).unwrap_or_default().patches {
                let (group, resource) = self::resource(&patch.kind, &plurals);
                rights.add(&group, &resource, &["list", "watch", "patch"]);
            }
            for kind in &manifest.owns {
                let (group, resource) = self::resource(kind, &plurals);
                rights.add(&group, &resource, &["get", "list", "watch", "create", "patch", "delete"]);
                if resource == "statefulsets" {
                    // Claims grow with their template, and are found by their owner.
                    rights.add("", "persistentvolumeclaims", &["list", "patch"]);
                }
            }
        }
        rights
    }

    /// What any plugin needs.
    fn of_host() -> Self {
        let mut rights = Self::default();
        rights.add("apiextensions.k8s.io", "customresourcedefinitions", &["get", "list", "watch", "create", "patch"]);
        let own = loader::gvk().group_kind;
        rights.add(&own.group, "plugins", &["list", "watch"]);
        rights.add(&own.group, "plugins/status", &["patch"]);
        // Components come in ConfigMaps of any namespace; pods are asked how they are.
        rights.add("", "configmaps", &["get", "list", "watch"]);
        rights.add("", "pods", &["list", "watch"]);
        rights.add("", "events", &["create"]);
        // Generated once and never deleted; read for facts, and where one holds a URL.
        rights.add("", "secrets", &["get", "list", "watch", "create", "patch"]);
        rights
    }

    fn add(&mut self, group: &str, resource: &str, verbs: &[&'static str]) {
        self.0.entry((group.into(), resource.into())).or_default().extend(verbs);
    }

    /// As RBAC has them: resources of a group with the same verbs in one rule.
    fn rules(&self) -> Value {
        let mut rules: BTreeMap<(&str, &BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
        for ((group, resource), verbs) in &self.0 {
            rules.entry((group, verbs)).or_default().push(resource);
        }
        let rule = |((group, verbs), resources)| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        rules.into_iter().map(rule).collect()
    }
}

/// The resources of the kinds that the plugins define.
fn plurals(manifests: &[&Manifest]) -> BTreeMap<GroupKind, String> {
    let plural = |manifest: &&Manifest| {
        let plural = manifest.crd["spec"]["names"]["plural"].as_str()?;
        Some((served_kind(manifest).group_kind, plural.to_string()))
    };
    manifests.iter().filter_map(plural).chain([(crd::gvk().group_kind, "customresourcedefinitions".into())]).collect()
}

/// Group and resource of a kind. That of a built-in kind follows from its name by the rule of Kubernetes.
fn resource(kind: &Gvk, plurals: &BTreeMap<GroupKind, String>) -> (String, String) {
    let GroupKind { group, kind: name, .. } = &kind.group_kind;
    let guessed = || ApiResource::from_gvk(&GroupVersionKind::gvk(group, &kind.version, name)).plural;
    (group.to_string(), plurals.get(&kind.group_kind).cloned().unwrap_or_else(guessed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_brings_the_rights_to_what_it_declares() {
        let crd = json!({"spec": {"group": "test.org", "names": {"kind": "Fox", "plural": "foxen"}}});
        let manifest = Manifest {
            name: "fox".into(),
            version: "1.0.0".into(),
            crd,
            served_version: "v1".into(),
            reads: vec![Gvk::new("test.org", "v1", "Fox")],
            owns: vec![Gvk::new("apps", "v1", "StatefulSet"), Gvk::new("networking.k8s.io", "v1", "NetworkPolicy")],
            rpc_methods: vec![],
            phases: None,
        };
        let verbs = |rights: &Rights, group: &str, resource: &str| {
            rights
                .0
                .get(&(group.to_string(), resource.to_string()))
                .map(|verbs| verbs.iter().copied().collect::<Vec<_>>())
        };
        let (without, with) = (Rights::of(&[]), Rights::of(&[&manifest]));
        assert_eq!(verbs(&with, "test.org", "foxen"), Some(vec!["list", "update", "watch"]));
        assert_eq!(verbs(&with, "test.org", "foxen/status"), Some(vec!["patch"]));
        for (group, resource) in [("apps", "statefulsets"), ("networking.k8s.io", "networkpolicies")] {
            let all = vec!["create", "delete", "get", "list", "patch", "watch"];
            assert_eq!(verbs(&with, group, resource), Some(all), "{resource}");
            assert_eq!(verbs(&without, group, resource), None, "{resource}");
        }
        assert_eq!(verbs(&with, "", "persistentvolumeclaims"), Some(vec!["list", "patch"]));
        assert!(!with.rules().to_string().contains('*'), "{}", with.rules());
    }
}
