//! `cargo xtask tidy`: rules of this repository that no compiler knows. Each is a function from texts to complaints,
//! with a test that it can complain; another test runs them all, so `cargo test` alone is enough.

mod adversary;
mod arrows;
mod conformance;
mod documents;
mod evidence;
mod kinds;
mod licences;
mod links;
mod reasons;
mod rust;
mod scripts;
mod text;
mod threats;

use std::{fs, path::PathBuf};

use anyhow::{Result, bail};

use crate::{
    run::{self, say},
    workspace,
};

/// A text of the project.
#[derive(Clone, Debug)]
pub struct Document {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl Document {
    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// `path:line`, counted from one.
    fn place(&self, index: usize) -> String {
        format!("{}:{}", self.path, index + 1)
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Checks everything and fails with all complaints.
pub fn tidy() -> Result<()> {
    let complaints = complaints()?;
    if complaints.is_empty() {
        return Ok(());
    }
    complaints.iter().for_each(|complaint| say(complaint));
    bail!("{} things are not tidy", complaints.len())
}

fn complaints() -> Result<Vec<String>> {
    let documents = documents()?;
    // Crates for other systems need not even be downloaded.
    let metadata = workspace::metadata(workspace::root(), &["--locked", "--filter-platform", &workspace::host()?])?;
    Ok([
        rust::complaints(&documents),
        text::complaints(&documents),
        links::complaints(&documents),
        conformance::complaints(&documents),
        documents::complaints(&documents),
        adversary::complaints(&documents),
        threats::complaints(&documents),
        kinds::complaints(&documents)?,
        arrows::complaints(&metadata)?,
        licences::complaints(&documents, &metadata)?,
        reasons::complaints(&documents)?,
        scripts::complaints(&documents)?,
    ]
    .concat())
}

/// What git would keep; all files where there is no git.
fn paths() -> Result<Vec<PathBuf>> {
    let root = workspace::root();
    if !root.join(".git").exists() {
        return workspace::files(root);
    }
    let listing = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let listed = run::output(run::scrubbed("git").current_dir(root).args(listing))?;
    let mut paths: Vec<_> = listed.split('\0').filter(|name| !name.is_empty()).map(|name| root.join(name)).collect();
    // What is deleted but not committed is listed too.
    paths.retain(|path| path.is_file());
    Ok(paths)
}

/// All files that are text, except those that tools write.
fn documents() -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for path in paths()? {
        let name = workspace::relative(&path);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if !name.ends_with("Cargo.lock") {
            documents.push(Document { path: name, text });
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_project_is_tidy() -> anyhow::Result<()> {
        let complaints = super::complaints()?;
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
        Ok(())
    }
}
