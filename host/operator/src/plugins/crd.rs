//! The CustomResourceDefinitions of the plugins' kinds: how they are dressed, installed and guarded.

use kube::Client;
use kube::api::{Api, ApiResource, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use opstack_core::answer::Manifest;
use opstack_core::blame::{Blame, Fault};
use opstack_core::ids::{Gvk, PluginName};
use opstack_core::{asks, document, hash};
use serde_json::{Map, Value, json};

use crate::apply::fault_of;
use crate::cache::Watched;
use crate::reconcile::ServedKind;
use crate::view::declared::{self, Links};

use super::stored::Schema;

/// Label of a CustomResourceDefinition: the plugin that serves it.
pub const PLUGIN_LABEL: &str = "opstack.optimism.io/plugin";
/// Annotation: kinds that the plugin's objects may have made or patched, as JSON.
const OWNS: &str = "opstack.optimism.io/owns";
/// Annotation: kinds that the plugin looks up, as JSON.
const READS: &str = "opstack.optimism.io/reads";
/// Annotation: version that the plugin reads.
const VERSION: &str = "opstack.optimism.io/served-version";
/// Annotation: hash of what was applied.
const HASH: &str = "opstack.optimism.io/desired";
/// Annotation with which an administrator allows a change that would drop a stored version, or a part of a stored object.
pub const ALLOW_BREAKING: &str = "opstack.optimism.io/allow-breaking-change";

/// Field manager of CustomResourceDefinitions.
const MANAGER: &str = "opstack/host";

/// The kind `CustomResourceDefinition`.
pub fn gvk() -> Gvk {
    Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
}

fn api(client: &Client) -> Api<Watched> {
    let gvk = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&gvk, "customresourcedefinitions"))
}

/// A plugin's CRD as the host installs it: with the status fields that the host writes, and marks of its own.
///
/// # Errors
/// When the plugin's document is not the CRD of one namespaced kind, or sends its objects somewhere to be converted.
pub fn dressed(manifest: &Manifest, plugin: &PluginName) -> Result<Value, Fault> {
    let given = &manifest.crd;
    let bad = |why: &str| Err(Fault::plugin("InvalidManifest", format!("its CRD {why}")));
    if given["kind"] != "CustomResourceDefinition" || given["apiVersion"] != "apiextensions.k8s.io/v1" {
        return bad("is not an apiextensions.k8s.io/v1 CustomResourceDefinition");
    }
    if given["spec"]["scope"] != "Namespaced" {
        return bad("is not namespaced");
    }
    let conversion = &given["spec"]["conversion"];
    if !conversion.is_null() && *conversion != json!({"strategy": "None"}) {
        // The API server would send it every object of the kind, and believe what it sends back.
        return bad("has a conversion of its own in spec.conversion; the only one allowed is the strategy None");
    }
    // What is patched has to be known, too.
    let written = asks::written(manifest)?;
    // Of what stands beside the spec nothing is taken over but the name: finalizers and owners would tie the definition to others.
    let metadata = json!({"name": given["metadata"]["name"], "labels": {PLUGIN_LABEL: plugin.as_str()}});
    let mut crd =
        json!({"apiVersion": given["apiVersion"], "kind": given["kind"], "metadata": metadata, "spec": given["spec"]});
    let Some(versions) = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut) else {
        return bad("has no versions");
    };
    if !versions.iter().any(|version| version["name"] == manifest.served_version.as_str()) {
        return bad("lacks the version that the manifest says it serves");
    }
    for version in versions {
        add_status_fields(version);
    }
    let kinds = |kinds: &[Gvk]| {
        kinds
            .iter()
            .map(|k| json!([k.group_kind.group.as_ref(), k.version.as_ref(), k.group_kind.kind.as_ref()]))
            .collect::<Value>()
            .to_string()
    };
    let told = &given["metadata"]["annotations"];
    if let Err(why) = Links::parse(told) {
        return bad(&format!("has an {why}"));
    }
    let mut annotations = Map::from_iter([
        (OWNS.to_string(), kinds(&written).into()),
        (READS.to_string(), kinds(&manifest.reads).into()),
        (VERSION.to_string(), manifest.served_version.as_str().into()),
    ]);
    let told = told.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with(declared::PREFIX));
    annotations.extend(told.map(|(name, value)| (name.clone(), value.clone())));
    document::set(&mut crd, &["metadata"], "annotations", annotations);
    let hash = hash::of_json(&crd);
    document::set(&mut crd, &["metadata", "annotations"], HASH, hash);
    Ok(crd)
}

