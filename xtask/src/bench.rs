//! `cargo xtask bench`: the figures of `tests/bench`, and `target/bench.json`.

use anyhow::Result;

use crate::{run, workspace};

/// Builds what is measured with, and measures.
pub fn bench() -> Result<()> {
    // In the profile of the tests, like everything: figures are ratios of what runs side by side.
    let build = ["build", "--workspace", "--bin", "opstack", "--bin", "bench"];
    run::step("build", || run::run(run::cargo(workspace::root()).args(build)))?;
    let mut command = run::scrubbed(workspace::program("bench"));
    command.current_dir(workspace::root()).arg(workspace::results().join("bench.json"));
    // As `cargo run` would: from here it finds the plugins.
    command.env("CARGO_MANIFEST_DIR", workspace::root().join("tests/bench"));
    run::show(&mut command)
}
