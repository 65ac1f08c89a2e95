//! The `Plugin` object: what an administrator trusts. The one kind that is the host's own.

use opstack_core::blame::{Blame, Fault};
use opstack_core::fields::FieldPath;
use opstack_core::grants::{Grants, PodSecurity, Targets};
use opstack_core::ids::GroupKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// API group of the host's own kind.
pub const GROUP: &str = "optimism.io";
/// Its version.
pub const VERSION: &str = "v1alpha1";
/// Its kind.
pub const KIND: &str = "Plugin";
/// Its CustomResourceDefinition.
pub const CRD: &str = include_str!("plugin-crd.yaml");

/// `.spec` of a `Plugin`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PluginSpec {
    /// Where the component comes from.
    pub source: Source,
    /// `sha256:…` of the component; anything else is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it may do.
    pub grants: GrantSpec,
    /// Handed to the plugin as it is.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub configuration: Value,
    /// Bounds of a call.
    #[serde(skip_serializing_if = "LimitSpec::is_default")]
    pub limits: LimitSpec,
}

/// One of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Source {
    /// A ConfigMap of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
    /// A file in the operator's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `plugin.wasm` or `plugin.wasm.zst` in the `binaryData` of a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConfigMapSource {
    /// Namespace; the operator's where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Key in `binaryData`; the first of the two names above where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A kind without its version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct KindSpec {
    /// Empty for the core group.
    pub group: String,
    /// CamelCase.
    pub kind: String,
}

/// Fields that may be applied to objects of a kind that are somebody else's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PatchSpec {
    /// Empty for the core group.
    pub group: String,
    /// CamelCase.
    pub kind: String,
    /// `metadata.labels['example.org/name']`; each with all that is below it.
    pub fields: Vec<String>,
}

/// URLs that probes and acts may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TargetSpec {
    /// `rpc.example.org`, `*.example.org` for all below it, `*` for any host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// URLs kept in Secrets, whatever their host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secrets: bool,
}

impl TargetSpec {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// `.spec.grants`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GrantSpec {
    /// Kinds it may define and serve.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<KindSpec>,
    /// Kinds it may render.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owns: Vec<KindSpec>,
    /// Kinds it may look up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<KindSpec>,
    /// Fields that it may apply to objects of others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchSpec>,
    /// Namespaces whose objects it serves and looks up, and where its probes and acts go; all where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// JSON-RPC methods; a trailing `*` matches the rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rpc_methods: Vec<String>,
    /// URLs that its probes and acts may go to.
    #[serde(skip_serializing_if = "TargetSpec::is_none")]
    pub targets: TargetSpec,
    /// What its pods may demand of a node.
    #[serde(skip_serializing_if = "PodSecuritySpec::is_restricted")]
    pub pod_security: PodSecuritySpec,
}

/// `.spec.grants.podSecurity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodSecuritySpec {
    /// The Kubernetes standard of that name.
    #[default]
    Restricted,
    /// The Kubernetes standard of that name.
    Baseline,
    /// Anything.
    Privileged,
}

impl PodSecuritySpec {
    fn is_restricted(&self) -> bool {
        *self == Self::Restricted
    }
}

/// `.spec.limits`; absent fields mean the engine's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LimitSpec {
    /// Mebibytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Milliseconds for a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_millis: Option<u32>,
    /// Mebibytes of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_mib: Option<u32>,
}

impl LimitSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The engine's limits.
    pub fn limits(&self) -> opstack_engine::Limits {
        let mut limits = opstack_engine::Limits::default();
        let mib = |value: u32| usize::try_from(value).unwrap_or(usize::MAX).saturating_mul(1024 * 1024);
        if let Some(memory) = self.memory_mib {
            limits.memory = mib(memory);
        }
        if let Some(deadline) = self.deadline_millis {
            limits.deadline = Duration::from_millis(deadline.into());
        }
        if let Some(output) = self.output_mib {
            limits.output = mib(output);
        }
        limits
    }
}