fn add_status_fields(version: &mut Value) {
    if let Some(version) = version.as_object_mut() {
        version.insert("subresources".into(), json!({"status": {}}));
    }
    let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema").and_then(Value::as_object_mut) else { return };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else { return };
    if let Some(spec) =
        properties.get_mut("spec").and_then(|spec| spec.get_mut("properties")).and_then(Value::as_object_mut)
    {
        let paused = json!({"type": "boolean", "description": "While true, nothing is changed but the status."});
        spec.entry("paused").or_insert(paused);
    }
    let status = properties.entry("status").or_insert_with(|| json!({"type": "object"}));
    let Some(status) = status.as_object_mut() else { return };
    let fields = status.entry("properties").or_insert_with(|| json!({}));
    let Some(fields) = fields.as_object_mut() else { return };
    let text = |description: &str| json!({"type": "string", "description": description});
    fields.entry("phase").or_insert_with(|| text("One word on the object."));
    fields.insert("applied".into(), text("Digest of what was applied last."));
    fields.insert("observedGeneration".into(), json!({"type": "integer", "format": "int64", "description": "Generation of the spec that this status is about."}));
    fields.insert("conditions".into(), conditions_schema());
}

fn conditions_schema() -> Value {
    json!({
        "type": "array",
        "description": "What is true of the object, and why.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {"type": "string"},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "reason": {"type": "string"},
                "message": {"type": "string"},
                "observedGeneration": {"type": "integer", "format": "int64"},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
            },
        },
    })
}

/// Whether a definition is as one wants it that is about to be installed.
pub fn is_installed(live: &Value, wanted: &Value) -> bool {
    live["metadata"]["annotations"][HASH] == wanted["metadata"]["annotations"][HASH]
}

/// The definition in the cluster that has the name of one that is wanted.
///
/// # Errors
/// What the API server says.
pub async fn live(client: &Client, wanted: &Value) -> Result<Option<Value>, Fault> {
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    let live = api(client).get_opt(name).await;
    let what = || format!("failed to read the CustomResourceDefinition {name}");
    live.map(|live| live.map(|live| live.object)).map_err(|error| fault_of(&error, &what()))
}

/// Installs or updates a CRD. True if something was written.
///
/// # Errors
/// As [`check`], and when the API server refuses.
pub async fn install(client: &Client, crd: &Value, plugin: &PluginName) -> Result<bool, Fault> {
    if check(client, crd, plugin).await? {
        return Ok(false);
    }
    let name = crd["metadata"]["name"].as_str().unwrap_or_default();
    let what = format!("failed to install the CustomResourceDefinition {name}");
    let params = PatchParams::apply(MANAGER).force();
    api(client).patch(name, &params, &Patch::Apply(crd)).await.map_err(|error| fault_of(&error, &what))?;
    Ok(true)
}

/// Whether a CRD may be installed, and is already as it should be. Writes nothing.
///
/// # Errors
/// When the definition is another plugin's or nobody's, a stored version would go, a stored object would not be what it is, or the
/// API server refuses.
async fn check(client: &Client, crd: &Value, plugin: &PluginName) -> Result<bool, Fault> {
    let Some(live) = live(client, crd).await? else { return Ok(false) };
    guard(&live, crd, plugin)?;
    if is_installed(&live, crd) {
        return Ok(true);
    }
    if !allows_breaking(&live) {
        spare_stored(client, &live, crd).await?;
    }
    Ok(false)
}

