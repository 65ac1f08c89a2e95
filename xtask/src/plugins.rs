//! Builds what runs in the sandbox: the plugins, the guests of the tests, the example.
//!
//! The host takes core modules as they come from cargo; they are only copied to where everybody looks for them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    run::{self, say},
    wasm::{self, Toolchain},
    workspace,
};

/// Crates that are built together.
struct Set {
    /// In messages.
    title: &'static str,
    /// A cargo workspace, from the root.
    workspace: &'static str,
    /// The crates below this directory are meant.
    below: &'static str,
    /// The profile of that workspace for what runs in the sandbox.
    profile: &'static str,
    /// Directory of the results, in [`workspace::results`].
    results: &'static str,
}

const PLUGINS: Set = Set { title: "plugins", workspace: "", below: "plugins", profile: "guest", results: "plugins" };
const GUESTS: Set = Set {
    title: "guests of the tests",
    workspace: "tests/guests",
    below: "tests/guests",
    profile: "release",
    results: "guests",
};
const EXAMPLE: Set = Set {
    title: "the example",
    workspace: "examples/hello-plugin",
    below: "examples/hello-plugin",
    profile: "release",
    results: "hello-plugin",
};

/// Builds everything.
pub fn build_all() -> Result<()> {
    build(&[PLUGINS, GUESTS, EXAMPLE])
}

/// Builds the plugins and the example.
pub fn build_plugins() -> Result<()> {
    build(&[PLUGINS, EXAMPLE])
}

/// The plugins that were built.
pub fn built() -> Result<Vec<PathBuf>> {
    components(&workspace::results().join(PLUGINS.results))
}

/// The example that was built.
pub fn built_example() -> Result<Vec<PathBuf>> {
    components(&workspace::results().join(EXAMPLE.results))
}

fn build(sets: &[Set]) -> Result<()> {
    let toolchain = Toolchain::ensure()?;
    wasm::announce(toolchain)?;
    sets.iter().try_for_each(|set| run::step(&format!("build {}", set.title), || build_set(toolchain, set)))
}

fn build_set(toolchain: Toolchain, set: &Set) -> Result<()> {
    let directory = workspace::root().join(set.workspace);
    let metadata = workspace::metadata(&directory, &["--no-deps"])?;
    let crates = components_below(&metadata, &workspace::root().join(set.below));
    ensure!(!crates.is_empty(), "there is no crate of the type cdylib below {}", set.below);
    let mut command = toolchain.build(&directory, set.profile);
    for (package, _) in &crates {
        command.args(["--package", package]);
    }
    run::run(&mut command)?;
    let results = workspace::results().join(set.results);
    fs::create_dir_all(&results).with_context(|| format!("failed to create {}", results.display()))?;
    let built = wasm::target_dir().join(wasm::TARGET).join(set.profile);
    let mut names = Vec::new();
    for (package, library) in &crates {
        let name = format!("{package}.wasm");
        hand_on(&built.join(format!("{library}.wasm")), &results.join(&name))?;
        names.push(name);
    }
    remove_others(&results, &names)
}

/// Package and library names of the crates below a directory that become modules.
fn components_below(metadata: &Value, directory: &Path) -> Vec<(String, String)> {
    let is_component = |target: &&Value| list(&target["crate_types"]).any(|kind| kind == "cdylib");
    list(&metadata["packages"])
        .filter(|package| package["manifest_path"].as_str().is_some_and(|path| Path::new(path).starts_with(directory)))
        .filter_map(|package| {
            let library = list(&package["targets"]).find(is_component)?["name"].as_str()?;
            Some((package["name"].as_str()?.to_string(), library.replace('-', "_")))
        })
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Copies a file unless the copy is there: who watches the directory sees changes only.
fn hand_on(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("failed to read {}", from.display()))?;
    if fs::read(to).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    let partial = to.with_extension("partial");
    fs::write(&partial, &bytes).with_context(|| format!("failed to write {}", partial.display()))?;
    fs::rename(&partial, to).with_context(|| format!("failed to write {}", to.display()))?;
    say(&format!("{} ({} KiB)", workspace::relative(to), bytes.len() / 1024));
    Ok(())
}

/// A directory of plugins is loaded as a whole: what is no longer built must not stay in it.
fn remove_others(directory: &Path, names: &[String]) -> Result<()> {
    for path in components(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if names.iter().all(|known| *known != name) {
            fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn components(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("failed to read {}: run `cargo xtask build`", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn crates_of_the_right_type_and_place_are_taken() {
        let package = |name: &str, path: &str, kind: &str| json!({"name": name, "manifest_path": path, "targets": [{"name": name, "crate_types": [kind, "rlib"]}]});
        let metadata = json!({"packages": [
            package("op-x", "/w/plugins/op-x/Cargo.toml", "cdylib"),
            package("helper", "/w/plugins/helper/Cargo.toml", "lib"),
            package("host", "/w/host/Cargo.toml", "cdylib"),
        ]});
        let expected = vec![("op-x".to_string(), "op_x".to_string())];
        assert_eq!(components_below(&metadata, Path::new("/w/plugins")), expected);
    }
}
