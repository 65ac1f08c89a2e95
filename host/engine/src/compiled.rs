//! Compiled components on disk: a warm start neither validates nor compiles.
//!
//! An entry is named by the digest of what was delivered and by all that had a part in compiling it. It begins with a checksum
//! over its name and what follows, so neither a damaged file nor one under another's name is taken for whole; then comes a
//! line with what the component is, then machine code. It is written beside its place and renamed, so a reader sees all of it
//! or nothing. Whatever is wrong with an entry, the component is compiled again and the entry replaced; whatever is wrong with
//! the directory, the engine works without.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::warn;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::Artifact;
use crate::error::LoadError;
use crate::surface::Surface;

/// Where the machine code of a plugin came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled now.
    Compiled,
    /// It was on disk.
    Cached,
}

/// A component that can run.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) surface: Surface,
    pub(crate) origin: Origin,
}

/// The machine code of a component, from disk or compiled.
///
/// # Errors
/// When it is no plugin, or the compiler refuses it.
pub(crate) fn load(engine: &Engine, dir: Option<&Path>, artifact: &Artifact) -> Result<Compiled, LoadError> {
    let entry = dir.map(|dir| Entry::of(engine, dir, artifact));
    if let Some(compiled) = entry.as_ref().and_then(|entry| entry.read(engine)) {
        return Ok(compiled);
    }
    let (bytes, surface) = artifact.component()?;
    let component = Component::new(engine, &bytes).map_err(|error| LoadError::Compile { why: format!("{error:#}") })?;
    let compiled = Compiled { component, surface, origin: Origin::Compiled };
    if let Some(entry) = entry
        && let Err(error) = entry.write(&compiled)
    {
        warn!(path = %entry.path.display(), %error, "failed to keep a compiled component; it is compiled again next time");
    }
    Ok(compiled)
}

const CHECKSUM: usize = 32;

/// One file of the cache.
struct Entry {
    name: String,
    path: PathBuf,
}

impl Entry {
    fn of(engine: &Engine, dir: &Path, artifact: &Artifact) -> Self {
        let mut hasher = DefaultHasher::new();
        // wasmtime's version, the processor's features and the settings of the compiler;
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // and ours, for we make components of modules.
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        let name = format!("{}-{:016x}.cwasm", artifact.digest().hex(), hasher.finish());
        Self { path: dir.join(&name), name }
    }

    fn read(&self, engine: &Engine) -> Option<Compiled> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(path = %self.path.display(), %error, "failed to read a compiled component; it is compiled again");
                return None;
            }
        };
        let compiled = self.parse(engine, &bytes);
        if compiled.is_none() {
            warn!(path = %self.path.display(), "a compiled component is damaged or not ours; it is compiled again");
        }
        compiled
    }

    fn parse(&self, engine: &Engine, bytes: &[u8]) -> Option<Compiled> {
        let (checksum, content) = bytes.split_at_checked(CHECKSUM)?;
        if self.checksum(&[content]) != *checksum {
            return None;
        }
        let end = content.iter().position(|byte| *byte == b'\n')?;
        let (line, code) = (content.get(..end)?, content.get(end + 1..)?);
        let surface = std::str::from_utf8(line).ok()?.parse().ok()?;
        Some(Compiled { component: deserialize(engine, code)?, surface, origin: Origin::Cached })
    }

    fn checksum(&self, parts: &[&[u8]]) -> [u8; CHECKSUM] {
        let hasher = Sha256::new().chain_update(&self.name);
        parts.iter().fold(hasher, |hasher, part| hasher.chain_update(part)).finalize().into()
    }

    fn write(&self, compiled: &Compiled) -> std::io::Result<()> {
        let code = compiled.component.serialize().map_err(std::io::Error::other)?;
        let line = format!("{}\n", compiled.surface);
        let checksum = self.checksum(&[line.as_bytes(), &code]);
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir)?;
        }
        let partial = self.partial();
        let written = write_through(&partial, &[&checksum, line.as_bytes(), &code]);
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

#[allow(unsafe_code, reason = "the only way to load machine code; see the comment on what makes it sound")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: the checksum says that these are the bytes that were written under this name, and only this module writes into
    // the cache directory, which has the rights of the operator's own files: who can change it can change the operator.
    unsafe { Component::deserialize(engine, code) }.ok()
}

fn write_through(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}
