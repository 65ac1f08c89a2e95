//! What takes part in an `OptimismNetwork`: the objects of its namespace, and those of others that its owner permits
//! ([`super::allowed`]).
//!
//! An object of another namespace that names a network changes what that network does: which sequencer makes blocks, which
//! URLs batchers dial, which pods a NetworkPolicy lets in, whether the network can be deleted. So the network's owner has to
//! permit it, in the words of the Gateway API. An object without consent is in no list: all lists come from [`Consent`].

use k8s_openapi::api::core::v1::Namespace;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

use super::allowed::{AllowedNamespaces, FromNamespaces, Namespaces};
use super::network::Network;
use super::references::Reference;
use super::{NETWORK, NODE};
use crate::answer::{Failure, ObjectRef};
use crate::cluster::{Context, kind_of};
use crate::kubernetes::{selects, selects_all};
use crate::manifest::Kind;
use crate::object::Metadata;

/// What an object is for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// An `OpNode` that follows the chain.
    Replica,
    /// An `OpNode` that may make blocks.
    Sequencer,
    /// An `OpBatcher`, `OpProposer` or `OpChallenger`.
    Component,
}

impl MemberRole {
    /// Its field of `spec.allowedNamespaces`.
    pub fn field(self) -> &'static str {
        match self {
            Self::Replica => "replicas",
            Self::Sequencer => "sequencers",
            Self::Component => "components",
        }
    }

    /// The role of a node, by its `spec.nodeType`.
    pub fn of_node(node_type: &str) -> Self {
        if node_type == "sequencer" { Self::Sequencer } else { Self::Replica }
    }
}

/// A network's consent: what decides whether an object of a namespace takes part in the network.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// Namespace of the network.
    pub namespace: &'a str,
    /// Name of the network.
    pub network: &'a str,
    /// Its `spec.allowedNamespaces`.
    pub allowed: &'a AllowedNamespaces,
}

/// As much of an object as it takes to see that it takes part in a network.
#[derive(Clone, Debug, Deserialize)]
pub struct NetworkMember {
    /// Name, namespace and age of the object.
    pub metadata: Metadata,
    #[serde(default)]
    spec: MemberSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MemberSpec {
    optimism_network_ref: Option<Reference>,
    node_type: String,
}

impl Consent<'_> {
    /// Whether objects of a role and a namespace may take part. A selector that is missing or malformed selects no namespace, and
    /// none selects a namespace that is not known.
    pub fn permits(&self, cx: &Context<'_>, role: MemberRole, namespace: &str) -> bool {
        if namespace == self.namespace {
            return true;
        }
        let Namespaces { from, selector } = self.allowed.of(role);
        match (from, selector) {
            (FromNamespaces::Same, _) | (FromNamespaces::Selector, None) => false,
            (FromNamespaces::All, _) => true,
            (FromNamespaces::Selector, Some(selector)) => {
                let is_selected = |labels: BTreeMap<_, _>| selects(selector, &labels);
                !selects_all(selector) && labels(cx, namespace).is_some_and(is_selected)
            }
        }
    }

    /// Whether only the network's own namespace is permitted for a role.
    pub fn is_own_namespace_only(&self, role: MemberRole) -> bool {
        self.allowed.of(role).from == FromNamespaces::Same
    }

    /// The objects of a kind that take part in one of the roles, each with its JSON document, sorted by namespace and name.
    ///
    /// Where no other namespace is permitted, none is listed: what a stranger makes there wakes nobody here.
    pub fn members(&self, cx: &Context<'_>, kind: Kind, roles: &[MemberRole]) -> Vec<(NetworkMember, String)> {
        let is_own_only = roles.iter().all(|role| self.is_own_namespace_only(*role));
        let of_type = match roles {
            [MemberRole::Replica] => ",.spec.nodeType=replica",
            [MemberRole::Sequencer] => ",.spec.nodeType=sequencer",
            _ => "",
        };
        let selector = format!(".spec.optimismNetworkRef.name={}{of_type}", self.network);
        let listed = cx.cluster.list(&kind.to_ref(), is_own_only.then_some(self.namespace), &selector);
        let mut known = BTreeMap::new();
        // One that does not parse is shown as invalid on its own object.
        let parsed =
            listed.into_iter().filter_map(|json| Some((serde_json::from_str::<NetworkMember>(&json).ok()?, json)));
        parsed
            .filter(|(member, _)| {
                let role = if kind.kind == NODE.kind {
                    MemberRole::of_node(&member.spec.node_type)
                } else {
                    MemberRole::Component
                };
                let place = (role, member.metadata.namespace.clone());
                roles.contains(&role)
                    && member.refers_to(self.namespace, self.network)
                    && *known.entry(place).or_insert_with(|| self.permits(cx, role, &member.metadata.namespace))
            })
            .collect()
    }

