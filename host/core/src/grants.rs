//! What a `Plugin` object allows its plugin. A manifest asks, the grants decide; both must agree.

use std::collections::BTreeSet;

use crate::answer::Manifest;
use crate::ids::GroupKind;

/// How much a pod may demand of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodSecurity {
    /// The Kubernetes standard `restricted`.
    #[default]
    Restricted,
    /// Anything, host ports and host paths included.
    Privileged,
}

/// The rights of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Kinds it may render.
    pub owns: BTreeSet<GroupKind>,
    /// Kinds it may look up.
    pub reads: BTreeSet<GroupKind>,
    /// Namespaces in which its objects are served; empty means all.
    pub namespaces: BTreeSet<String>,
    /// JSON-RPC methods, with a trailing `*` for the rest.
    pub rpc_methods: Vec<String>,
    /// What its pods may demand.
    pub pod_security: PodSecurity,
}

impl Grants {
    /// All that a manifest asks for: what `opstack run --plugins DIR` and `plugin pack` give.
    pub fn all_of(manifest: &Manifest) -> Self {
        Self {
            owns: manifest.owns.iter().map(|kind| kind.group_kind.clone()).collect(),
            reads: manifest.reads.iter().map(|kind| kind.group_kind.clone()).collect(),
            namespaces: BTreeSet::new(),
            rpc_methods: manifest.rpc_methods.clone(),
            pod_security: PodSecurity::Restricted,
        }
    }

    /// What a manifest asks for and is not granted, in words.
    pub fn missing(&self, manifest: &Manifest) -> Vec<String> {
        let ungranted = |what: &'static str, asked: &[crate::ids::Gvk], granted: &BTreeSet<GroupKind>| {
            asked
                .iter()
                .filter(|kind| !granted.contains(&kind.group_kind))
                .map(|kind| format!("{what} {}", kind.group_kind))
                .collect::<Vec<_>>()
        };
        let mut missing = ungranted("own", &manifest.owns, &self.owns);
        missing.extend(ungranted("read", &manifest.reads, &self.reads));
        let methods = manifest.rpc_methods.iter().filter(|method| !self.allows_method(method));
        missing.extend(methods.map(|method| format!("call {method}")));
        missing
    }

    /// Whether a JSON-RPC method may be called.
    pub fn allows_method(&self, method: &str) -> bool {
        self.rpc_methods.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => method.starts_with(prefix),
            None => pattern == method,
        })
    }

    /// Whether objects of this namespace are served.
    pub fn serves(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_match_by_prefix_only_with_a_star() {
        let grants = Grants { rpc_methods: vec!["eth_*".into(), "admin_sequencerActive".into()], ..Grants::default() };
        assert!(grants.allows_method("eth_chainId"));
        assert!(grants.allows_method("eth_*"));
        assert!(grants.allows_method("admin_sequencerActive"));
        assert!(!grants.allows_method("admin_stopSequencer"));
        assert!(!grants.allows_method("admin_sequencerActive2"));
    }
}
