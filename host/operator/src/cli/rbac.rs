//! `opstack rbac`: the rights of an operator that serves a directory's plugins, and no more.

use anyhow::Context as _;
use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use opstack_core::answer::Manifest;
use opstack_core::asks::Asks;
use opstack_core::ids::{GroupKind, Gvk};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::offline;
use crate::leader::LEASE;
use crate::plugins::{crd, object, served_kind};
use crate::{named, own};

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
    /// Namespaces whose objects are served, comma-separated, as for `opstack run`: rights to objects are Roles in these. All where absent.
    #[arg(long, value_name = "NAMESPACES", value_delimiter = ',', value_parser = super::run::namespace)]
    watch_namespaces: Vec<String>,
}

impl Args {
    /// Prints YAML documents.
    pub fn run(self) -> anyhow::Result<()> {
        let plugins = offline::load_dir(&offline::engine()?, &self.plugins)?;
        let manifests: Vec<_> = plugins.iter().filter_map(|serving| serving.manifest()).collect();
        let rights = Rights::of(&manifests)?;
        for document in documents(&self.name, &self.namespace, &self.watch_namespaces, &rights) {
            println!("---\n{}", serde_norway::to_string(&document)?.trim_end());
        }
        Ok(())
    }
}

/// The account, what it may do in the cluster, in its own namespace, and in those whose objects it serves.
fn documents(name: &str, namespace: &str, served: &[String], rights: &Rights) -> Vec<Value> {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let version = format!("{GROUP}/v1");
    let role = |kind: &str, place: Option<&str>, role: &str, rules: Value| {
        let metadata = match place {
            Some(place) => json!({"name": role, "namespace": place}),
            None => json!({"name": role}),
        };
        let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
        let granted = json!({"apiGroup": GROUP, "kind": kind, "name": role});
        let binding = format!("{kind}Binding");
        [
            json!({"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules}),
            json!({"apiVersion": version, "kind": binding, "metadata": metadata, "subjects": subjects, "roleRef": granted}),
        ]
    };
    let account = json!({"name": name, "namespace": namespace});
    let mut documents = vec![json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})];
    let in_cluster = if served.is_empty() { rights.cluster.and(&rights.objects) } else { rights.cluster.clone() };
    documents.extend(role("ClusterRole", None, name, in_cluster.rules()));
    documents.extend(role("Role", Some(namespace), name, own_rules()));
    for place in served {
        documents.extend(role("Role", Some(place), &format!("{name}-objects"), rights.objects.rules()));
    }
    documents
}

/// What the operator does in its own namespace for itself.
fn own_rules() -> Value {
    let leases = ["coordination.k8s.io"];
    json!([
        // What is not there yet has no name.
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [own::FINGERPRINT], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": leases, "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": leases, "resources": ["leases"], "resourceNames": [LEASE], "verbs": ["get", "update"]},
    ])
}

/// A right of any operator, whatever its plugins: group, resource, verbs. `docs/operations.md` has what each is for.
type Right = (&'static str, &'static str, &'static [&'static str]);

/// Of these it needs all in the cluster.
const IN_CLUSTER: [Right; 3] = [
    ("apiextensions.k8s.io", "customresourcedefinitions", &["get", "list", "watch", "create", "patch"]),
    (object::GROUP, "plugins", &["list", "watch"]),
    (object::GROUP, "plugins/status", &["patch"]),
];

/// These it needs wherever it serves objects. Secrets are read by name, so nothing lists or watches them; nor is one deleted.
const WITH_OBJECTS: [Right; 4] = [
    ("", "configmaps", &["get", "list", "watch"]),
    ("", "events", &["create"]),
    ("", "pods", &["list", "watch"]),
    ("", "secrets", &["get", "create", "patch"]),
];

/// To make children, follow them and take them away.
const CHILD: [&str; 5] = ["list", "watch", "create", "patch", "delete"];

/// What the operator may do to serve some plugins.
#[derive(Debug)]
struct Rights {
    /// In the cluster, wherever its objects are.
    cluster: Verbs,
    /// In each namespace whose objects it serves.
    objects: Verbs,
}

