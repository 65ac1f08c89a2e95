//! Whether a bill of materials (CycloneDX) has all that a package of ours is built from.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The package that people run.
const PACKAGE: &str = "opstack-operator";

/// What cargo resolves for the package, of normal dependencies, and the bill does not list, as `name version`.
pub fn missing(bill: &Value, metadata: &Value) -> Result<Vec<String>> {
    let components = bill["components"].as_array().context("the bill of materials lists no components")?;
    let listed: BTreeSet<_> = components.iter().filter_map(identity).collect();
    let wanted = resolved(metadata)?;
    ensure!(wanted.len() > 1, "cargo resolves nothing for {PACKAGE}");
    Ok(wanted.difference(&listed).cloned().collect())
}

fn identity(package: &Value) -> Option<String> {
    Some(format!("{} {}", package["name"].as_str()?, package["version"].as_str()?))
}

/// All that the package reaches by normal dependencies, from registries. Those of build scripts and of tests run at other times:
/// they are no part of the program, and cargo-sbom lists none of them.
fn resolved(metadata: &Value) -> Result<BTreeSet<String>> {
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = array(&metadata["packages"]);
    let packages: HashMap<_, _> =
        packages.iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes = array(&metadata["resolve"]["nodes"]);
    let nodes: HashMap<_, _> = nodes.iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let root = packages.iter().find(|(_, package)| package["name"] == PACKAGE).map(|(id, _)| *id);
    let mut found = BTreeSet::new();
    let mut open = vec![root.with_context(|| format!("cargo metadata knows no {PACKAGE}"))?];
    let mut seen: BTreeSet<_> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        let node = nodes.get(id).with_context(|| format!("cargo metadata does not resolve {id}"))?;
        let package = packages.get(id).with_context(|| format!("cargo metadata does not know {id}"))?;
        if !package["source"].is_null() {
            found.extend(identity(package));
        }
        for dependency in node["deps"].as_array().into_iter().flatten() {
            let normal =
                dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()));
            if let Some(id) = dependency["pkg"].as_str().filter(|id| normal && seen.insert(id)) {
                open.push(id);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_built_in_and_not_listed_is_named() -> Result<()> {
        let package =
            |id: &str, name: &str, source: Value| json!({"id": id, "name": name, "version": "1.0.0", "source": source});
        let needs = |id: &str, kind: Value| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("o", PACKAGE, Value::Null), package("a", "a", json!("registry")),
                package("b", "b", json!("registry")), package("t", "t", json!("registry")),
                package("s", "s", json!("registry")),
            ],
            "resolve": {"nodes": [
                {"id": "o", "deps": [needs("a", Value::Null), needs("t", json!("dev"))]},
                {"id": "a", "deps": [needs("b", Value::Null), needs("s", json!("build"))]},
                {"id": "b", "deps": []}, {"id": "s", "deps": []}, {"id": "t", "deps": []},
            ]},
        });
        let listed = |names: &[&str]| {
            let components: Vec<_> = names.iter().map(|name| json!({"name": name, "version": "1.0.0"})).collect();
            json!({"components": components})
        };
        assert_eq!(missing(&listed(&["a", "b"]), &metadata)?, [""; 0]);
        assert_eq!(missing(&listed(&["a"]), &metadata)?, ["b 1.0.0"]);
        assert!(missing(&json!({}), &metadata).is_err());
        Ok(())
    }
}
