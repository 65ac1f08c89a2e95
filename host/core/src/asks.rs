//! What a plugin asks for beside the fields of its manifest.
//!
//! The contract is frozen, and a record that gets a field is another contract. So the rest stands in an annotation of the plugin's
//! CustomResourceDefinition, which the host reads and does not install.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::answer::Manifest;
use crate::blame::Fault;
use crate::fields::FieldPath;
use crate::grants::Targets;
use crate::ids::Gvk;

/// The annotation. Its value is JSON: `{"patches": [{"group": "", "version": "v1", "kind": "Pod", "fields": ["metadata.labels"]}],
/// "targets": {"hosts": ["*"], "secrets": true}}`; all but `version`, `kind` and `fields` may be absent.
pub const ANNOTATION: &str = "grants.optimism.io/asks-for";

/// Fields that are applied to objects of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patches {
    /// Kind of the objects.
    pub kind: Gvk,
    /// The fields.
    pub fields: BTreeSet<FieldPath>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Patches of objects of others.
    pub patches: Vec<Patches>,
    /// URLs of probes and acts.
    pub targets: Targets,
}

impl Asks {
    /// Reads the annotation; nothing is asked for where there is none.
    ///
    /// # Errors
    /// The plugin's fault, when it says something else.
    pub fn of(manifest: &Manifest) -> Result<Self, Fault> {
        let text = &manifest.crd["metadata"]["annotations"][ANNOTATION];
        let bad =
            |why: String| Fault::plugin("InvalidManifest", format!("its CRD has an annotation {ANNOTATION} {why}"));
        if text.is_null() {
            return Ok(Self::default());
        }
        let parsed: Value = serde_json::from_str(text.as_str().unwrap_or_default())
            .map_err(|error| bad(format!("that is no JSON: {error}")))?;
        if !parsed.is_object() {
            return Err(bad("that is no object".into()));
        }
        let patches = list(&parsed["patches"]).map(patches).collect::<Result<_, _>>().map_err(bad)?;
        let hosts = list(&parsed["targets"]["hosts"]).filter_map(Value::as_str).map(ToString::to_string).collect();
        let secrets = parsed["targets"]["secrets"] == true;
        Ok(Self { patches, targets: Targets { hosts, secrets } })
    }
}

/// Kinds of which answers may hold objects: those that are rendered, and those that are patched.
///
/// # Errors
/// As [`Asks::of`].
pub fn written(manifest: &Manifest) -> Result<Vec<Gvk>, Fault> {
    let patched = Asks::of(manifest)?.patches.into_iter().map(|patch| patch.kind);
    let patched = patched.filter(|kind| !manifest.owns.contains(kind));
    Ok(manifest.owns.iter().cloned().chain(patched).collect())
}

fn patches(value: &Value) -> Result<Patches, String> {
    let text = |field: &str| value[field].as_str().unwrap_or_default();
    if text("version").is_empty() || text("kind").is_empty() {
        return Err("with a patch that names no version or no kind".into());
    }
    let fields: Result<BTreeSet<FieldPath>, _> =
        list(&value["fields"]).map(|field| field.as_str().unwrap_or_default().parse()).collect();
    let fields = fields.map_err(|error| format!("with a patch of {}: {error}", text("kind")))?;
    if fields.is_empty() {
        return Err(format!("with a patch of {} that names no fields", text("kind")));
    }
    Ok(Patches { kind: Gvk::new(text("group"), text("version"), text("kind")), fields })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