impl Rights {
    /// What manifests ask for, and what the operator needs for itself.
    fn of(manifests: &[&Manifest]) -> anyhow::Result<Self> {
        let mut rights = Self { cluster: Verbs::of(&IN_CLUSTER), objects: Verbs::of(&WITH_OBJECTS) };
        let plurals = plurals(manifests);
        for manifest in manifests {
            rights.add(manifest, &plurals)?;
        }
        Ok(rights)
    }

    fn add(&mut self, manifest: &Manifest, plurals: &BTreeMap<GroupKind, String>) -> anyhow::Result<()> {
        let served = served_kind(manifest);
        let (group, resource) = resource(&served, plurals);
        // A new definition is held against all objects that are stored.
        self.cluster.add(&group, &resource, &["list"]);
        // The finalizer replaces the object.
        self.objects.add(&group, &resource, &["list", "watch", "update"]);
        self.objects.add(&group, &format!("{resource}/status"), &["patch"]);
        // Owner references that block their owner's deletion need it, where that is enforced.
        self.objects.add(&group, &format!("{resource}/finalizers"), &["update"]);
        for kind in manifest.reads.iter().filter(|kind| !named::is_named(&kind.group_kind)) {
            let (group, resource) = self::resource(kind, plurals);
            let place = if is_in_no_namespace(&kind.group_kind) { &mut self.cluster } else { &mut self.objects };
            place.add(&group, &resource, &["list", "watch"]);
        }
        for patch in Asks::of(manifest).with_context(|| format!("plugin {}", manifest.name))?.patches {
            let (group, resource) = self::resource(&patch.kind, plurals);
            self.objects.add(&group, &resource, &["list", "watch", "patch"]);
        }
        for kind in &manifest.owns {
            let (group, resource) = self::resource(kind, plurals);
            self.objects.add(&group, &resource, &CHILD);
            if resource == "statefulsets" {
                // One that is made anew is read before; its claims grow with their template, and are found by their owner.
                self.objects.add(&group, &resource, &["get"]);
                self.objects.add("", "persistentvolumeclaims", &["list", "patch"]);
            }
        }
        Ok(())
    }
}

/// Whether a built-in kind has its objects in no namespace. Those of plugins have theirs in one.
fn is_in_no_namespace(kind: &GroupKind) -> bool {
    let own = kind.group.ends_with(".k8s.io") || kind.group.is_empty();
    own && matches!(
        kind.kind.as_ref(),
        "Namespace"
            | "Node"
            | "PersistentVolume"
            | "StorageClass"
            | "CSIDriver"
            | "PriorityClass"
            | "RuntimeClass"
            | "CustomResourceDefinition"
    )
}

