//! The peers of a NetworkPolicy that users bring: what the API server would refuse is told in the words of the spec.

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use std::net::IpAddr;

use super::check::{is_label, is_subdomain};
use crate::answer::FieldError;

/// Checks the peers of a NetworkPolicy; the first that is wrong.
pub fn check_peers(path: &str, peers: &[NetworkPolicyPeer]) -> Option<FieldError> {
    let wrong = |(index, peer)| Some((index, problem(peer)?));
    let (index, why) = peers.iter().enumerate().find_map(wrong)?;
    Some(FieldError::new(format!("{path}[{index}]"), why))
}

/// Checks a label selector; the first thing in it that is wrong.
pub fn check_selector(path: &str, selector: &LabelSelector) -> Option<FieldError> {
    of_selector(selector).map(|why| FieldError::new(path, why))
}

fn problem(peer: &NetworkPolicyPeer) -> Option<String> {
    let selectors = [&peer.pod_selector, &peer.namespace_selector].into_iter().flatten();
    if (selectors.clone().count() > 0) == peer.ip_block.is_some() {
        return Some("names nobody; give podSelector, namespaceSelector or both, or else ipBlock".into());
    }
    selectors.filter_map(of_selector).next().or_else(|| peer.ip_block.as_ref().and_then(of_block))
}

fn of_selector(selector: &LabelSelector) -> Option<String> {
    let labels = selector.match_labels.iter().flatten();
    let of_labels = labels.filter_map(|(key, value)| of_key(key).or_else(|| of_value(value))).next();
    of_labels.or_else(|| selector.match_expressions.iter().flatten().find_map(of_expression))
}

fn of_expression(expression: &LabelSelectorRequirement) -> Option<String> {
    let LabelSelectorRequirement { key, operator, values } = expression;
    let values = values.as_deref().unwrap_or_default();
    let fits = match operator.as_str() {
        "In" | "NotIn" => !values.is_empty(),
        "Exists" | "DoesNotExist" => values.is_empty(),
        _ => false,
    };
    if !fits {
        return Some(format!(
            "the operator {operator:?} does not go with {} values; write In or NotIn with some, or Exists or DoesNotExist without",
            values.len()
        ));
    }
    of_key(key).or_else(|| values.iter().find_map(|value| of_value(value)))
}

fn of_key(key: &str) -> Option<String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let fits = is_label(name) && prefix.is_none_or(is_subdomain);
    (!fits).then(|| format!("{key:?} is not the key of a label: letters, digits, '-', '_' and '.', at most 63 of them"))
}

fn of_value(value: &str) -> Option<String> {
    let fits = value.is_empty() || is_label(value);
    (!fits).then(|| {
        format!("{value:?} is not the value of a label: letters, digits, '-', '_' and '.', at most 63 of them")
    })
}

fn of_block(block: &IPBlock) -> Option<String> {
    let Some(whole) = Network::parse(&block.cidr) else {
        return Some(format!("{:?} is not a block of addresses; write one such as \"10.0.0.0/8\"", block.cidr));
    };
    let is_within = |part: &&String| Network::parse(part).is_some_and(|part| whole.has(&part));
    let other = block.except.iter().flatten().find(|part| !is_within(part))?;
    Some(format!("{other:?} is not a block within {:?}", block.cidr))
}

/// A block of addresses.
struct Network {
    address: IpAddr,
    /// Bits that all of its addresses begin with.
    length: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let plain = length.len() <= 3 && !length.starts_with('+') && (length == "0" || !length.starts_with('0'));
        let (address, length) = (address.parse().ok()?, length.parse().ok().filter(|_| plain)?);
        let bits = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
        (length <= bits).then_some(Self { address, length })
    }

    /// Whether another block is a smaller part of this one.
    fn has(&self, part: &Self) -> bool {
        let is_same_family = self.address.is_ipv4() == part.address.is_ipv4();
        is_same_family && part.length > self.length && self.prefix_of(self.address) == self.prefix_of(part.address)
    }

    /// The bits of an address that count here.
    fn prefix_of(&self, address: IpAddr) -> u128 {
        let (bits, width) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        bits.checked_shr(width - self.length).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(peer: Value) -> Option<String> {
        check_peers("spec.from", &[serde_json::from_value(peer).unwrap()]).map(|error| error.message)
    }

    #[test]
    fn what_the_api_server_takes_passes() {
        for peer in [
            json!({"podSelector": {}}),
            json!({"namespaceSelector": {"matchLabels": {"example.org/team": "a_B.c-1", "empty": ""}}}),
            json!({"podSelector": {"matchExpressions": [
                {"key": "a", "operator": "In", "values": ["b"]}, {"key": "c", "operator": "Exists"}]}}),
            json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}),
            json!({"ipBlock": {"cidr": "::/0", "except": ["fd00::/8"]}}),
        ] {
            assert_eq!(told(peer.clone()), None, "{peer}");
        }
    }

    #[test]
    fn what_it_would_refuse_is_named() {
        for (peer, says) in [
            (json!({}), "names nobody"),
            (json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}), "names nobody"),
            (json!({"podSelector": {"matchLabels": {"a": "\u{0}"}}}), "is not the value of a label"),
            (json!({"podSelector": {"matchLabels": {"a b": ""}}}), "is not the key of a label"),
            (json!({"podSelector": {"matchLabels": {"/a": ""}}}), "is not the key of a label"),
            (json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}), "operator \"In\""),
            (json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}), "operator \"Is\""),
            (json!({"ipBlock": {"cidr": "10.0.0.0"}}), "is not a block of addresses"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/33"}}), "is not a block of addresses"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}), "is not a block within"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}), "is not a block within"),
        ] {
            let why = told(peer.clone()).unwrap_or_default();
            assert!(why.contains(says), "{peer}: {why:?}");
        }
    }
}
