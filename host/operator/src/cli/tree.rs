//! `opstack tree`: what there is with its conditions, and what was made of it.

use anyhow::anyhow;
use clap::ValueEnum;

use super::scope::Scope;
use super::status::{paint, write};
use crate::view::tree;

/// Print objects with their conditions, and all that was made of them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this object (`KIND/NAME`, the kind as kubectl takes it) and what belongs to it.
    #[arg(value_name = "KIND/NAME")]
    object: Option<String>,
    #[command(flatten)]
    scope: Scope,
    /// How to print: a tree, or JSON.
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Tree,
    Json,
}

impl Args {
    /// Looks and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let snapshot = runtime.block_on(async { self.scope.connect().await?.look(true).await })?;
        let view = snapshot.view();
        let meant = self.object.as_deref().map(|object| view.meant(object)).transpose();
        let only = meant.map_err(|why| anyhow!(why))?.unwrap_or_default();
        let text = match self.output {
            Output::Tree => tree(&view, &only, paint()),
            Output::Json if self.object.is_some() => format!("{}\n", serde_json::to_string_pretty(&only)?),
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&view)?),
        };
        write(&text).map(drop)
    }
}
