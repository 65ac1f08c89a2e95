//! `cargo xtask bench`: the figures of `tests/bench`, and `target/bench.json`.

use anyhow::Result;

use crate::{run, workspace};

/// Builds what is measured with, and measures; only the parts named, if any is.
pub fn bench(parts: &[String]) -> Result<()> {
    // As users run it. This compiles the dependencies once more, and for what is measured that is worth it.
    let build = ["build", "--release", "--package", "opstack-operator", "--package", "bench", "--bins"];
    run::step("build", || run::run(run::cargo(workspace::root()).args(build)))?;
    let mut command = run::scrubbed(workspace::program("release", "bench"));
    command.current_dir(workspace::root()).arg(workspace::results().join("bench.json")).args(parts);
    // As `cargo run` would: from here it finds the plugins.
    command.env("CARGO_MANIFEST_DIR", workspace::root().join("tests/bench"));
    run::show(&mut command)
}
