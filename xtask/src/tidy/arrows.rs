//! Who may depend on whom. Cargo's own answer is held against the rules, through all levels of dependencies.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The whole set of normal dependencies among our own crates.
const ARROWS: [(&str, &[&str]); 5] = [
    ("opstack-core", &[]),
    ("opstack-engine", &["opstack-core"]),
    ("opstack-prober", &["opstack-core"]),
    ("opstack-operator", &["opstack-core", "opstack-engine", "opstack-prober"]),
    ("opstack-sdk", &[]),
];

/// Plugins are recognised by their place; they may depend on this alone.
const PLUGINS_MAY: &[&str] = &["opstack-sdk"];

/// Crates of others that must not be reached, by any way.
const NEVER: [(&str, &[&str]); 3] = [
    ("opstack-core", &["tokio", "kube", "kube-client", "wasmtime"]),
    ("opstack-engine", &["kube", "kube-client", "k8s-openapi", "reqwest"]),
    ("opstack-prober", &["kube", "kube-client", "wasmtime"]),
];

/// Complaints about the workspace that `cargo metadata` describes.
pub fn complaints(metadata: &Value) -> Result<Vec<String>> {
    let graph = Graph::of(metadata)?;
    let mut complaints = Vec::new();
    for (name, package) in &graph.ours {
        let allowed = match ARROWS.iter().find(|(from, _)| from == name) {
            Some((_, allowed)) => *allowed,
            None if package.place.starts_with("plugins/") => PLUGINS_MAY,
            // Tests and tools may use what they test.
            None if package.place.starts_with("tests/") || package.place.starts_with("xtask/") => continue,
            None => {
                complaints.push(format!("{name} has no place in the design: add it to the rules of `xtask tidy`"));
                continue;
            }
        };
        for to in graph.direct(&package.id).filter(|to| graph.ours.contains_key(*to) && !allowed.contains(to)) {
            complaints.push(format!("{name} depends on {to}, which the design does not allow"));
        }
    }
    for (name, forbidden) in NEVER {
        let Some(package) = graph.ours.get(name) else { continue };
        let reached = graph.reached(&package.id);
        let found = forbidden.iter().filter(|crate_name| reached.contains(**crate_name));
        complaints.extend(
            found.map(|crate_name| format!("{name} depends on {crate_name}, by some way (`cargo tree -p {name}`)")),
        );
    }
    Ok(complaints)
}

struct Package {
    id: String,
    /// Path of the manifest from the root.
    place: String,
}

struct Graph<'a> {
    ours: BTreeMap<&'a str, Package>,
    names: BTreeMap<&'a str, &'a str>,
    /// Normal and build dependencies, by package id.
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn of(metadata: &'a Value) -> Result<Self> {
        let root = metadata["workspace_root"].as_str().context("cargo metadata names no root")?;
        let members: BTreeSet<_> = list(&metadata["workspace_members"]).filter_map(Value::as_str).collect();
        let (mut ours, mut names) = (BTreeMap::new(), BTreeMap::new());
        for package in list(&metadata["packages"]) {
            let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) else { continue };
            names.insert(id, name);
            if members.contains(id) {
                let path = package["manifest_path"].as_str().unwrap_or_default();
                let place = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/').to_string();
                ours.insert(name, Package { id: id.into(), place });
            }
        }
        let edges =
            list(&metadata["resolve"]["nodes"]).filter_map(|node| Some((node["id"].as_str()?, dependencies(node))));
        Ok(Self { ours, names, edges: edges.collect() })
    }

    fn direct(&self, id: &str) -> impl Iterator<Item = &'a str> {
        self.edges.get(id).into_iter().flatten().filter_map(|to| self.names.get(to).copied())
    }

    /// Names of all crates that a crate leads to.
    fn reached(&self, id: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&str> = self.edges.get(id).into_iter().flatten().copied().collect();
        while let Some(next) = pending.pop() {
            if seen.insert(next) {
                pending.extend(self.edges.get(next).into_iter().flatten());
            }
        }
        seen.iter().filter_map(|id| self.names.get(id).copied()).collect()
    }
}

/// What a package is built with; development dependencies are for its tests alone.
fn dependencies(node: &Value) -> Vec<&str> {
    let is_built_in = |to: &&Value| list(&to["dep_kinds"]).any(|kind| kind["kind"] != "dev");
    list(&node["deps"]).filter(is_built_in).filter_map(|to| to["pkg"].as_str()).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A workspace of crates at places, with arrows between them; what has no place is not ours.
    fn workspace(places: &[(&str, &str)], arrows: &[(&str, &str, Value)]) -> Value {
        let names: BTreeSet<_> =
            places.iter().map(|(name, _)| *name).chain(arrows.iter().flat_map(|(from, to, _)| [*from, *to])).collect();
        let place =
            |name: &str| places.iter().find(|(known, _)| *known == name).map_or("/registry", |(_, place)| place);
        let packages: Vec<_> = names
            .iter()
            .map(|name| json!({"id": name, "name": name, "manifest_path": format!("/w/{}/Cargo.toml", place(name))}))
            .collect();
        let members: Vec<_> = places.iter().map(|(name, _)| *name).collect();
        let node = |name: &&str| {
            let deps: Vec<_> = arrows
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": name, "deps": deps})
        };
        let nodes: Vec<_> = names.iter().map(node).collect();
        json!({"workspace_root": "/w", "workspace_members": members, "packages": packages, "resolve": {"nodes": nodes}})
    }

    const PLACES: [(&str, &str); 5] = [
        ("opstack-core", "host/core"),
        ("opstack-engine", "host/engine"),
        ("opstack-sdk", "sdk"),
        ("some-plugin", "plugins/some-plugin"),
        ("suite", "tests/suite"),
    ];

    fn complaints_of(arrows: &[(&str, &str, Value)]) -> Vec<String> {
        complaints(&workspace(&PLACES, arrows)).expect("it is complete")
    }

    #[test]
    fn arrows_of_the_design_are_fine() {
        let normal = || Value::Null;
        let arrows = [
            ("opstack-engine", "opstack-core", normal()),
            ("some-plugin", "opstack-sdk", normal()),
            ("suite", "opstack-engine", normal()),
            ("opstack-core", "proptest", "dev".into()),
            ("opstack-core", "opstack-sdk", "dev".into()),
        ];
        assert_eq!(complaints_of(&arrows), [""; 0]);
    }

    #[test]
    fn arrows_against_the_design_are_found() {
        for (from, to) in [
            ("opstack-core", "opstack-engine"),
            ("opstack-engine", "some-plugin"),
            ("some-plugin", "opstack-core"),
            ("opstack-core", "tokio"),
            ("opstack-core", "helper"),
        ] {
            // However long the way is.
            let arrows =
                [(from, to, Value::Null), ("helper", "deeper", "build".into()), ("deeper", "wasmtime", Value::Null)];
            assert_eq!(complaints_of(&arrows).len(), 1, "{from} → {to}");
        }
    }

    #[test]
    fn a_crate_without_rules_is_found() {
        let metadata = workspace(&[("newcomer", "host/newcomer")], &[]);
        assert_eq!(complaints(&metadata).expect("it is complete").len(), 1);
    }
}
