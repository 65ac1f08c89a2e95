//! Where things are: the workspace, what cargo builds, and what is handed on from there.

use std::{
    env,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::run;

/// The root of the workspace.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        // Cargo tells where our manifest is now. Where it was at build time is true of one clone only, and a target
        // directory may serve several.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        PathBuf::from(manifest).parent().map(Path::to_owned).unwrap_or_default()
    });
    &ROOT
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, as a path that does not depend on the current directory.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => env::current_dir().unwrap_or_default().join(dir),
        None => root().join("target"),
    }
}

/// Where the results are, wherever cargo builds: `opstack` and the tests look for plugins here.
pub fn results() -> PathBuf {
    root().join("target")
}

/// The program `opstack`, built by [`build_opstack`].
pub fn opstack() -> PathBuf {
    program("debug", "opstack")
}

/// A program of the workspace. The profile is named by its directory: `debug` is that of the tests.
pub fn program(profile: &str, name: &str) -> PathBuf {
    target_dir().join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// Builds `opstack` in the profile that the tests use.
///
/// All members are selected, so that dependencies get the same features, and are the same builds, as in
/// `cargo test --workspace`.
pub fn build_opstack() -> Result<()> {
    run::step("build opstack", || run::run(run::cargo(root()).args(["build", "--workspace", "--bin", "opstack"])))
}

/// `cargo metadata` of the workspace in a directory; `more` are further arguments.
pub fn metadata(directory: &Path, more: &[&str]) -> Result<Value> {
    let text = run::output(run::cargo(directory).args(["metadata", "--format-version=1"]).args(more))?;
    serde_json::from_str(&text).context("cargo metadata did not answer with JSON")
}

/// The system that this machine's Rust compiles for.
pub fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let about = run::output(run::scrubbed(rustc).arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToString::to_string).context("`rustc -vV` names no host")
}

/// The files below a directory, sorted, without those that nobody wrote: build results and what begins with a dot.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let entries = directory.read_dir().with_context(|| format!("failed to read {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') && name != ".ci" && name != ".cargo" || name == "target" {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => pending.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    ensure!(!found.is_empty(), "there is no file in {}", directory.display());
    found.sort();
    Ok(found)
}

/// A path as the documents of the project name it: from the root, with slashes.
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