    /// The namespaces in which objects of a kind and a role take part, the network's own among them. Nothing is looked up where
    /// no other one is permitted.
    pub fn namespaces(&self, cx: &Context<'_>, kind: Kind, role: MemberRole) -> BTreeSet<String> {
        let mut namespaces = BTreeSet::from([self.namespace.to_string()]);
        if !self.is_own_namespace_only(role) {
            let members = self.members(cx, kind, &[role]);
            namespaces.extend(members.into_iter().map(|(member, _)| member.metadata.namespace));
        }
        namespaces
    }

    /// Checks that an object may refer to the network, or to what takes part in it. `named` is what it names, and `instead` what
    /// it can name without consent.
    ///
    /// # Errors
    /// `not permitted`; names the field, the network, and what its owner has to set.
    pub(super) fn check(
        &self,
        cx: &Context<'_>,
        referrer: Referrer<'_>,
        named: &str,
        instead: &str,
    ) -> Result<(), Failure> {
        let Referrer { role, namespace, field } = referrer;
        if self.permits(cx, role, namespace) {
            return Ok(());
        }
        let roles = role.field();
        Err(Failure::NotPermitted(format!(
            "{field} names {named}, which permits no {roles} of the namespace {namespace}; the owner of the network has to permit the namespace in spec.allowedNamespaces.{roles}, or else {instead}"
        )))
    }

    /// `OptimismNetwork ns/name`, for messages.
    pub fn title(&self) -> String {
        format!("{} {}/{}", NETWORK.kind, self.namespace, self.network)
    }
}

/// The referring object of a reference: what it is, where it is, and by which field it refers.
#[derive(Clone, Copy, Debug)]
pub struct Referrer<'a> {
    /// What the referring object is for its network.
    pub role: MemberRole,
    /// Its namespace.
    pub namespace: &'a str,
    /// Path of the reference: `spec.sequencerRef`.
    pub field: &'a str,
}

/// The `OpNode` that a reference leads to. One of another namespace needs the consent of the network that it takes part in: that
/// network has to permit both the node and the one that refers to it.
///
/// # Errors
/// `waiting` when it, or its network, does not exist; `not permitted` without that consent; `other` when it does not parse.
pub fn find_node<T: DeserializeOwned>(
    cx: &Context<'_>,
    referrer: Referrer<'_>,
    reference: &Reference,
) -> Result<T, Failure> {
    let namespace = reference.namespace(referrer.namespace);
    if namespace != referrer.namespace {
        let node: NetworkMember = cx.require(&NODE.to_ref(), namespace, &reference.name)?;
        node.check(cx, referrer)?;
    }
    cx.require(&NODE.to_ref(), namespace, &reference.name)
}

impl NetworkMember {
    /// Checks that an object of another namespace may refer to this node.
    fn check(&self, cx: &Context<'_>, referrer: Referrer<'_>) -> Result<(), Failure> {
        let (field, place) = (referrer.field, self.metadata.place());
        let named = format!("{} {place}", NODE.kind);
        let instead = format!("name a node of the namespace {}, or give a URL", referrer.namespace);
        let Some(reference) = &self.spec.optimism_network_ref else {
            return Err(Failure::NotPermitted(format!(
                "{field} names {named}, which takes part in no network; {instead}"
            )));
        };
        let network = Network::read(cx, reference.namespace(&self.metadata.namespace), &reference.name)?;
        let (consent, role) = (network.consent(), MemberRole::of_node(&self.spec.node_type));
        if !consent.permits(cx, role, &self.metadata.namespace) {
            let (title, roles) = (consent.title(), role.field());
            return Err(Failure::NotPermitted(format!(
                "{field} names {named}, which {title} does not permit to take part in it; the owner of the network has to permit its namespace in spec.allowedNamespaces.{roles}, or else {instead}"
            )));
        }
        consent.check(cx, referrer, &format!("{named} of {}", consent.title()), &instead)
    }

    /// Whether it names the network `namespace/network`.
    pub fn refers_to(&self, namespace: &str, network: &str) -> bool {
        self.spec.optimism_network_ref.as_ref().is_some_and(|reference| {
            reference.name == network && reference.namespace(&self.metadata.namespace) == namespace
        })
    }
}