/// Verbs by group and resource.
#[derive(Clone, Debug, Default)]
struct Verbs(BTreeMap<(String, String), BTreeSet<&'static str>>);

impl Verbs {
    fn of(rights: &[Right]) -> Self {
        let mut verbs = Self::default();
        rights.iter().for_each(|(group, resource, some)| verbs.add(group, resource, some));
        verbs
    }

    fn add(&mut self, group: &str, resource: &str, verbs: &[&'static str]) {
        self.0.entry((group.into(), resource.into())).or_default().extend(verbs);
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        other.0.iter().for_each(|(place, verbs)| both.0.entry(place.clone()).or_default().extend(verbs));
        both
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

    fn manifest(annotations: Value) -> Manifest {
        Manifest {
            name: "fox".into(),
            version: "1.0.0".into(),
            crd: json!({
                "metadata": {"annotations": annotations},
                "spec": {"group": "test.org", "names": {"kind": "Fox", "plural": "foxen"}},
            }),
            served_version: "v1".into(),
            reads: vec![Gvk::new("test.org", "v1", "Fox"), Gvk::new("", "v1", "Secret"), Gvk::new("", "v1", "Node")],
            owns: vec![Gvk::new("apps", "v1", "StatefulSet"), Gvk::new("networking.k8s.io", "v1", "NetworkPolicy")],
            rpc_methods: vec![],
            phases: None,
        }
    }

    fn verbs<'a>(verbs: &'a Verbs, group: &str, resource: &str) -> Vec<&'a str> {
        verbs.0.get(&(group.to_string(), resource.to_string())).into_iter().flatten().copied().collect()
    }

    #[test]
    fn a_plugin_brings_the_rights_to_what_it_declares() {
        let manifest = manifest(json!({}));
        let (without, with) = (Rights::of(&[]).unwrap().objects, Rights::of(&[&manifest]).unwrap().objects);
        assert_eq!(verbs(&with, "test.org", "foxen"), ["list", "update", "watch"]);
        assert_eq!(verbs(&with, "test.org", "foxen/status"), ["patch"]);
        let made = ["create", "delete", "list", "patch", "watch"];
        assert_eq!(verbs(&with, "networking.k8s.io", "networkpolicies"), made);
        assert_eq!(verbs(&with, "apps", "statefulsets"), ["create", "delete", "get", "list", "patch", "watch"]);
        assert_eq!(verbs(&without, "apps", "statefulsets"), [""; 0]);
        assert_eq!(verbs(&with, "", "persistentvolumeclaims"), ["list", "patch"]);
        assert!(!with.rules().to_string().contains('*'), "{}", with.rules());
    }

    #[test]
    fn no_right_lists_watches_or_deletes_secrets() {
        let rights = Rights::of(&[&manifest(json!({}))]).unwrap();
        assert_eq!(verbs(&rights.objects, "", "secrets"), ["create", "get", "patch"]);
        assert_eq!(verbs(&rights.cluster, "", "secrets"), [""; 0]);
    }

    #[test]
    fn what_is_only_patched_is_neither_made_nor_deleted() {
        let asks = r#"{"patches": [{"version": "v1", "kind": "Pod", "fields": ["metadata.labels"]}]}"#;
        let rights = Rights::of(&[&manifest(json!({"grants.optimism.io/asks-for": asks}))]).unwrap();
        assert_eq!(verbs(&rights.objects, "", "pods"), ["list", "patch", "watch"]);
        assert!(Rights::of(&[&manifest(json!({"grants.optimism.io/asks-for": "{"}))]).is_err());
    }

    #[test]
    fn with_namespaces_nothing_of_objects_is_granted_in_the_cluster() {
        let rights = Rights::of(&[&manifest(json!({}))]).unwrap();
        let served = ["a".to_string(), "b".to_string()];
        let documents = documents("op", "sys", &served, &rights);
        let of = |kind: &str| documents.iter().filter(|one| one["kind"] == kind).collect::<Vec<_>>();
        let [cluster] = of("ClusterRole")[..] else { panic!("one ClusterRole") };
        assert_eq!(cluster["rules"], rights.cluster.rules());
        let kinds = ["customresourcedefinitions", "foxen", "nodes", "plugins", "plugins/status"];
        let granted: BTreeSet<_> = rights.cluster.0.keys().map(|(_, resource)| resource.as_str()).collect();
        assert_eq!(granted, BTreeSet::from(kinds));
        let place = |one: &Value| format!("{}/{}", one["metadata"]["namespace"], one["metadata"]["name"]);
        let roles: Vec<_> = of("Role").into_iter().map(place).collect();
        assert_eq!(roles, [r#""sys"/"op""#, r#""a"/"op-objects""#, r#""b"/"op-objects""#]);
        assert_eq!(of("RoleBinding").len(), 3);
        let everywhere = super::documents("op", "sys", &[], &rights);
        assert_eq!(everywhere[1]["rules"], rights.cluster.and(&rights.objects).rules());
        assert_eq!(everywhere.len(), 5);
    }

    /// A right whose reason is not written down is one that nobody can judge.
    #[test]
    fn the_documents_have_each_right_with_its_reason() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
        let text = std::fs::read_to_string(path).unwrap();
        for (_, resource, verbs) in IN_CLUSTER.iter().chain(&WITH_OBJECTS) {
            let row = format!("| `{resource}` | `{}` | ", verbs.join(" "));
            let reason = text.lines().find_map(|line| line.strip_prefix(&row));
            assert!(reason.is_some_and(|reason| reason.len() > 20), "docs/operations.md has no row {row}…");
        }
        let row = format!("| what a plugin owns | `{}` | ", CHILD.join(" "));
        assert!(text.contains(&row), "docs/operations.md has no row {row}…");
    }
}
