//! Compiled components on disk: a warm start neither validates nor compiles.
//!
//! An entry is named by the digest of what was delivered and by all that had a part in compiling it. Machine code comes first,
//! so that the file can be mapped: its pages are shared, and read when they are run. Then comes what the component is, then a
//! checksum over the entry's name and all of it, so neither a damaged file nor one under another's name is taken for whole. An
//! entry is written beside its place and renamed, so a reader sees all of it or nothing. Whatever is wrong with one, the
//! component is compiled again and the entry replaced; whatever is wrong with the directory, the engine works without.

use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use tracing::warn;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::Artifact;
use crate::compiler::{Code, Compiler};
use crate::error::LoadError;
use crate::refusals::{self, Refusals};
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

/// Where machine code comes from.
pub(crate) struct Places {
    /// What came with the program. It is read alone.
    pub(crate) shipped: Option<PathBuf>,
    /// What was compiled here.
    pub(crate) cache: Option<PathBuf>,
    /// What is nowhere yet.
    pub(crate) compiler: Compiler,
    /// What is not compiled again.
    pub(crate) refusals: Refusals,
}

impl Places {
    /// Where the cache keeps a component.
    pub(crate) fn entry(&self, engine: &Engine, artifact: &Artifact) -> Option<PathBuf> {
        Some(Entry::of(engine, self.cache.as_deref()?, artifact).path)
    }

    /// Whether loading a component takes no compiler.
    pub(crate) fn is_known(&self, engine: &Engine, artifact: &Artifact) -> bool {
        let dirs = [&self.shipped, &self.cache].into_iter().flatten();
        dirs.map(|dir| Entry::of(engine, dir, artifact)).any(|entry| entry.path.exists())
            || self.refused(engine, artifact).is_some()
    }

    /// Why a component is not compiled again.
    fn refused(&self, engine: &Engine, artifact: &Artifact) -> Option<LoadError> {
        let Compiler::Child(child) = &self.compiler else { return None };
        self.refusals.find(self.cache.as_deref(), &refusals::name(engine, artifact, child.limits))
    }

    /// Compiles a component. What a child could not compile within its limits is remembered: to find that out again would take as
    /// much again.
    fn compile(&self, engine: &Engine, artifact: &Artifact) -> Result<Code, LoadError> {
        if let Some(error) = self.refused(engine, artifact) {
            return Err(error);
        }
        let compiled = self.compiler.compile(engine, artifact);
        if let (Err(error), Compiler::Child(child)) = (&compiled, &self.compiler)
            && !error.is_hosts()
        {
            self.refusals.keep(self.cache.as_deref(), &refusals::name(engine, artifact, child.limits), error);
        }
        compiled
    }
}

/// The machine code of a component, from disk or compiled.
///
/// # Errors
/// When it is no plugin, or the compiler refuses it.
pub(crate) fn load(engine: &Engine, places: &Places, artifact: &Artifact) -> Result<Compiled, LoadError> {
    let entry = |dir: &Option<PathBuf>| dir.as_deref().map(|dir| Entry::of(engine, dir, artifact));
    let (shipped, entry) = (entry(&places.shipped), entry(&places.cache));
    if let Some(compiled) = [&shipped, &entry].into_iter().flatten().find_map(|entry| entry.read(engine)) {
        return Ok(compiled);
    }
    let code = places.compile(engine, artifact)?;
    let kept = entry.and_then(|entry| match entry.write(&code) {
        // Mapped, as it is from then on.
        Ok(()) => deserialize(engine, &entry.path),
        Err(error) => {
            warn!(path = %entry.path.display(), %error, "failed to keep a compiled component; it is compiled again next time");
            None
        }
    });
    let component = match kept {
        Some(component) => component,
        None => from_memory(engine, &code.machine)?,
    };
    Ok(Compiled { component, surface: code.surface, origin: Origin::Compiled })
}

/// Bytes of the checksum, which is the end of an entry.
const CHECKSUM: usize = 32;
/// Bytes of what the component is, filled up with spaces.
const SURFACE: usize = 96;
const TRAILER: usize = SURFACE + CHECKSUM;
/// So many entries are kept. A plugin has one for each of its versions, and for each version of the engine.
const KEPT: usize = 64;

/// One file of the cache.
struct Entry {
    name: String,
    path: PathBuf,
}

