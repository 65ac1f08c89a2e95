//! `cargo xtask codegen`: documents and manifests that follow from the code, and the check that they still do.
//!
//! | file | follows from |
//! | --- | --- |
//! | `config/crds/*.yaml` | `opstack crds`: the plugins' own definitions, as the host installs them |
//! | `config/rbac/opstack.yaml` | `opstack rbac`: the rights that an operator with our plugins needs |
//! | `charts/opstack`, in part | the same, for those who install with Helm |
//! | `docs/cli.md` | `opstack --help`, of all commands |
//! | the end of `docs/plugin-api.md` | the files of `wit/`, and the documents in `sdk/src/execution.rs` |

mod api;
mod chart;
mod cli;
mod crds;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    run::{self, say},
    workspace,
};

/// What to do with a file that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Write it.
    Write,
    /// Complain.
    Check,
}

/// The first line of a generated file.
const HEADER: &str = "# Written by `cargo xtask codegen`.\n";

/// Texts by their path from the root.
type Files = BTreeMap<PathBuf, String>;

/// Makes the files from the plugins and the `opstack` that are built.
pub fn codegen(mode: Mode) -> Result<()> {
    let mut files = crds::files()?;
    files.extend(chart::files(&files, &rights(&["--watch-namespaces", chart::NAMESPACE])?)?);
    files.insert("config/rbac/opstack.yaml".into(), rights(&[])?);
    files.insert("docs/cli.md".into(), cli::document()?);
    files.insert(api::PATH.into(), api::document()?);
    let stale = stale(workspace::root(), &files)?;
    match mode {
        Mode::Write => write(workspace::root(), &files, &stale),
        Mode::Check => check(workspace::root(), &files, &stale),
    }
}

/// The operator's rights, for those who install it with our plugins.
fn rights(more: &[&str]) -> Result<String> {
    let plugins = workspace::results().join("plugins");
    let documents = run::output(opstack().args(["rbac", "--plugins"]).arg(plugins).args(more))?;
    Ok(format!("{HEADER}{documents}"))
}

/// The program `opstack`, with nothing of this environment in what it says of itself.
fn opstack() -> Command {
    let mut command = Command::new(workspace::opstack());
    command.current_dir(workspace::root()).env_clear();
    // Help is as wide as the terminal, which there must not be one of, or else as this says.
    command.env("COLUMNS", "100").stderr(std::process::Stdio::piped());
    if let Some(home) = std::env::var_os("HOME") {
        command.env("HOME", home);
    }
    command
}

/// Generated files that are no longer made.
fn stale(root: &Path, files: &Files) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(root.join(crds::DIRECTORY)) else { return Ok(Vec::new()) };
    let mut stale = Vec::new();
    for entry in entries {
        let path = Path::new(crds::DIRECTORY).join(entry?.file_name());
        if !files.contains_key(&path) {
            stale.push(path);
        }
    }
    Ok(stale)
}

fn write(root: &Path, files: &Files, stale: &[PathBuf]) -> Result<()> {
    for (path, text) in files {
        let full = root.join(path);
        if fs::read_to_string(&full).is_ok_and(|known| known == *text) {
            continue;
        }
        let directory = full.parent().context("a file without a directory")?;
        fs::create_dir_all(directory).with_context(|| format!("failed to create {}", directory.display()))?;
        fs::write(&full, text).with_context(|| format!("failed to write {}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    for path in stale {
        fs::remove_file(root.join(path)).with_context(|| format!("failed to remove {}", path.display()))?;
        say(&format!("removed {}", path.display()));
    }
    Ok(())
}

fn check(root: &Path, files: &Files, stale: &[PathBuf]) -> Result<()> {
    let mut complaints: Vec<_> =
        stale.iter().map(|path| format!("{} is no longer generated", path.display())).collect();
    for (path, text) in files {
        if fs::read_to_string(root.join(path)).is_ok_and(|known| known == *text) {
            continue;
        }
        complaints.push(difference(root, path, text)?);
    }
    if complaints.is_empty() {
        return Ok(());
    }
    bail!(
        "{}\n{} files differ from what the code says; run `cargo xtask codegen`",
        complaints.join("\n"),
        complaints.len()
    )
}

/// As `diff -u` shows it.
fn difference(root: &Path, path: &Path, text: &str) -> Result<String> {
    let next = workspace::results().join("codegen").join(path);
    fs::create_dir_all(next.parent().context("a file without a directory")?)?;
    fs::write(&next, text)?;
    let known = root.join(path);
    let known = if known.exists() { known } else { PathBuf::from("/dev/null") };
    let labels = ["-u", "--label", "committed", "--label", "generated"];
    let output = run::scrubbed("diff").args(labels).args([&known, &next]).output().context("failed to run diff")?;
    Ok(format!("{} differs:\n{}", path.display(), String::from_utf8_lossy(&output.stdout)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_and_written() -> Result<()> {
        let root = tempfile::tempdir()?;
        let directory = root.path().join(crds::DIRECTORY);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("old.yaml"), "")?;
        let files: Files = [("docs/a.md".into(), "one\ntwo\n".into())].into();
        let leftovers = stale(root.path(), &files)?;
        let complaint = check(root.path(), &files, &leftovers).expect_err("nothing is there").to_string();
        assert!(complaint.contains("+two") && complaint.contains("old.yaml"), "{complaint}");

        write(root.path(), &files, &leftovers)?;
        assert!(!directory.join("old.yaml").exists());
        check(root.path(), &files, &stale(root.path(), &files)?)
    }
}
