//! What a `Plugin` object allows its plugin. A manifest asks, the grants decide; both must agree.
//!
//! Grants are looked at with each use, as they are then: see [`crate::policy`] for objects, probes and acts, and `allows_*` here.

use std::collections::{BTreeMap, BTreeSet};
use url::Url;

use crate::answer::Manifest;
use crate::asks::Asks;
use crate::blame::Fault;
use crate::fields::FieldPath;
use crate::ids::GroupKind;
use crate::probe::Target;

/// How much a pod may demand of its node, in the words of the Kubernetes Pod Security Standards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodSecurity {
    /// Nothing that is not needed.
    #[default]
    Restricted,
    /// Nothing that is known to lead out of a container.
    Baseline,
    /// Anything, host ports and host paths included.
    Privileged,
}

/// Where probes and acts may go, beside Services and pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Hosts of URLs: `rpc.example.org`, `*.example.org` for all below it, `*` for any.
    pub hosts: BTreeSet<String>,
    /// URLs that are kept in Secrets.
    pub secrets: bool,
}

impl Targets {
    fn allows_host(&self, url: &str) -> bool {
        if self.hosts.contains("*") {
            return true;
        }
        // The parser of the prober, so that both see the same host.
        let Ok(url) = Url::parse(url.trim()) else { return false };
        let Some(host) = url.host_str() else { return false };
        self.hosts.iter().any(|granted| match granted.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => host.eq_ignore_ascii_case(granted),
        })
    }
}

/// The rights of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Kinds that it may define.
    pub serves: BTreeSet<GroupKind>,
    /// Kinds it may render.
    pub owns: BTreeSet<GroupKind>,
    /// Kinds it may look up.
    pub reads: BTreeSet<GroupKind>,
    /// Fields that it may apply to objects of others, by their kind.
    pub patches: BTreeMap<GroupKind, BTreeSet<FieldPath>>,
    /// Namespaces in which its objects are served, which it looks into, and in which its probes and acts go to Services, pods and
    /// Secrets; empty means all.
    pub namespaces: BTreeSet<String>,
    /// JSON-RPC methods, with a trailing `*` for the rest.
    pub rpc_methods: Vec<String>,
    /// URLs that its probes and acts may go to.
    pub targets: Targets,
    /// What its pods may demand.
    pub pod_security: PodSecurity,
}

impl Grants {
    /// All that a manifest asks for: what `opstack run --plugins DIR` and `plugin pack` give.
    ///
    /// # Errors
    /// The plugin's fault, when it can't be read what it asks for.
    pub fn all_of(manifest: &Manifest) -> Result<Self, Fault> {
        let asks = Asks::of(manifest)?;
        let fields = asks.patches.iter().map(|patch| (patch.kind.group_kind.clone(), patch.fields.clone()));
        Ok(Self {
            serves: [manifest.served().group_kind].into(),
            owns: manifest.owns.iter().map(|kind| kind.group_kind.clone()).collect(),
            reads: manifest.reads.iter().map(|kind| kind.group_kind.clone()).collect(),
            patches: fields.collect(),
            namespaces: BTreeSet::new(),
            rpc_methods: manifest.rpc_methods.clone(),
            targets: asks.targets,
            pod_security: PodSecurity::Restricted,
        })
    }

    /// What a manifest asks for and is not granted, in words.
    ///
    /// # Errors
    /// The plugin's fault, when it can't be read what it asks for.
    pub fn missing(&self, manifest: &Manifest) -> Result<Vec<String>, Fault> {
        let asks = Asks::of(manifest)?;
        let ungranted = |what: &'static str, asked: &[crate::ids::Gvk], granted: &BTreeSet<GroupKind>| {
            asked
                .iter()
                .filter(|kind| !granted.contains(&kind.group_kind))
                .map(|kind| format!("{what} {}", kind.group_kind))
                .collect::<Vec<_>>()
        };
        let mut missing = ungranted("serve", &[manifest.served()], &self.serves);
        missing.extend(ungranted("own", &manifest.owns, &self.owns));
        missing.extend(ungranted("read", &manifest.reads, &self.reads));
        for patch in &asks.patches {
            let kind = &patch.kind.group_kind;
            let ungranted = patch.fields.iter().filter(|field| !self.allows_patch(kind, field));
            missing.extend(ungranted.map(|field| format!("patch {field} of {kind}")));
        }
        let methods = manifest.rpc_methods.iter().filter(|method| !self.allows_method(method));
        missing.extend(methods.map(|method| format!("call {method}")));
        let hosts = asks.targets.hosts.difference(&self.targets.hosts);
        // Fewer hosts than any are an administrator's choice; which will do, the objects decide.
        let hosts = hosts.filter(|host| *host != "*" || self.targets.hosts.is_empty());
        missing.extend(hosts.map(|host| format!("reach the host {host}")));
        if asks.targets.secrets && !self.targets.secrets {
            missing.push("reach URLs kept in Secrets".into());
        }
        Ok(missing)
    }

    /// Whether all calls that were granted before still are, in the namespaces that are left. What can't be told at a glance is not.
    pub fn calls_all_of(&self, before: &Self) -> bool {
        let (now, then) = (&self.targets, &before.targets);
        before.rpc_methods.iter().all(|method| self.rpc_methods.contains(method))
            && (now.hosts.contains("*") || now.hosts.is_superset(&then.hosts))
            && (now.secrets || !then.secrets)
    }

    /// Whether a JSON-RPC method may be called.
    pub fn allows_method(&self, method: &str) -> bool {
        self.rpc_methods.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => method.starts_with(prefix),
            None => pattern == method,
        })
    }

    /// Whether the plugin has any business in a namespace. What is in none, as objects of cluster-scoped kinds, is in all.
    pub fn allows_namespace(&self, namespace: &str) -> bool {
        namespace.is_empty() || self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }

    /// Whether a field of somebody else's object may be applied.
    pub fn allows_patch(&self, kind: &GroupKind, field: &FieldPath) -> bool {
        self.patches.get(kind).is_some_and(|granted| granted.iter().any(|granted| granted.covers(field)))
    }

    /// Why probes and acts may not go to a target; nothing if they may. A URL is named by no more than that it is one.
    pub fn objection_to(&self, target: &Target) -> Option<String> {
        let in_namespace = |what: String, namespace: &str| {
            let is_allowed = self.allows_namespace(namespace);
            (!is_allowed).then(|| format!("{what}, whose namespace spec.grants.namespaces of the Plugin does not hold"))
        };
        match target {
            Target::Service { namespace, name, .. } => {
                in_namespace(format!("the Service {namespace}/{name}"), namespace)
            }
            Target::Pods { workload, .. } => in_namespace(format!("the pods of {workload}"), &workload.namespace),
            Target::SecretUrl(key) if !self.targets.secrets => Some(format!(
                "the URL in the Secret {}/{}, which takes spec.grants.targets.secrets: true of the Plugin",
                key.namespace, key.name
            )),
            Target::SecretUrl(key) => {
                in_namespace(format!("the URL in the Secret {}/{}", key.namespace, key.name), &key.namespace)
            }
            Target::Url(url) => (!self.targets.allows_host(url))
                .then(|| "a URL whose host spec.grants.targets.hosts of the Plugin does not hold".into()),
        }
    }
}

#[cfg(test)]
mod tests;