fn guard(live: &Value, next: &Value, plugin: &PluginName) -> Result<(), Fault> {
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    let taken = match live["metadata"]["labels"][PLUGIN_LABEL].as_str() {
        Some(owner) if owner == plugin.as_str() => None,
        Some(other) => {
            Some(format!("CustomResourceDefinition {name} belongs to plugin {other}; one kind has one plugin"))
        }
        None => Some(format!(
            "CustomResourceDefinition {name} exists and is no plugin's; if {plugin} is to have it, give it the label {PLUGIN_LABEL}={plugin}"
        )),
    };
    if let Some(message) = taken {
        return Err(Fault::new(Blame::Spec, "KindTaken", message));
    }
    if allows_breaking(live) {
        return Ok(());
    }
    let stored = live["status"]["storedVersions"].as_array().into_iter().flatten();
    let kept =
        |version: &Value| next["spec"]["versions"].as_array().into_iter().flatten().any(|v| v["name"] == *version);
    let gone: Vec<_> = stored.filter(|version| !kept(version)).map(ToString::to_string).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let message = format!(
        "CustomResourceDefinition {name} has objects stored as {}, which the new one lacks; migrate them, or allow it by the annotation {ALLOW_BREAKING}: \"true\"",
        gone.join(", ")
    );
    Err(Fault::plugin("BreakingSchema", message))
}

fn allows_breaking(live: &Value) -> bool {
    live["metadata"]["annotations"][ALLOW_BREAKING] == "true"
}

/// Objects of a page of a list.
const PAGE: u32 = 250;

