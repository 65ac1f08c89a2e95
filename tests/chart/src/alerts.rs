//! The alerts of the chart, and Prometheus' own judge of them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{directory, output, program, recipe};

/// The environment variable that names a promtool.
const VARIABLE: &str = "OPSTACK_PROMTOOL";

/// promtool, built once per machine unless `OPSTACK_PROMTOOL` names one.
#[derive(Clone, Debug)]
pub struct Promtool {
    program: PathBuf,
}

impl Promtool {
    /// Takes `OPSTACK_PROMTOOL` if that is set, else the one of the cache, where it is built first if it is not there yet.
    pub fn find() -> Result<Self> {
        Ok(Self { program: program(VARIABLE, &recipe::promtool())? })
    }

    /// Reads rules, their expressions and their templates.
    pub fn check(&self, rules: &Path) -> Result<String> {
        self.run(&["check", "rules", "--lint=all", "--lint-fatal"], [rules])
    }

    /// Evaluates rules over the series of test files.
    pub fn test<P: AsRef<Path>>(&self, files: impl IntoIterator<Item = P>) -> Result<String> {
        self.run(&["test", "rules"], files)
    }

    fn run<P: AsRef<Path>>(&self, arguments: &[&str], files: impl IntoIterator<Item = P>) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(files.into_iter().map(|file| file.as_ref().to_path_buf()));
        output(command, "")
    }
}

/// The rules of the chart.
pub fn file() -> PathBuf {
    directory().join("files/alerts.yaml")
}

/// Name and expression of each alert.
pub fn all() -> Result<Vec<(String, String)>> {
    let rules: Value = serde_norway::from_str(&fs::read_to_string(file())?)?;
    let text = |rule: &Value, key: &str| {
        rule[key].as_str().map(ToString::to_string).with_context(|| format!("a rule without {key}: {rule}"))
    };
    let groups = rules["groups"].as_array().context("no groups")?;
    let rules = groups.iter().flat_map(|group| group["rules"].as_array()).flatten();
    rules.map(|rule| Ok((text(rule, "alert")?, text(rule, "expr")?))).collect()
}

/// The metrics that the alerts look at whose names begin so.
pub fn metrics(prefix: &str) -> Result<BTreeSet<String>> {
    let all = all()?;
    let words =
        all.iter().flat_map(|(_, expression)| expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let names: BTreeSet<_> = words.filter(|word| word.starts_with(prefix)).map(ToString::to_string).collect();
    ensure!(!names.is_empty(), "no alert looks at {prefix}…");
    Ok(names)
}
