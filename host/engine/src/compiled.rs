//! Compiled components on disk: a warm start doesn't compile.
//!
//! An entry is named by the component's digest and the engine's compatibility hash, and begins with the SHA-256 of what follows. It is
//! written beside its place and renamed, so a reader sees all of it or nothing. Whatever is wrong with an entry, the
//! component is compiled again and the entry replaced.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::Artifact;
use crate::engine::LoadError;

/// Where the machine code of a plugin came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled now.
    Compiled,
    /// It was on disk.
    Cached,
}

const CHECKSUM: usize = 32;

/// The machine code of a component, from disk or compiled.
pub(crate) fn component(
    engine: &Engine,
    dir: Option<&Path>,
    artifact: &Artifact,
) -> Result<(Component, Origin), LoadError> {
    let path = dir.map(|dir| entry(engine, dir, artifact));
    if let Some(component) = path.as_deref().and_then(|path| read(engine, path)) {
        return Ok((component, Origin::Cached));
    }
    let component = Component::new(engine, artifact.component())
        .map_err(|error| LoadError::Compile { why: format!("{error:#}") })?;
    if let Some(path) = path
        && let Err(error) = write(&component, &path)
    {
        warn!(path = %path.display(), %error, "failed to keep a compiled component; it is compiled again next time");
    }
    Ok((component, Origin::Compiled))
}

fn entry(engine: &Engine, dir: &Path, artifact: &Artifact) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    dir.join(format!("{}-{:016x}.cwasm", artifact.digest().hex(), hasher.finish()))
}

#[allow(unsafe_code, reason = "the only way to load machine code; see the comment on what makes it sound")]
fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let bytes = fs::read(path).ok()?;
    let (checksum, code) = bytes.split_at_checked(CHECKSUM)?;
    if Sha256::digest(code)[..] != *checksum {
        warn!(path = %path.display(), "a compiled component is damaged; it is compiled again");
        return None;
    }
    // SAFETY: the checksum says that these are the bytes that were written, and only this module writes into the cache
    // directory, which has the rights of the operator's own files: who can change it can change the operator.
    match unsafe { Component::deserialize(engine, code) } {
        Ok(component) => Some(component),
        Err(error) => {
            debug!(path = %path.display(), %error, "a compiled component is of another engine");
            None
        }
    }
}

fn write(component: &Component, path: &Path) -> std::io::Result<()> {
    let code = component.serialize().map_err(std::io::Error::other)?;
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let mut file = fs::File::create(&partial)?;
    file.write_all(&Sha256::digest(&code))?;
    file.write_all(&code)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}
