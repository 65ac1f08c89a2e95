//! Names of things. Parsed once at the edge, compared cheaply afterwards.

use std::fmt;
use std::sync::Arc;

use crate::hash;

/// A kind of the Kubernetes API without its version: what an object is, however it is spelled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// Empty for the core group.
    pub group: Arc<str>,
    /// CamelCase.
    pub kind: Arc<str>,
}

impl GroupKind {
    /// A kind of a group.
    pub fn new(group: &str, kind: &str) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_ref() {
            "" => f.write_str(&self.kind),
            group => write!(f, "{}.{group}", self.kind),
        }
    }
}

/// A kind with the version in which it is read and written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// What it is.
    pub group_kind: GroupKind,
    /// e.g. `v1`.
    pub version: Arc<str>,
}

impl Gvk {
    /// A kind of a group in a version.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self { group_kind: GroupKind::new(group, kind), version: version.into() }
    }

    /// From `apps/v1` and `StatefulSet`.
    pub fn from_api_version(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self::new(group, version, kind)
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        match self.group_kind.group.as_ref() {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.group_kind, self.version)
    }
}

/// One object of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// What it is.
    pub kind: GroupKind,
    /// Empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name within the namespace.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// An object.
    pub fn new(kind: GroupKind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

/// `OpNode.optimism.io/namespace/name`: how the annotation on a child names its owner.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl std::str::FromStr for ObjectKey {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(namespace), Some(name)) => {
                let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
                Ok(Self::new(GroupKind::new(group, kind), namespace, name))
            }
            _ => Err(InvalidName { text: text.into(), rule: "Kind.group/namespace/name" }),
        }
    }
}

/// A name that breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid name; a valid one matches {rule}")]
pub struct InvalidName {
    /// What was given.
    pub text: String,
    /// What is allowed.
    pub rule: &'static str,
}

/// Name of a plugin: `op-node`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginName(Arc<str>);

impl PluginName {
    /// Parses `[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?`.
    ///
    /// # Errors
    /// [`InvalidName`] when the text does not match.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let valid = (1..=40).contains(&bytes.len())
            && bytes.iter().all(|byte| edge(*byte) || *byte == b'-')
            && bytes.first().copied().is_some_and(edge)
            && bytes.last().copied().is_some_and(edge);
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { text: text.into(), rule: "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?" })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Field manager under which the plugin's objects are applied.
    pub fn field_manager(&self) -> String {
        format!("{FIELD_MANAGER_PREFIX}{}", self.0)
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every field manager of ours begins so.
pub const FIELD_MANAGER_PREFIX: &str = "opstack/";

/// Annotation of a child: who it belongs to, as [`ObjectKey`] is displayed.
pub const OWNER_ANNOTATION: &str = "opstack.optimism.io/owner";
/// Annotation of a child: hash of what was applied.
pub const DESIRED_ANNOTATION: &str = "opstack.optimism.io/desired";
/// Annotation of a child: what becomes of it when it is no longer rendered.
pub const POLICY_ANNOTATION: &str = "opstack.optimism.io/policy";
/// Annotation of a child whose pods run the operator's own image: which one.
pub const IMAGE_ANNOTATION: &str = "opstack.optimism.io/image";
/// Annotation of a workload of a rollout group: hash of what its pods are made of.
pub const TEMPLATE_ANNOTATION: &str = "opstack.optimism.io/rollout-template";
/// Annotation of a workload of a rollout group while it rolls in its turn.
pub const TURN_ANNOTATION: &str = "opstack.optimism.io/rollout-turn";
/// Label of the pods of a child: which workload they are of, as [`workload_label`] has it.
pub const WORKLOAD_LABEL: &str = "opstack.optimism.io/workload";
/// All annotations that only the host may write begin so.
pub const RESERVED_PREFIX: &str = "opstack.optimism.io/";

/// Characters of a label's value.
const MAX_LABEL: usize = 63;

/// `statefulset.node` for the StatefulSet `node`, `pod.one` for a Pod that is rendered as such; nothing for kinds whose pods
/// the host does not label.
pub fn workload_label(workload: &ObjectKey) -> Option<String> {
    let kind = match (workload.kind.group.as_ref(), workload.kind.kind.as_ref()) {
        ("apps", "StatefulSet") => "statefulset",
        ("apps", "Deployment") => "deployment",
        ("", "Pod") => "pod",
        _ => return None,
    };
    let label = format!("{kind}.{}", workload.name);
    if label.len() <= MAX_LABEL {
        return Some(label);
    }
    // Names of Deployments may be longer than labels.
    Some(format!("{kind}.{}", hash::of_parts([workload.name.as_ref()])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_key_survives_its_text() {
        for key in [
            ObjectKey::new(GroupKind::new("optimism.io", "OpNode"), "ns", "a"),
            ObjectKey::new(GroupKind::new("", "Secret"), "ns", "a.b"),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        assert!("OpNode/ns".parse::<ObjectKey>().is_err());
    }

    #[test]
    fn plugin_names_are_checked() {
        for good in ["reth", "op-node", "a", "x2"] {
            assert_eq!(PluginName::parse(good).map(|n| n.to_string()), Ok(good.to_string()));
        }
        for bad in ["", "-a", "a-", "A", "a/b", "a_b", &"a".repeat(41)] {
            assert!(PluginName::parse(bad).is_err(), "{bad}");
        }
    }
}
