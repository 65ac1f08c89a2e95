//! Names: no object makes a child that another one of another name makes, whatever the two are called.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use faults::{
    renderer::{NAMESPACE, Outcome, key_of},
    specs::Specs,
};
use opstack_core::ids::ObjectKey;
use opstack_operator::{plugins::Serving, schema::Schema};
use serde_json::{Value, json};
use suite::plugins::root;

/// What is in names beside that of an owner: ordinals, and names of execution clients.
const PARTS: [&str; 6] = ["0", "1", "geth", "reth", "op-node", "op-conductor"];

/// An object by its kind and name.
type Owner = (String, String);

#[test]
fn no_two_objects_of_different_names_make_one_child() -> Result<()> {
    let specs = Specs::load(&root())?;
    let workloads = specs.renderer.workloads();
    if workloads.is_empty() {
        println!("skipped: no plugin was built; run `cargo xtask build`");
        return Ok(());
    }
    let mut names: BTreeSet<String> = ["a", "a-b"].map(String::from).into();
    // What is made for one name is a name for another object, and so on.
    for _ in 0..2 {
        let made = children(&specs, &names)?;
        names.extend(made.keys().map(|child| child.name.to_string()));
        names.extend(PARTS.iter().flat_map(|part| [format!("a-{part}"), format!("{part}-a")]));
        names.retain(|name| name.len() <= 40);
    }
    let made = children(&specs, &names)?;
    let owners: BTreeSet<_> = made.values().flatten().collect();
    println!("{} names, {} objects that may be made, {} children", names.len(), owners.len(), made.len());
    ensure!(owners.len() > 100, "only {} objects were rendered", owners.len());
    let shared = made.iter().filter(|(_, owners)| owners.iter().any(|one| one.1 != owners[0].1));
    let shared: Vec<_> = shared.map(|(child, owners)| format!("{child}: {owners:?}")).collect();
    ensure!(shared.is_empty(), "{} children of several:\n{}", shared.len(), shared.join("\n"));
    Ok(())
}

/// The children of objects of each kind and name that may be made, and who makes each. Secrets that are generated are among them.
fn children(specs: &Specs, names: &BTreeSet<String>) -> Result<BTreeMap<ObjectKey, Vec<Owner>>> {
    let mut made: BTreeMap<ObjectKey, Vec<Owner>> = BTreeMap::new();
    for serving in specs.renderer.workloads() {
        let manifest = serving.manifest().context("a plugin without a manifest")?;
        let schema = Schema::of(&manifest.crd, &manifest.served_version).map_err(|why| anyhow!(why))?;
        let schema = schema.context("a kind that is not served")?;
        let kind = serving.kind().context("a plugin without a kind")?.group_kind.kind.to_string();
        for spec in specs.examples_of(&serving) {
            for name in names {
                let Some(objects) = rendered(specs, &serving, &schema, &spec, name)? else { continue };
                for child in objects.iter().flat_map(with_claims) {
                    let owners = made.entry(child).or_default();
                    let owner = (kind.clone(), name.clone());
                    if !owners.contains(&owner) {
                        owners.push(owner);
                    }
                }
            }
        }
    }
    Ok(made)
}

/// An object, and the claims that a StatefulSet makes for its first pods.
fn with_claims(object: &Value) -> Vec<ObjectKey> {
    let key = key_of(object);
    let templates = object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    let names = templates.filter_map(|template| template["metadata"]["name"].as_str());
    let claim = |name: &str, pod: u8| {
        let name = format!("{name}-{}-{pod}", key.name);
        key_of(
            &json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": NAMESPACE}}),
        )
    };
    names.flat_map(|name| [claim(name, 0), claim(name, 1)]).chain([key.clone()]).collect()
}

/// What a new object is made of, if the API server and the plugin take it.
fn rendered(
    specs: &Specs,
    serving: &Arc<Serving>,
    schema: &Schema<'_>,
    spec: &Value,
    name: &str,
) -> Result<Option<Vec<Value>>> {
    let kind = serving.kind().context("a plugin without a kind")?;
    let mut object = json!({
        "apiVersion": kind.api_version(), "kind": kind.group_kind.kind.as_ref(), "spec": spec,
        "metadata": {"name": name, "namespace": NAMESPACE, "generation": 1,
            "uid": "00000000-0000-0000-0000-000000000001", "creationTimestamp": "2026-01-01T00:00:00Z"},
    });
    schema.complete(&mut object);
    if !schema.refusals(&object).is_empty() {
        return Ok(None);
    }
    match specs.renderer.render(serving, &object) {
        Ok(Outcome::Rendered(rendered)) => Ok(Some(rendered.objects)),
        Ok(Outcome::Refused(_)) => Ok(None),
        Err(why) => Err(anyhow!("{name}: {why}")),
    }
}
