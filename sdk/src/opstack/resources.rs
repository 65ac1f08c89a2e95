//! Requests and limits: inherited key by key, without ever asking for more than the limit.

use k8s_openapi::api::core::v1::ResourceRequirements;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::answer::FieldError;
use crate::values::QuantityText;

/// Requests and limits, to be inherited key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourcesSpec {
    /// What is set aside: `cpu`, `memory`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, QuantityText>,
    /// What is not exceeded: `cpu`, `memory`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, QuantityText>,
}

impl ResourcesSpec {
    /// A component's documented default: (CPU, memory) of requests and of limits.
    pub fn of(requests: (&str, &str), limits: (&str, &str)) -> Self {
        let map = |(cpu, memory)| {
            BTreeMap::from([("cpu".into(), QuantityText::of(cpu)), ("memory".into(), QuantityText::of(memory))])
        };
        Self { requests: map(requests), limits: map(limits) }
    }
}

/// Requests and limits after inheritance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources(ResourcesSpec);

impl Resources {
    /// The layers in order of precedence: the component's own, its network's, the component's default.
    ///
    /// Where a request of one layer exceeds a limit of a later one, the later one yields: a pod that asks for more
    /// than its limit is refused by the API server, and the user never wrote the other half of that conflict.
    ///
    /// # Errors
    /// A request above the limit of the same layer, under `path` (`spec.resources`).
    pub fn inherit(layers: [&ResourcesSpec; 3], path: &str) -> Result<Self, FieldError> {
        let mut merged = ResourcesSpec::default();
        let keys = layers.iter().flat_map(|layer| layer.requests.keys().chain(layer.limits.keys()));
        for key in keys {
            let request = first(&layers, |layer| layer.requests.get(key));
            let limit = first(&layers, |layer| layer.limits.get(key));
            let (request, limit) = match (request, limit) {
                (Some((rank, request)), Some((other, limit))) if request.value() > limit.value() => {
                    match rank.cmp(&other) {
                        std::cmp::Ordering::Less => (Some(request), Some(request)),
                        std::cmp::Ordering::Greater => (Some(limit), Some(limit)),
                        std::cmp::Ordering::Equal => return Err(above(path, key, request, limit)),
                    }
                }
                (request, limit) => (request.map(|(_, value)| value), limit.map(|(_, value)| value)),
            };
            request.map(|value| merged.requests.insert(key.clone(), value.clone()));
            limit.map(|value| merged.limits.insert(key.clone(), value.clone()));
        }
        Ok(Self(merged))
    }

    /// As Kubernetes' type.
    pub fn to_kubernetes(&self) -> ResourceRequirements {
        let map = |values: &BTreeMap<String, QuantityText>| {
            let map: BTreeMap<_, _> = values.iter().map(|(key, value)| (key.clone(), value.to_kubernetes())).collect();
            (!map.is_empty()).then_some(map)
        };
        ResourceRequirements { requests: map(&self.0.requests), limits: map(&self.0.limits), ..Default::default() }
    }
}

fn first<'a>(
    layers: &[&'a ResourcesSpec; 3],
    value: impl Fn(&'a ResourcesSpec) -> Option<&'a QuantityText>,
) -> Option<(usize, &'a QuantityText)> {
    layers.iter().enumerate().find_map(|(rank, layer)| value(layer).map(|value| (rank, value)))
}

fn above(path: &str, key: &str, request: &QuantityText, limit: &QuantityText) -> FieldError {
    FieldError::new(
        format!("{path}.requests.{key}"),
        format!("{request} is more than the limit {limit}; lower the request or raise {path}.limits.{key}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(own: ResourcesSpec, network: ResourcesSpec) -> Result<ResourcesSpec, FieldError> {
        let default = ResourcesSpec::of(("100m", "256Mi"), ("1", "2Gi"));
        Resources::inherit([&own, &network, &default], "spec.resources").map(|resources| resources.0)
    }

    fn only(memory: &str) -> BTreeMap<String, QuantityText> {
        BTreeMap::from([("memory".into(), QuantityText::of(memory))])
    }

    #[test]
    fn keys_are_inherited_one_by_one() {
        let own = ResourcesSpec { requests: only("512Mi"), ..Default::default() };
        let network = ResourcesSpec::of(("200m", "1Gi"), ("2", "4Gi"));
        assert_eq!(merged(own, network), Ok(ResourcesSpec::of(("200m", "512Mi"), ("2", "4Gi"))));
    }

    #[test]
    fn the_later_layer_yields() {
        let own = ResourcesSpec { requests: only("8Gi"), ..Default::default() };
        assert_eq!(merged(own, Default::default()), Ok(ResourcesSpec::of(("100m", "8Gi"), ("1", "8Gi"))));
        let own = ResourcesSpec { limits: only("128Mi"), ..Default::default() };
        assert_eq!(merged(own, Default::default()), Ok(ResourcesSpec::of(("100m", "128Mi"), ("1", "128Mi"))));
    }

    #[test]
    fn a_conflict_within_one_layer_is_the_users() {
        let own = ResourcesSpec { requests: only("2Gi"), limits: only("1024Mi") };
        let error = merged(own, Default::default()).unwrap_err();
        assert_eq!(error.path, "spec.resources.requests.memory");
        assert!(error.message.starts_with("2Gi is more than the limit 1024Mi"), "{}", error.message);
    }
}