/// Labels of a namespace; nothing where it is not known.
fn labels(cx: &Context<'_>, namespace: &str) -> Option<BTreeMap<String, String>> {
    let object = ObjectRef { kind: kind_of::<Namespace>(), namespace: None, name: namespace.into() };
    let found: Namespace = serde_json::from_str(&cx.cluster.get(&object)?).ok()?;
    Some(found.metadata.labels.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{FakeCluster, facts};
    use serde_json::{Value, json};

    fn cluster() -> FakeCluster {
        let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        let node = |namespace: &str, node_type: &str, network: Value| {
            json!({"apiVersion": "optimism.io/v1alpha1", "kind": "OpNode",
                "metadata": {"name": format!("{node_type}-of-{namespace}"), "namespace": namespace},
                "spec": {"optimismNetworkRef": network, "nodeType": node_type}})
        };
        let net = json!({"name": "net", "namespace": "home"});
        FakeCluster::new(vec![
            namespace("friend", json!({"tier": "gold", "team": "a"})),
            namespace("stranger", json!({"tier": "tin"})),
            node("home", "sequencer", json!({"name": "net"})),
            node("friend", "replica", net.clone()),
            node("friend", "sequencer", net.clone()),
            node("stranger", "replica", net.clone()),
            node("stranger", "sequencer", net),
            // Of networks of their own that are called alike.
            node("friend", "other", json!({"name": "net"})),
        ])
    }

    fn with<T>(allowed: &Value, judge: impl FnOnce(&Context<'_>, Consent<'_>) -> T) -> T {
        let cluster = cluster();
        let cx = Context {
            cluster: &cluster,
            children: vec![],
            observations: vec![],
            outcomes: vec![],
            facts: facts(),
            configuration: String::new(),
        };
        let allowed: AllowedNamespaces = serde_json::from_value(allowed.clone()).unwrap();
        judge(&cx, Consent { namespace: "home", network: "net", allowed: &allowed })
    }

    fn permitted(allowed: &Value, role: MemberRole) -> Vec<&'static str> {
        let all = ["home", "friend", "stranger", "unknown"];
        with(allowed, |cx, consent| all.into_iter().filter(|name| consent.permits(cx, role, name)).collect())
    }

    #[test]
    fn by_default_no_other_namespace_is_permitted() {
        for role in [MemberRole::Replica, MemberRole::Sequencer, MemberRole::Component] {
            assert_eq!(permitted(&json!({}), role), ["home"], "{role:?}");
        }
    }

    #[test]
    fn each_role_is_permitted_apart() {
        let allowed = json!({"replicas": {"from": "All"}});
        assert_eq!(permitted(&allowed, MemberRole::Replica), ["home", "friend", "stranger", "unknown"]);
        assert_eq!(permitted(&allowed, MemberRole::Sequencer), ["home"]);
        assert_eq!(permitted(&allowed, MemberRole::Component), ["home"]);
    }

    #[test]
    fn a_selector_is_read_as_kubernetes_reads_it() {
        let of = |selector: Value| {
            permitted(&json!({"sequencers": {"from": "Selector", "selector": selector}}), MemberRole::Sequencer)
        };
        let expression = |operator: &str, values: &[&str]| {
            of(json!({"matchExpressions": [{"key": "team", "operator": operator, "values": values}]}))
        };
        assert_eq!(of(json!({"matchLabels": {"tier": "gold"}})), ["home", "friend"]);
        assert_eq!(of(json!({"matchLabels": {"tier": "gold", "team": "b"}})), ["home"]);
        assert_eq!(expression("In", &["a", "b"]), ["home", "friend"]);
        assert_eq!(expression("NotIn", &["a"]), ["home", "stranger"]);
        assert_eq!(expression("Exists", &[]), ["home", "friend"]);
        assert_eq!(expression("DoesNotExist", &[]), ["home", "stranger"]);
    }

    #[test]
    fn what_contradicts_itself_permits_nobody_and_is_told() {
        for from in [
            json!({"from": "Selector"}),
            json!({"from": "Selector", "selector": {}}),
            json!({"from": "Selector", "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
        ] {
            let allowed = json!({"replicas": from});
            assert_eq!(permitted(&allowed, MemberRole::Replica), ["home"], "{allowed}");
            let errors = serde_json::from_value::<AllowedNamespaces>(allowed.clone()).unwrap().errors();
            let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
            assert_eq!(paths, ["spec.allowedNamespaces.replicas.selector"], "{allowed}");
        }
        let unused = json!({"replicas": {"from": "Same", "selector": {"matchLabels": {"tier": "gold"}}}});
        assert_eq!(permitted(&unused, MemberRole::Replica), ["home"]);
    }

    #[test]
    fn members_are_those_that_are_permitted() {
        let names = |allowed: Value, roles: &[MemberRole]| {
            with(&allowed, |cx, consent| {
                let members = consent.members(cx, NODE, roles).into_iter();
                members.map(|(member, _)| member.metadata.place()).collect::<Vec<_>>()
            })
        };
        let gold = json!({"from": "Selector", "selector": {"matchLabels": {"tier": "gold"}}});
        let both = [MemberRole::Replica, MemberRole::Sequencer];
        assert_eq!(names(json!({}), &both), ["home/sequencer-of-home"]);
        assert_eq!(names(json!({"replicas": gold}), &both), ["home/sequencer-of-home", "friend/replica-of-friend"]);
        assert_eq!(
            names(json!({"sequencers": gold}), &[MemberRole::Sequencer]),
            ["home/sequencer-of-home", "friend/sequencer-of-friend"]
        );
        assert_eq!(names(json!({"sequencers": gold}), &[MemberRole::Replica]), Vec::<String>::new());
    }
}
