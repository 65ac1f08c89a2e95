//! From a component that nobody vouches for to machine code: in this process or in a child of it.
//!
//! A component may keep the compiler busy for minutes and take gigabytes. A person who compiles a file of their own sees that and
//! stops it. A process that others depend on lets a child do it, which has limits (see [`ChildCompiler`]).

use wasmtime::Engine;

use crate::artifact::Artifact;
use crate::bounds;
use crate::child::ChildCompiler;
use crate::error::LoadError;
use crate::surface::Surface;

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// In this process.
    #[default]
    Here,
    /// In a child process with limits of its own.
    Child(ChildCompiler),
}

/// What the compiler makes of a component.
pub(crate) struct Code {
    /// As wasmtime reads it.
    pub(crate) machine: Vec<u8>,
    pub(crate) surface: Surface,
}

impl Compiler {
    /// Validates and compiles.
    ///
    /// # Errors
    /// When it is no plugin, or too much for the compiler.
    pub(crate) fn compile(&self, engine: &Engine, artifact: &Artifact) -> Result<Code, LoadError> {
        match self {
            Self::Here => here(engine, artifact),
            Self::Child(child) => child.compile(artifact.bytes()),
        }
    }
}

/// Validates and compiles in this process.
///
/// # Errors
/// As [`Compiler::compile`].
pub(crate) fn here(engine: &Engine, artifact: &Artifact) -> Result<Code, LoadError> {
    bounds::check(artifact.bytes())?;
    let (component, surface) = artifact.component()?;
    let machine =
        engine.precompile_component(&component).map_err(|error| LoadError::Compile { why: format!("{error:#}") })?;
    Ok(Code { machine, surface })
}