impl GrantSpec {
    /// In the core's words.
    ///
    /// # Errors
    /// When a field of a patch is none.
    pub fn grants(&self) -> Result<Grants, Fault> {
        let kinds = |kinds: &[KindSpec]| kinds.iter().map(|kind| GroupKind::new(&kind.group, &kind.kind)).collect();
        Ok(Grants {
            serves: kinds(&self.serves),
            owns: kinds(&self.owns),
            reads: kinds(&self.reads),
            patches: self.patches()?,
            namespaces: self.namespaces.iter().cloned().collect(),
            rpc_methods: self.rpc_methods.clone(),
            targets: Targets { hosts: self.targets.hosts.iter().cloned().collect(), secrets: self.targets.secrets },
            pod_security: match self.pod_security {
                PodSecuritySpec::Restricted => PodSecurity::Restricted,
                PodSecuritySpec::Baseline => PodSecurity::Baseline,
                PodSecuritySpec::Privileged => PodSecurity::Privileged,
            },
        })
    }

    fn patches(&self) -> Result<BTreeMap<GroupKind, BTreeSet<FieldPath>>, Fault> {
        let mut patches: BTreeMap<_, BTreeSet<FieldPath>> = BTreeMap::new();
        for patch in &self.patches {
            let fields = patches.entry(GroupKind::new(&patch.group, &patch.kind)).or_default();
            for field in &patch.fields {
                let field = field.parse().map_err(|error| {
                    let message = format!("spec.grants.patches: of {}: {error}", patch.kind);
                    Fault::new(Blame::Spec, "InvalidSpec", message)
                })?;
                fields.insert(field);
            }
        }
        Ok(patches)
    }

    /// From the core's words.
    pub fn of(grants: &Grants) -> Self {
        let kinds = |kinds: &BTreeSet<GroupKind>| {
            kinds.iter().map(|kind| KindSpec { group: kind.group.to_string(), kind: kind.kind.to_string() }).collect()
        };
        let patches = grants.patches.iter().map(|(kind, fields)| PatchSpec {
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            fields: fields.iter().map(ToString::to_string).collect(),
        });
        Self {
            serves: kinds(&grants.serves),
            owns: kinds(&grants.owns),
            reads: kinds(&grants.reads),
            patches: patches.collect(),
            namespaces: grants.namespaces.iter().cloned().collect(),
            rpc_methods: grants.rpc_methods.clone(),
            targets: TargetSpec {
                hosts: grants.targets.hosts.iter().cloned().collect(),
                secrets: grants.targets.secrets,
            },
            pod_security: match grants.pod_security {
                PodSecurity::Restricted => PodSecuritySpec::Restricted,
                PodSecurity::Baseline => PodSecuritySpec::Baseline,
                PodSecurity::Privileged => PodSecuritySpec::Privileged,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn grants_survive_their_text() {
        let text = json!({
            "serves": [{"group": "example.org", "kind": "Thing"}],
            "owns": [{"group": "", "kind": "ConfigMap"}],
            "patches": [{"group": "", "kind": "Pod", "fields": ["metadata.labels['a.b/c']", "spec.replicas"]}],
            "namespaces": ["a"],
            "rpcMethods": ["eth_*"],
            "targets": {"hosts": ["*.example.org"], "secrets": true},
            "podSecurity": "Baseline",
        });
        let spec: GrantSpec = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(GrantSpec::of(&spec.grants().unwrap())).unwrap(), text);
    }

    #[test]
    fn a_field_that_is_none_is_named() {
        let spec: GrantSpec =
            serde_json::from_value(json!({"patches": [{"kind": "Pod", "fields": ["a..b"]}]})).unwrap();
        let fault = spec.grants().unwrap_err();
        assert_eq!((fault.blame, fault.reason), (Blame::Spec, "InvalidSpec"));
        assert!(fault.message.contains("a..b") && fault.message.contains("spec.grants.patches"), "{fault}");
    }
}
