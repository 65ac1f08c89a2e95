//! Which namespaces are watched: all of them, or those that the operator was given rights in.

use opstack_core::ids::GroupKind;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where objects are looked for.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    /// Empty means all.
    served: BTreeSet<Arc<str>>,
    own: Arc<str>,
}

impl Namespaces {
    /// Those of `--watch-namespaces`, and the operator's own.
    pub fn new(served: &[String], own: &str) -> Self {
        Self { served: served.iter().map(|name| name.as_str().into()).collect(), own: own.into() }
    }

    /// The parts in which a kind is watched: nothing stands for the whole cluster.
    pub fn of(&self, kind: &GroupKind, namespaced: bool) -> Vec<Option<Arc<str>>> {
        if !namespaced || self.served.is_empty() {
            return vec![None];
        }
        let mut all = self.served.clone();
        if kind.group.is_empty() && kind.kind.as_ref() == "ConfigMap" {
            // Components of plugins come from there.
            all.insert(self.own.clone());
        }
        all.into_iter().map(Some).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_all_is_watched_and_with_one_no_more_than_that() {
        let (pod, map) = (GroupKind::new("", "Pod"), GroupKind::new("", "ConfigMap"));
        let crd = GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition");
        let all = Namespaces::new(&[], "own");
        assert_eq!([all.of(&pod, true), all.of(&crd, false)], [[None], [None]]);
        let some = Namespaces::new(&["b".into(), "a".into(), "b".into()], "own");
        let names = |kind: &GroupKind, namespaced: bool| -> Vec<Option<String>> {
            some.of(kind, namespaced).into_iter().map(|name| name.map(|name| name.to_string())).collect()
        };
        assert_eq!(names(&pod, true), [Some("a".to_string()), Some("b".into())]);
        assert_eq!(names(&map, true), [Some("a".to_string()), Some("b".into()), Some("own".into())]);
        assert_eq!(names(&crd, false), [None]);
    }
}
