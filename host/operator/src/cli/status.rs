//! `opstack status`: what there is, as tables.

use anyhow::Context as _;
use clap::ValueEnum;
use std::io::{ErrorKind, IsTerminal, Write as _, stdout};
use std::time::Duration;

use super::scope::Scope;
use crate::view::{Paint, Snapshot, table};

/// How often `--watch` looks again.
const INTERVAL: Duration = Duration::from_secs(2);
/// Moves a terminal's cursor to the top left, and clears what is there.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J\u{1b}[3J";

/// Print networks, nodes and whatever else plugins serve, as tables.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Look again every two seconds, until Ctrl-C.
    #[arg(short, long)]
    watch: bool,
    /// How to print: tables, tables with all columns, or JSON.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Wide,
    Json,
}

impl Args {
    /// Looks and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.look())
    }

    async fn look(&self) -> anyhow::Result<()> {
        let cluster = self.scope.connect().await?;
        let mut snapshot = cluster.look(false).await?;
        let mut failure = None;
        loop {
            if !self.print(&snapshot, failure.take())? || !self.watch {
                return Ok(());
            }
            tokio::time::sleep(INTERVAL).await;
            match cluster.look(false).await {
                Ok(next) => snapshot = next,
                // What was seen last is better than nothing, as long as it says so.
                Err(error) => failure = Some(format!("{error:#}; what follows was seen at {}", snapshot.now)),
            }
        }
    }

    /// Whether anybody still reads.
    fn print(&self, snapshot: &Snapshot, failure: Option<String>) -> anyhow::Result<bool> {
        let mut view = snapshot.view();
        view.warnings.extend(failure);
        let text = match self.output {
            Output::Table | Output::Wide => table(&view, self.output == Output::Wide, paint()),
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&view)?),
        };
        let again = if self.watch && stdout().is_terminal() { CLEAR } else { "" };
        write(&format!("{again}{text}"))
    }
}

/// Colours for a terminal whose user has not switched them off (`no-color.org`).
pub fn paint() -> Paint {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Paint(stdout().is_terminal() && !unwanted)
}

/// Writes to the standard output; false when its reader has gone, which is no failure.
pub fn write(text: &str) -> anyhow::Result<bool> {
    let mut output = stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).context("failed to write"),
    }
}
