//! Labels and metadata of what is rendered for one custom resource.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use std::collections::BTreeMap;

/// `app.kubernetes.io/part-of` of everything that is rendered.
pub const PART_OF: &str = "op-stack";
/// `app.kubernetes.io/managed-by` of everything that is rendered.
const MANAGED_BY: &str = "opstack";
/// A label value is at most this long.
const MAX_VALUE: usize = 63;

/// What a workload is: `OpBatcher` renders the component `batcher` of the program `op-batcher`.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// The program: `app.kubernetes.io/name`. Part of the selector, so it MUST be constant for a kind.
    pub program: &'static str,
    /// The role: `app.kubernetes.io/component`; may depend on the spec.
    pub role: &'static str,
}

/// The custom resource as the origin of its children's names and labels.
#[derive(Clone, Debug)]
pub struct App {
    namespace: String,
    instance: String,
    component: Component,
    legacy_app: &'static str,
}

impl App {
    /// The children of the object `namespace/name`.
    pub fn new(namespace: &str, name: &str, component: Component) -> Self {
        Self { namespace: namespace.into(), instance: name.into(), component, legacy_app: component.program }
    }

    /// Sets the plain label `app`, which is the program where nothing else is said.
    #[must_use]
    pub fn legacy_app(mut self, app: &'static str) -> Self {
        self.legacy_app = app;
        self
    }

    /// Name of the custom resource.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Namespace of the custom resource and of its children.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// All labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        let more = [
            ("app.kubernetes.io/component", self.component.role),
            ("app.kubernetes.io/part-of", PART_OF),
            ("app.kubernetes.io/managed-by", MANAGED_BY),
            ("app", self.legacy_app),
        ];
        labels.extend(more.map(|(key, value)| (key.into(), value.into())));
        labels.insert("instance".into(), label_value(&self.instance));
        labels
    }

    /// The labels that select the pods. A workload's selector can't change, so nothing of the spec is in it.
    pub fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("app.kubernetes.io/name".into(), self.component.program.into()),
            ("app.kubernetes.io/instance".into(), label_value(&self.instance)),
        ])
    }

    /// [`Self::selector`] as Kubernetes' type.
    pub fn label_selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector()), ..Default::default() }
    }

    /// Metadata of the child that is named after the custom resource.
    pub fn metadata(&self) -> ObjectMeta {
        self.metadata_of(&self.instance)
    }

    /// Metadata of the child `<instance>-<suffix>`.
    pub fn metadata_with(&self, suffix: &str) -> ObjectMeta {
        self.metadata_of(&self.named(suffix))
    }

    /// `<instance>-<suffix>`.
    pub fn named(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.instance)
    }

    fn metadata_of(&self, name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            namespace: Some(self.namespace.clone()),
            labels: Some(self.labels()),
            ..Default::default()
        }
    }
}

/// A name as a label's value. Names may be longer: a long one is cut and told apart by a hash.
pub fn label_value(name: &str) -> String {
    if name.len() <= MAX_VALUE {
        return name.into();
    }
    let hash = super::Hash::of([name]).short();
    // Names are ASCII, and the cut leaves room for a dash and the hash.
    format!("{}-{hash}", name[..MAX_VALUE - hash.len() - 1].trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> App {
        App::new("ns", name, Component { program: "op-batcher", role: "batcher" })
    }

    #[test]
    fn the_selector_is_part_of_the_labels() {
        let app = app("mainnet").legacy_app("op-other");
        let labels = app.labels();
        assert!(app.selector().iter().all(|(key, value)| labels.get(key) == Some(value)));
        assert_eq!(labels["app"], "op-other");
        assert_eq!(labels["instance"], "mainnet");
        assert!(!app.selector().contains_key("app"));
    }

    #[test]
    fn long_names_fit_and_stay_apart() {
        let long = "a".repeat(70);
        let value = label_value(&format!("{long}1"));
        assert!(value.len() <= MAX_VALUE, "{value}");
        assert_ne!(value, label_value(&format!("{long}2")));
    }
}
