//! `opstack completions`.

use clap::CommandFactory;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell.
    shell: clap_complete::Shell,
}

impl Args {
    /// Prints them.
    pub fn run(self) -> anyhow::Result<()> {
        clap_complete::generate(self.shell, &mut super::Cli::command(), "opstack", &mut std::io::stdout());
        Ok(())
    }
}