/// Reads all objects of a kind, and refuses a schema that one of them would break or lose something by.
async fn spare_stored(client: &Client, live: &Value, next: &Value) -> Result<(), Fault> {
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    let Some(version) = live["spec"]["versions"].as_array().into_iter().flatten().find(|v| v["served"] == true) else {
        return Ok(());
    };
    let version = version["name"].as_str().unwrap_or_default();
    let unclear = |why| Fault::plugin("InvalidManifest", format!("its CRD has a schema that cannot be read: {why}"));
    let Some(schema) = Schema::of(next, version).map_err(unclear)? else { return Ok(()) };
    let text = |field: &str| live.pointer(field).and_then(Value::as_str).unwrap_or_default();
    let gvk = GroupVersionKind::gvk(text("/spec/group"), version, text("/spec/names/kind"));
    let objects =
        Api::<Watched>::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&gvk, text("/spec/names/plural")));
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let what = format!("failed to read the objects of CustomResourceDefinition {name}, which its change concerns");
        let page = objects.list(&params).await.map_err(|error| fault_of(&error, &what))?;
        let objection = page.items.iter().find_map(|item| Some((&item.object, schema.objection(&item.object)?)));
        if let Some((object, why)) = objection {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            let message = format!(
                "CustomResourceDefinition {name} would no longer hold {} {}/{} as it is: {why}; mend the object, or allow it by the annotation {ALLOW_BREAKING}: \"true\"",
                gvk.kind,
                text("namespace"),
                text("name")
            );
            return Err(Fault::plugin("BreakingSchema", message));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// What a CRD of ours says about its kind; nothing for other CRDs, and until the API server serves it.
pub fn served(crd: &Value) -> Option<ServedKind> {
    let metadata = &crd["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return None;
    }
    let established =
        crd["status"]["conditions"].as_array()?.iter().any(|c| c["type"] == "Established" && c["status"] == "True");
    let kinds = |annotation: &str| -> Vec<Gvk> {
        let text = metadata["annotations"][annotation].as_str().unwrap_or("[]");
        let parsed: Vec<[String; 3]> = serde_json::from_str(text).unwrap_or_default();
        parsed.iter().map(|[group, version, kind]| Gvk::new(group, version, kind)).collect()
    };
    let plugin = PluginName::parse(metadata["labels"][PLUGIN_LABEL].as_str()?).ok()?;
    let version = metadata["annotations"][VERSION].as_str()?;
    let gvk = Gvk::new(crd["spec"]["group"].as_str()?, version, crd["spec"]["names"]["kind"].as_str()?);
    established.then(|| ServedKind { gvk, plugin, owns: kinds(OWNS), reads: kinds(READS) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin() -> PluginName {
        PluginName::parse("some").unwrap()
    }

    fn manifest(pointer: &str, value: Value) -> Manifest {
        let mut crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.example.org", "annotations": {}},
            "spec": {"scope": "Namespaced", "group": "example.org", "names": {"kind": "Thing"}, "versions": [{"name": "v1"}]},
        });
        let (place, field) = pointer.rsplit_once('/').unwrap();
        crd.pointer_mut(place).unwrap().as_object_mut().unwrap().insert(field.replace("~1", "/"), value);
        Manifest {
            name: "some".into(),
            version: "1.0.0".into(),
            crd,
            served_version: "v1".into(),
            reads: vec![],
            owns: vec![],
            rpc_methods: vec![],
            phases: None,
        }
    }

    #[test]
    fn no_definition_sends_objects_to_be_converted_elsewhere() {
        for conversion in [
            json!({"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://evil.example"}}}),
            json!({"strategy": "None", "webhook": {}}),
            json!({"webhook": {}}),
            json!("Webhook"),
        ] {
            let fault = dressed(&manifest("/spec/conversion", conversion.clone()), &plugin()).unwrap_err();
            assert_eq!(fault.reason, "InvalidManifest", "{conversion}");
            assert!(fault.message.contains("spec.conversion"), "{fault}");
        }
        assert!(dressed(&manifest("/spec/conversion", json!({"strategy": "None"})), &plugin()).is_ok());
    }

    #[test]
    fn nothing_but_name_and_spec_is_taken_over() {
        for (pointer, value) in [
            ("/metadata/finalizers", json!(["a.b/c"])),
            ("/metadata/ownerReferences", json!([{"uid": "u"}])),
            ("/metadata/labels", json!({PLUGIN_LABEL: "other"})),
            ("/metadata/annotations/api-approved.kubernetes.io", json!("https://evil.example")),
            ("/status", json!({"storedVersions": []})),
        ] {
            let plain = dressed(&manifest("/metadata/name", json!("things.example.org")), &plugin()).unwrap();
            assert_eq!(dressed(&manifest(pointer, value), &plugin()), Ok(plain), "{pointer}");
        }
    }

    #[test]
    fn what_is_patched_is_watched() {
        let asks = r#"{"patches": [{"version": "v1", "kind": "Pod", "fields": ["metadata.labels"]}]}"#;
        let crd = dressed(&manifest("/metadata/annotations/grants.optimism.io~1asks-for", asks.into()), &plugin());
        let annotations = crd.unwrap()["metadata"]["annotations"].clone();
        assert_eq!(annotations[OWNS], r#"[["","v1","Pod"]]"#);
        assert!(annotations[opstack_core::asks::ANNOTATION].is_null(), "what is asked for is granted elsewhere");
    }

    #[test]
    fn a_definition_that_is_not_labelled_as_its_own_is_never_taken_over() {
        let live = |labels: Value, allow: &str| {
            json!({"metadata": {"name": "things.example.org", "labels": labels,
                "annotations": {ALLOW_BREAKING: allow, HASH: "h"}}})
        };
        let next = json!({"metadata": {"annotations": {HASH: "h"}}});
        for allow in ["true", "false"] {
            assert_eq!(guard(&live(json!({PLUGIN_LABEL: "some"}), allow), &next, &plugin()), Ok(()));
            for labels in [json!({PLUGIN_LABEL: "other"}), json!({}), Value::Null, json!({PLUGIN_LABEL: true})] {
                let fault = guard(&live(labels.clone(), allow), &next, &plugin()).unwrap_err();
                assert_eq!((fault.blame, fault.reason), (Blame::Spec, "KindTaken"), "{labels}");
            }
        }
    }
}