/// A hash of all that has a part in compiling: wasmtime's version, the processor's features and the settings of the compiler; and
/// our own version, for we make components of modules.
pub(crate) fn version(engine: &Engine) -> DefaultHasher {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    hasher
}

impl Entry {
    fn of(engine: &Engine, dir: &Path, artifact: &Artifact) -> Self {
        let hasher = version(engine);
        let name = format!("{}-{:016x}.cwasm", artifact.digest().hex(), hasher.finish());
        Self { path: dir.join(&name), name }
    }

    fn read(&self, engine: &Engine) -> Option<Compiled> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(path = %self.path.display(), %error, "failed to read a compiled component; it is compiled again");
                return None;
            }
        };
        let compiled = self.open(engine, file);
        if compiled.is_none() {
            warn!(path = %self.path.display(), "a compiled component is damaged or not ours; it is compiled again");
        }
        compiled
    }

    fn open(&self, engine: &Engine, mut file: File) -> Option<Compiled> {
        let surface = self.verify(&mut file).ok()??;
        // Best effort: what was used last is kept longest.
        let _ = file.set_modified(SystemTime::now());
        Some(Compiled { component: deserialize(engine, &self.path)?, surface, origin: Origin::Cached })
    }

    /// What the component is, where the file is whole.
    fn verify(&self, file: &mut File) -> std::io::Result<Option<Surface>> {
        let Some(code) = file.metadata()?.len().checked_sub(TRAILER as u64) else { return Ok(None) };
        let mut hasher = self.hasher();
        std::io::copy(&mut file.take(code), &mut hasher)?;
        let (mut surface, mut checksum) = ([0; SURFACE], [0; CHECKSUM]);
        file.read_exact(&mut surface)?;
        file.read_exact(&mut checksum)?;
        let whole = hasher.chain_update(surface).finalize()[..] == checksum;
        let text = std::str::from_utf8(&surface).ok().filter(|_| whole);
        Ok(text.and_then(|text| text.trim_end().parse().ok()))
    }

    fn hasher(&self) -> Sha256 {
        Sha256::new().chain_update(&self.name)
    }

    fn write(&self, code: &Code) -> std::io::Result<()> {
        let Code { machine, surface } = code;
        let text = format!("{:SURFACE$}", surface.to_string());
        if text.len() > SURFACE {
            return Err(std::io::Error::other(format!("{:?} is longer than {SURFACE} bytes", surface.version)));
        }
        let checksum = self.hasher().chain_update(machine).chain_update(&text).finalize();
        let Some(dir) = self.path.parent() else { return Ok(()) };
        fs::create_dir_all(dir)?;
        place(&self.path, &[machine, text.as_bytes(), &checksum])?;
        sweep(dir, "cwasm")
    }
}

/// Puts a file in its place whole, beside others who may put the same one there.
pub(crate) fn place(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    // A name that nobody else writes to: the same component may be loaded twice at once, and a directory be shared.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_extension(format!("{}-{count}.partial", std::process::id()));
    let placed = write_through(&partial, parts).and_then(|()| fs::rename(&partial, path));
    if placed.is_err() {
        // Best effort: it is of no use to anybody.
        let _ = fs::remove_file(&partial);
    }
    placed
}

#[allow(unsafe_code, reason = "the only way to load machine code; see the comment on what makes it sound")]
fn deserialize(engine: &Engine, path: &Path) -> Option<Component> {
    // SAFETY: the checksum says that these are the bytes that were written under this name, and only this module writes into
    // the cache directory, where it replaces files by whole ones and never changes one. That directory, and the one that came
    // with the program, have the rights of the operator's own files: who can change them can change the operator.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

#[allow(unsafe_code, reason = "the only way to load machine code; see the comment on what makes it sound")]
fn from_memory(engine: &Engine, machine: &[u8]) -> Result<Component, LoadError> {
    // SAFETY: these bytes are what the compiler gave, in this process or in a child that runs the operator's own program.
    unsafe { Component::deserialize(engine, machine) }.map_err(|error| LoadError::Compile { why: format!("{error:#}") })
}

fn write_through(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// Removes what was not used for the longest time, where there is more than is kept. Who has it mapped keeps it.
pub(crate) fn sweep(dir: &Path, kind: &str) -> std::io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        // Another process may have removed it since.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        if path.extension().is_some_and(|extension| extension == kind) {
            entries.push((modified, path));
        }
    }
    entries.sort();
    let surplus = entries.len().saturating_sub(KEPT);
    for (_, path) in entries.drain(..surplus) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
