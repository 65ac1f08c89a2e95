//! What is taken from a plugin is taken at once, whatever becomes of the version that is to follow.
//!
//! A `Plugin` object that changed is first held against what serves: with another digest pinned, or fewer grants than it asks for, it
//! serves no longer; with other grants, it serves with those. Only then is anything fetched or loaded. What its objects ask of the
//! chain and do to it is withdrawn where it no longer may.

use opstack_core::answer::Manifest;
use opstack_core::grants::Grants;
use opstack_core::ids::{GroupKind, PluginName};
use std::sync::Arc;
use tracing::info;

use super::Serving;
use super::object::PluginSpec;
use super::service::key_of;
use crate::context::Context;
use crate::deps::Lookup;

/// What becomes of a plugin in service.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It serves on as it does.
    Stays,
    /// It serves on with other grants.
    With(Grants),
    /// It serves no longer.
    Ends(&'static str),
}

/// Holds a digest, a manifest and grants in service against what an object says now.
fn judge(digest: &str, manifest: Option<&Manifest>, granted: &Grants, spec: &PluginSpec) -> Verdict {
    if spec.digest.as_deref().is_some_and(|pinned| pinned != digest) {
        return Verdict::Ends("another digest is pinned");
    }
    let Ok(grants) = spec.grants.grants() else { return Verdict::Ends("its grants can't be read") };
    let missing = manifest.map(|manifest| grants.missing(manifest));
    if missing.is_some_and(|missing| missing.ok().is_none_or(|missing| !missing.is_empty())) {
        return Verdict::Ends("it is granted less than it asks for");
    }
    if grants == *granted { Verdict::Stays } else { Verdict::With(grants) }
}

/// Holds what serves under a name against what its object says now; `None` where the object can't be read.
pub fn restrict(cx: &Context, name: &PluginName, spec: Option<&PluginSpec>) {
    let Some(serving) = cx.registry.get(name) else { return };
    let digest = serving.plugin.digest().to_string();
    let judge = |spec| judge(&digest, serving.manifest(), &serving.grants, spec);
    match spec.map_or(Verdict::Ends("its object can't be read"), judge) {
        Verdict::Stays => {}
        Verdict::With(grants) => {
            info!(plugin = %name, "serves with other grants");
            cx.registry.insert(Serving {
                name: name.clone(),
                plugin: serving.plugin.clone(),
                grants: grants.clone(),
                configuration: serving.configuration.clone(),
            });
            let calls_less = !grants.calls_all_of(&serving.grants);
            withdraw(cx, &serving, |namespace| calls_less || !grants.allows_namespace(namespace));
            wake(cx, &serving);
        }
        Verdict::Ends(why) => {
            info!(plugin = %name, why, "out of service");
            end(cx, name);
        }
    }
}

/// Takes a plugin out of service, and withdraws what its objects ask and do.
pub fn end(cx: &Context, name: &PluginName) -> Option<Arc<Serving>> {
    let gone = cx.registry.remove(name)?;
    withdraw(cx, &gone, |_| true);
    wake(cx, &gone);
    Some(gone)
}

/// Withdraws probes and acts of a plugin's objects in some namespaces.
fn withdraw(cx: &Context, serving: &Serving, concerns: impl Fn(&str) -> bool) {
    let Some(kind) = kind_of(serving) else { return };
    let keys = cx.hub.cache.keys(&kind).into_iter();
    keys.filter(|key| concerns(&key.namespace)).for_each(|key| cx.chain.forget(&key));
}

/// Lets the plugin's objects look again, those that asked for the client that it renders, and plugins that want its place.
fn wake(cx: &Context, serving: &Serving) {
    cx.hub.wake_askers(&Lookup::Version(key_of(&serving.name)));
    if let Some(client) = serving.client() {
        cx.hub.wake_askers(&Lookup::Client(client.to_string()));
    }
    if let Some(kind) = kind_of(serving) {
        cx.hub.cache.keys(&kind).iter().for_each(|key| cx.hub.wake(key));
    }
}

fn kind_of(serving: &Serving) -> Option<GroupKind> {
    serving.kind().map(|kind| kind.group_kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        Manifest {
            name: "some".into(),
            version: "1.0.0".into(),
            crd: json!({"spec": {"group": "example.org", "names": {"kind": "Thing"}}}),
            served_version: "v1".into(),
            reads: vec![],
            owns: vec![opstack_core::ids::Gvk::new("", "v1", "ConfigMap")],
            rpc_methods: vec!["eth_chainId".into()],
            phases: None,
        }
    }

    fn verdict(change: serde_json::Value) -> Verdict {
        let all = Grants::all_of(&manifest()).unwrap();
        let mut spec = serde_json::to_value(PluginSpec {
            grants: crate::plugins::object::GrantSpec::of(&all),
            digest: Some("sha256:one".into()),
            ..PluginSpec::default()
        })
        .unwrap();
        json_patch(&mut spec, &change);
        judge("sha256:one", Some(&manifest()), &all, &serde_json::from_value(spec).unwrap())
    }

    fn json_patch(into: &mut serde_json::Value, change: &serde_json::Value) {
        match (into.as_object_mut(), change.as_object()) {
            (Some(into), Some(change)) => change
                .iter()
                .for_each(|(field, value)| json_patch(into.entry(field.clone()).or_insert(json!(null)), value)),
            _ => *into = change.clone(),
        }
    }

    #[test]
    fn what_serves_never_has_more_than_its_object_grants_today() {
        assert_eq!(verdict(json!({})), Verdict::Stays);
        assert_eq!(verdict(json!({"digest": null})), Verdict::Stays, "whatever the source holds is trusted");
        for taken in [
            json!({"digest": "sha256:two"}),
            json!({"grants": {"serves": []}}),
            json!({"grants": {"owns": []}}),
            json!({"grants": {"rpcMethods": ["eth_call"]}}),
            json!({"grants": {"patches": [{"kind": "Pod", "fields": ["a..b"]}]}}),
        ] {
            assert!(matches!(verdict(taken.clone()), Verdict::Ends(_)), "{taken}");
        }
        for changed in [
            json!({"grants": {"namespaces": ["a"]}}),
            json!({"grants": {"podSecurity": "Privileged"}}),
            json!({"grants": {"owns": [{"kind": "ConfigMap"}, {"kind": "Secret"}]}}),
        ] {
            assert!(matches!(verdict(changed.clone()), Verdict::With(_)), "{changed}");
        }
    }
}
