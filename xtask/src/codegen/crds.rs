//! `config/crds`: a file for each CustomResourceDefinition, for those who install them without the operator's help.

use anyhow::{Context as _, Result};

use super::{Files, HEADER};
use crate::{run, workspace};

/// Holds generated files only.
pub const DIRECTORY: &str = "config/crds";

/// What `opstack crds` prints, by name.
pub fn files() -> Result<Files> {
    let plugins = workspace::results().join("plugins");
    split(&run::output(super::opstack().args(["crds", "--plugins"]).arg(plugins))?)
}

fn split(stream: &str) -> Result<Files> {
    let documents = stream.split("---\n").filter(|document| !document.trim().is_empty());
    documents
        .map(|document| {
            // Two blanks: of the metadata, which come before the spec.
            let name = document.lines().find_map(|line| line.strip_prefix("  name: "));
            let name = name.context("`opstack crds` printed a document without a name")?;
            let text = format!("{HEADER}{}\n", document.trim_end());
            Ok((format!("{DIRECTORY}/{name}.yaml").into(), text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_gets_a_file() -> Result<()> {
        let stream = "---\nkind: C\nmetadata:\n  annotations:\n    name: no\n  name: a.b\nspec: {}\n---\nmetadata:\n  name: c.d\n";
        let files = split(stream)?;
        let names: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
        assert_eq!(names, ["config/crds/a.b.yaml", "config/crds/c.d.yaml"]);
        assert!(split("---\nkind: C\n").is_err());
        Ok(())
    }
}
