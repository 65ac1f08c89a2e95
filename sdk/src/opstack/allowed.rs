//! `spec.allowedNamespaces` of an `OptimismNetwork`: from which other namespaces nodes and components may join it, in the words
//! of the Gateway API. What follows from it is in [`super::consent`].

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::consent::MemberRole;
use super::honoured::Honoured;
use crate::answer::FieldError;
use crate::kubernetes::{check_selector, selector_schema, selects_all};

/// From which other namespaces objects may join the network. The network's own namespace is always permitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AllowedNamespaces {
    /// Nodes that follow the chain. They become peers of the network's nodes, and their pods may dial the RPCs of sequencers, which
    /// serve `admin`, too.
    pub replicas: Namespaces,
    /// Sequencers. They may be chosen to make the blocks, vote in op-conductor's cluster, and receive what batchers and proposers
    /// ask: permit only namespaces whose owners you trust with the chain.
    pub sequencers: Namespaces,
    /// Batchers, proposers and challengers. Their pods may dial the RPCs of sequencers, which serve `admin` and `miner`, too.
    pub components: Namespaces,
}

/// Some namespaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespaces {
    /// Which.
    pub from: FromNamespaces,
    /// Labels of the namespaces, where `from` is `Selector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector_schema")]
    pub selector: Option<LabelSelector>,
}

/// How namespaces are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FromNamespaces {
    /// That of the network alone.
    #[default]
    Same,
    /// All.
    All,
    /// Those whose labels `selector` selects.
    Selector,
}

/// Rules on `spec.allowedNamespaces`: (rule, message).
pub const RULES: [(&str, &str); 3] = [
    (
        "!has(self.allowedNamespaces) || !has(self.allowedNamespaces.replicas) || (has(self.allowedNamespaces.replicas.from) && self.allowedNamespaces.replicas.from == 'Selector') == has(self.allowedNamespaces.replicas.selector)",
        "allowedNamespaces.replicas: selector is needed where from is Selector, and only there",
    ),
    (
        "!has(self.allowedNamespaces) || !has(self.allowedNamespaces.sequencers) || (has(self.allowedNamespaces.sequencers.from) && self.allowedNamespaces.sequencers.from == 'Selector') == has(self.allowedNamespaces.sequencers.selector)",
        "allowedNamespaces.sequencers: selector is needed where from is Selector, and only there",
    ),
    (
        "!has(self.allowedNamespaces) || !has(self.allowedNamespaces.components) || (has(self.allowedNamespaces.components.from) && self.allowedNamespaces.components.from == 'Selector') == has(self.allowedNamespaces.components.selector)",
        "allowedNamespaces.components: selector is needed where from is Selector, and only there",
    ),
];

impl AllowedNamespaces {
    /// The namespaces of a role.
    pub fn of(&self, role: MemberRole) -> &Namespaces {
        match role {
            MemberRole::Replica => &self.replicas,
            MemberRole::Sequencer => &self.sequencers,
            MemberRole::Component => &self.components,
        }
    }

    /// The selectors that select nothing or everything, or by what is no label.
    pub fn errors(&self) -> Vec<FieldError> {
        ROLES.into_iter().filter_map(|role| self.of(role).error(role)).collect()
    }

    /// The selectors that have no effect, because `from` asks for none. The API server refuses them ([`RULES`]).
    pub fn report(&self, honoured: &mut Honoured) {
        for role in ROLES {
            let Namespaces { from, selector } = self.of(role);
            if *from != FromNamespaces::Selector && selector.is_some() {
                let path = format!("spec.allowedNamespaces.{}.selector", role.field());
                honoured.refuse(path, format!("from is {from:?}; write from: Selector, or remove the selector"));
            }
        }
    }
}

/// All roles.
const ROLES: [MemberRole; 3] = [MemberRole::Replica, MemberRole::Sequencer, MemberRole::Component];

impl Namespaces {
    fn error(&self, role: MemberRole) -> Option<FieldError> {
        let path = format!("spec.allowedNamespaces.{}.selector", role.field());
        match &self.selector {
            _ if self.from != FromNamespaces::Selector => None,
            None => Some(FieldError::new(
                path,
                "is missing, and from is Selector; set matchLabels or matchExpressions, or write from: Same",
            )),
            Some(selector) if selects_all(selector) => Some(FieldError::new(
                path,
                "selects every namespace; write from: All if that is meant, or set matchLabels or matchExpressions",
            )),
            Some(selector) => check_selector(&path, selector),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_about_each_role() {
        for (role, (rule, message)) in ROLES.into_iter().zip(RULES) {
            assert!(rule.contains(&format!("has(self.allowedNamespaces.{}.selector)", role.field())), "{rule}");
            assert!(message.starts_with(&format!("allowedNamespaces.{}:", role.field())), "{message}");
        }
    }
}
