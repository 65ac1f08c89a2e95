//! `cargo xtask demo --chain`: a whole chain on a Kubernetes node of this machine, by the program of `tests/chain`.

use anyhow::Result;

use crate::{run, workspace};

/// Runs it after what `build` does. The chain stays until `cargo xtask cluster down`.
pub fn chain(build: impl FnOnce() -> Result<()>) -> Result<()> {
    build()?;
    run::step("build the node and the chain", || {
        let bins = ["build", "--workspace", "--bin", "cluster", "--bin", "chain"];
        run::run(run::cargo(workspace::root()).args(bins))
    })?;
    let mut command = run::scrubbed(workspace::program("debug", "chain"));
    command.arg("up").arg(workspace::program("debug", "cluster")).arg(workspace::opstack());
    run::show(command.arg(workspace::results().join("plugins")))
}
