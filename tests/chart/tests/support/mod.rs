//! Cases of the chart: folders with values, and what comes of them.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod chain;

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// A folder of `cases`.
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// `values.yaml`.
    pub values: Value,
    directory: PathBuf,
}

impl Case {
    /// All of them, by name.
    pub fn all() -> Result<Vec<Self>> {
        let cases = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        let mut directories = fs::read_dir(cases)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        directories.sort();
        ensure!(!directories.is_empty(), "there is no case");
        directories.into_iter().map(Self::read).collect()
    }

    fn read(directory: PathBuf) -> Result<Self> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(directory.join("values.yaml")).with_context(|| format!("{name}/values.yaml"))?;
        let values = serde_norway::from_str(&text).with_context(|| format!("{name}/values.yaml"))?;
        Ok(Self { name, values, directory })
    }

    /// What the cluster serves beside what Kubernetes does.
    pub fn apis(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.join("apis.txt")).unwrap_or_default();
        text.lines().map(ToString::to_string).collect()
    }

    /// The objects that are rendered; nothing where the values are refused.
    pub fn objects(&self) -> Option<String> {
        fs::read_to_string(self.directory.join("expected.yaml")).ok()
    }

    /// Whether a file says this, and no other one something else. Makes it so where `BLESS` is set.
    pub fn expects(&self, file: &str, text: &str) -> Result<bool> {
        let other = if file == "refused.txt" { "expected.yaml" } else { "refused.txt" };
        let (path, other) = (self.directory.join(file), self.directory.join(other));
        let is_same = !other.exists() && fs::read_to_string(&path).is_ok_and(|known| known == text);
        if is_same || env::var_os("BLESS").is_none() {
            return Ok(is_same);
        }
        if other.exists() {
            fs::remove_file(other)?;
        }
        fs::write(path, text)?;
        Ok(true)
    }
}

/// A refusal as it is on every machine.
pub fn without_paths(text: &str) -> String {
    text.replace(&chart::directory().display().to_string(), "charts/opstack")
}
