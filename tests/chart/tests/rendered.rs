//! What the chart renders, as data: each folder of `cases` has values, and the objects that come of them (`expected.yaml`)
//! or the words by which they are refused (`refused.txt`). `apis.txt` names what the cluster serves beside Kubernetes' own.
//! `BLESS=1` writes what came out.

mod support;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use chart::Helm;
use serde_json::{Value, json};
use support::Case;

#[test]
fn the_chart_has_no_mistakes() -> Result<()> {
    let helm = Helm::find()?;
    helm.lint(&json!({}))?;
    let error = helm.lint(&json!({ "replicas": "two" })).expect_err("it is a number").to_string();
    ensure!(error.contains("/replicas"), "{error}");
    Ok(())
}

#[test]
fn each_case_renders_what_is_expected() -> Result<()> {
    let helm = Helm::find()?;
    let mut differing = Vec::new();
    for case in Case::all()? {
        let (file, text) = match helm.template(&case.values, &case.apis()) {
            Ok(objects) => ("expected.yaml", objects),
            Err(refusal) => ("refused.txt", format!("{}\n", support::without_paths(&refusal.to_string()))),
        };
        if !case.expects(file, &text)? {
            differing.push(format!("{}: {file} is now:\n{text}", case.name));
        }
    }
    ensure!(differing.is_empty(), "{}\nBLESS=1 writes what came out", differing.join("\n"));
    Ok(())
}

/// Each value has a default, a rule and a line for its reader, and none of these is about a value that is not there.
#[test]
fn every_value_is_described() -> Result<()> {
    let text = fs::read_to_string(chart::directory().join("values.yaml"))?;
    let values: Value = serde_norway::from_str(&text)?;
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart::directory().join("values.schema.json"))?)?;
    let readme = fs::read_to_string(chart::directory().join("README.md"))?;
    let mut paths = Vec::new();
    leaves(&values, &schema, &schema["$defs"], String::new(), &mut paths)?;
    let told: Vec<_> = readme.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect();
    for path in &paths {
        ensure!(told.contains(&path.as_str()), "README.md has no line for {path}");
    }
    for path in told {
        ensure!(paths.iter().any(|known| known == path), "README.md tells of {path}, which is no value");
    }
    Ok(())
}

/// The chart offers exactly the plugins that there are, as `cargo xtask codegen` has found them.
#[test]
fn every_plugin_is_a_component() -> Result<()> {
    let names = |file: &str, pointer: &str| -> Result<Vec<String>> {
        let text = fs::read_to_string(chart::directory().join(file))?;
        let document: Value = serde_norway::from_str(&text)?;
        let names =
            document.pointer(pointer).and_then(Value::as_object).with_context(|| format!("{file} has no {pointer}"))?;
        let mut names: Vec<_> = names.keys().cloned().collect();
        names.sort();
        Ok(names)
    };
    let plugins = names("files/grants.yaml", "")?;
    assert_eq!(names("values.yaml", "/plugins/components")?, plugins);
    let schema = "/properties/plugins/properties/components/properties";
    assert_eq!(names("values.schema.json", schema)?, plugins);
    Ok(())
}

/// The paths of all values of a tree; those of one component stand for those of each.
fn leaves(values: &Value, schema: &Value, shared: &Value, path: String, found: &mut Vec<String>) -> Result<()> {
    let referred = schema["$ref"].as_str().and_then(|name| shared.get(name.strip_prefix("#/$defs/")?));
    let properties = referred.unwrap_or(schema)["properties"].as_object();
    let (Some(values), Some(properties)) = (values.as_object().filter(|_| path != "plugins.components"), properties)
    else {
        found.push(path);
        return Ok(());
    };
    for (name, value) in values {
        let below = properties.get(name).with_context(|| format!("the schema knows no {path}.{name}"))?;
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        leaves(value, below, shared, path, found)?;
    }
    for name in properties.keys().filter(|name| *name != "global") {
        ensure!(values.contains_key(name), "values.yaml has no {path}.{name}, which the schema knows");
    }
    Ok(())
}
