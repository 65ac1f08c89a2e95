//! `cargo xtask cluster`: a Kubernetes node on this machine, by the program of `tests/cluster`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::{plugins, run, workspace};

/// What to do with the cluster.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Action {
    /// Start it, or take the one that is there (or that KUBECONFIG names), and tell its KUBECONFIG.
    Up,
    /// Give it images of the programs of the OP Stack, and of `opstack` with its plugins as they were built last.
    Load,
    /// End it, and remove all that is left of it.
    Down,
    /// Tell whether there is one.
    Status,
}

/// Builds the program, which outlives this one, and calls it.
pub fn cluster(action: Action) -> Result<()> {
    // Of the workspace, for the reason that `workspace::build_opstack` has.
    run::run(run::cargo(workspace::root()).args(["build", "--quiet", "--workspace", "--bin", "cluster"]))?;
    let mut command = run::scrubbed(workspace::program("debug", "cluster"));
    match action {
        Action::Up => command.arg("up"),
        Action::Load => command.arg("load").args(opstack().into_iter().flatten()),
        Action::Down => command.arg("down"),
        Action::Status => command.arg("status"),
    };
    run::show(&mut command)
}

/// The program and the directory of its plugins, where both are built.
fn opstack() -> Option<[PathBuf; 2]> {
    let (program, components) = (workspace::opstack(), plugins::built().ok()?);
    (program.is_file() && !components.is_empty()).then(|| [program, workspace::results().join("plugins")])
}
