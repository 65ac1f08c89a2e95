//! Plugins from a directory, for commands that need no cluster.

use anyhow::{Context as _, bail};
use opstack_engine::{Engine, EngineConfig};
use std::path::{Path, PathBuf};

use crate::plugins::{Registry, Serving, loader};

/// Where plugins are, if nothing else is said.
pub const DEFAULT_DIR: &str = "target/plugins";

/// An engine whose compiled components are kept in the user's cache.
pub fn engine() -> anyhow::Result<Engine> {
    engine_with(cache_dir())
}

/// An engine whose compiled components are kept in a directory.
pub fn engine_with(cache_dir: Option<PathBuf>) -> anyhow::Result<Engine> {
    let config = EngineConfig { cache_dir, ..EngineConfig::default() };
    Engine::new(config).context("failed to start the WebAssembly engine")
}

/// `$XDG_CACHE_HOME/opstack/components`, or below `~/.cache`.
pub fn cache_dir() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    Some(base.join("opstack/components"))
}

/// The files of a directory that hold components, sorted.
///
/// # Errors
/// When it can't be read, or there is none.
pub fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(dir).with_context(|| format!("failed to read the plugin directory {}", dir.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| {
        let name = path.to_string_lossy();
        name.ends_with(".wasm") || name.ends_with(".wasm.zst")
    });
    files.sort();
    if files.is_empty() {
        bail!("the plugin directory {} holds no *.wasm and no *.wasm.zst", dir.display());
    }
    Ok(files)
}

/// Loads every component of a directory with all that it asks for granted.
///
/// # Errors
/// The file, and what is wrong with it.
pub fn load_dir(engine: &Engine, dir: &Path) -> anyhow::Result<Vec<Serving>> {
    files(dir)?.iter().map(|file| load_file(engine, file)).collect()
}

/// Loads one component.
///
/// # Errors
/// What is wrong with it.
pub fn load_file(engine: &Engine, file: &Path) -> anyhow::Result<Serving> {
    let bytes = std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    loader::trusted(engine, &bytes).with_context(|| format!("failed to load {}", file.display()))
}

/// A registry of a directory's plugins.
///
/// # Errors
/// As [`load_dir`].
pub fn registry(dir: &Path) -> anyhow::Result<Registry> {
    let registry = Registry::default();
    for serving in load_dir(&engine()?, dir)? {
        registry.insert(serving);
    }
    Ok(registry)
}
