//! Compiled components on disk: a warm start doesn't compile.
//!
//! An entry is named by the component's digest and the engine that compiled it, and begins with a checksum over its name and
//! what follows: neither a damaged file nor one under another's name is taken for whole. It is written beside its place and
//! renamed, so a reader sees all of it or nothing. Whatever is wrong with an entry, the component is compiled again and the
//! entry replaced; whatever is wrong with the directory, the engine works without.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::warn;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::{Artifact, Digest};
use crate::error::LoadError;

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
///
/// # Errors
/// When the compiler refuses it.
pub(crate) fn component(
    engine: &Engine,
    dir: Option<&Path>,
    artifact: &Artifact,
) -> Result<(Component, Origin), LoadError> {
    let entry = dir.map(|dir| Entry::of(engine, dir, artifact));
    if let Some(component) = entry.as_ref().and_then(|entry| entry.read(engine)) {
        return Ok((component, Origin::Cached));
    }
    let component = Component::new(engine, artifact.component())
        .map_err(|error| LoadError::Compile { why: format!("{error:#}") })?;
    if let Some(entry) = entry
        && let Err(error) = entry.write(&component)
    {
        warn!(path = %entry.path.display(), %error, "failed to keep a compiled component; it is compiled again next time");
    }
    Ok((component, Origin::Compiled))
}

/// One file of the cache.
struct Entry {
    name: String,
    path: PathBuf,
}

impl Entry {
    /// The entry of what is compiled, not of what was delivered: how a module becomes a component is the host's matter.
    fn of(engine: &Engine, dir: &Path, artifact: &Artifact) -> Self {
        let mut hasher = DefaultHasher::new();
        // Of wasmtime's version, the processor's features and the settings of the compiler.
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let name = format!("{}-{:016x}.cwasm", Digest::of(artifact.component()).hex(), hasher.finish());
        Self { path: dir.join(&name), name }
    }

    fn checksum(&self, code: &[u8]) -> [u8; CHECKSUM] {
        Sha256::new().chain_update(&self.name).chain_update(code).finalize().into()
    }

    #[allow(unsafe_code, reason = "the only way to load machine code; see the comment on what makes it sound")]
    fn read(&self, engine: &Engine) -> Option<Component> {
        let path = self.path.display();
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(%path, %error, "failed to read a compiled component; it is compiled again");
                return None;
            }
        };
        let (checksum, code) = bytes.split_at_checked(CHECKSUM).unwrap_or_default();
        if self.checksum(code) != *checksum {
            warn!(%path, "a compiled component is damaged; it is compiled again");
            return None;
        }
        // SAFETY: the checksum says that these are the bytes that were written under this name, and only this module writes
        // into the cache directory, which has the rights of the operator's own files: who can change it can change the
        // operator.
        match unsafe { Component::deserialize(engine, code) } {
            Ok(component) => Some(component),
            Err(error) => {
                warn!(%path, %error, "a compiled component is not of this engine; it is compiled again");
                None
            }
        }
    }

    fn write(&self, component: &Component) -> std::io::Result<()> {
        let code = component.serialize().map_err(std::io::Error::other)?;
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir)?;
        }
        let partial = self.partial();
        let written = write_through(&partial, &[&self.checksum(&code), &code]);
        let placed = written.and_then(|()| fs::rename(&partial, &self.path));
        if placed.is_err() {
            // Best effort: it is of no use to anybody.
            let _ = fs::remove_file(&partial);
        }
        placed
    }

    /// A name that nobody else writes to: the same component may be loaded twice at once, and a directory be shared.
    fn partial(&self) -> PathBuf {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        self.path.with_extension(format!("{}-{count}.partial", std::process::id()))
    }
}

fn write_through(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}
