//! `opstack crds`.

use anyhow::Context as _;
use serde_json::Value;
use std::path::PathBuf;

use super::offline;
use crate::plugins::{crd, object};

/// Print the CustomResourceDefinitions of the operator and of plugins.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory with plugins.
    #[arg(long, value_name = "DIR", default_value = offline::DEFAULT_DIR)]
    plugins: PathBuf,
    /// Only that of the operator's own kind, Plugin.
    #[arg(long)]
    own: bool,
}

impl Args {
    /// Prints YAML documents.
    pub fn run(self) -> anyhow::Result<()> {
        let own: Value = serde_norway::from_str(object::CRD).context("failed to read the CRD of Plugin")?;
        let mut crds = vec![own];
        if !self.own {
            for serving in offline::load_dir(&offline::engine()?, &self.plugins)? {
                if let Some(manifest) = serving.manifest() {
                    crds.push(crd::dressed(manifest, &serving.name)?);
                }
            }
        }
        for crd in crds {
            println!("---\n{}", serde_norway::to_string(&crd)?.trim_end());
        }
        Ok(())
    }
}
