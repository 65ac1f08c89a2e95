//! Components that could not be compiled, and why: they are not compiled again until the engine or the limits are others.
//!
//! Beside the compiled ones on disk, so that a restart does not try again either; in memory, where there is no disk.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tracing::warn;
use wasmtime::Engine;

use crate::artifact::Artifact;
use crate::child::CompileLimits;
use crate::compiled;
use crate::error::LoadError;

/// So many are remembered in memory.
const KEPT: usize = 256;

/// The file of a refusal: by the component, and by all that had a part in refusing it.
pub(crate) fn name(engine: &Engine, artifact: &Artifact, limits: CompileLimits) -> String {
    let mut hasher = compiled::version(engine);
    limits.hash(&mut hasher);
    format!("{}-{:016x}.refused", artifact.digest().hex(), hasher.finish())
}

/// What was refused, by name.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<String, LoadError>>);

impl Refusals {
    /// Why a component was refused, if it was.
    pub(crate) fn find(&self, dir: Option<&Path>, name: &str) -> Option<LoadError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.or_else(|| serde_json::from_slice(&std::fs::read(dir?.join(name)).ok()?).ok())
    }

    /// Remembers why one is refused.
    pub(crate) fn keep(&self, dir: Option<&Path>, name: &str, error: &LoadError) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.into(), error.clone());
        if all.len() > KEPT {
            all.pop_first();
        }
        drop(all);
        let kept = dir.map_or(Ok(()), |dir| write(dir, name, error));
        if let Err(error) = kept {
            warn!(name, %error, "failed to keep why a component is refused; after a restart it is compiled again");
        }
    }
}

fn write(dir: &Path, name: &str, error: &LoadError) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    compiled::place(&dir.join(name), &[&serde_json::to_vec(error)?])?;
    compiled::sweep(dir, "refused")
}
