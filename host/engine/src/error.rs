//! Why a component was not loaded: one variant for each stage, each with what to do about it.

use opstack_core::blame::{Blame, Fault};
use serde::{Deserialize, Serialize};

/// The one reason that is the host's own.
const COMPILER_FAILED: &str = "CompilerFailed";

/// A component was not loaded.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum LoadError {
    /// Too many bytes, as delivered or after decompression.
    #[error("the component is larger than {limit} bytes; build it with lto, opt-level \"s\" and strip")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// Truncated, not WebAssembly, or invalid.
    #[error("the file is damaged or no WebAssembly: {why}")]
    Damaged {
        /// What is wrong.
        why: String,
    },
    /// A core module without the contract in it.
    #[error("the module can't be made a component; was it built with the SDK? {why}")]
    NotAPlugin {
        /// What is wrong.
        why: String,
    },
    /// It asks for something outside the contract.
    #[error(
        "it imports {name}, which the contract does not offer to it; a plugin has no files, clock, network or \
         environment: build it for wasm32-unknown-unknown and without what needs these"
    )]
    ForbiddenImport {
        /// The import.
        name: String,
    },
    /// Built for another version of the contract.
    #[error(
        "it speaks version {found} of the contract opstack:plugin, and this host {supported}; rebuild it with a \
         matching SDK"
    )]
    WrongContract {
        /// The component's.
        found: String,
        /// The host's.
        supported: String,
    },
    /// It exports neither world.
    #[error(
        "it exports neither opstack:plugin/workload nor opstack:plugin/execution-client; does the crate call \
         register_workload! or register_execution_client!?"
    )]
    NoWorld,
    /// It does not fit the world it claims.
    #[error("it does not fit the contract: {why}")]
    Mismatch {
        /// What is wrong.
        why: String,
    },
    /// The compiler refused it.
    #[error("failed to compile it: {why}")]
    Compile {
        /// What is wrong.
        why: String,
    },
    /// The compiler would be busy with it out of all proportion.
    #[error(
        "it is not compiled, for that would take too long: {why}; split the function, or build it with opt-level \"s\""
    )]
    TooComplex {
        /// What there is too much of.
        why: String,
    },
    /// Compiling it took more than is allowed.
    #[error(
        "compiling it takes more than the {what} that are allowed; make it smaller, or let the operator allow more by \
         --compile-memory-mib and --compile-seconds"
    )]
    CompileLimit {
        /// What is allowed.
        what: String,
    },
    /// There was no compiler, or somebody ended it.
    #[error("the process that compiles it failed: {why}; it is tried again")]
    CompilerFailed {
        /// What happened.
        why: String,
    },
    /// A limit beyond what the engine can give.
    #[error("spec.limits.memoryMib asks for more than the {max_mib} MiB that a call can have")]
    Limits {
        /// The most there is.
        max_mib: usize,
    },
    /// Its `describe` failed.
    #[error("its describe failed: {0}")]
    #[serde(skip)]
    Describe(Fault),
}

impl LoadError {
    /// CamelCase, for a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "TooLarge",
            Self::Damaged { .. } => "Damaged",
            Self::NotAPlugin { .. } => "NotAPlugin",
            Self::ForbiddenImport { .. } => "ForbiddenImport",
            Self::WrongContract { .. } => "WrongContract",
            Self::NoWorld => "NoWorld",
            Self::Mismatch { .. } => "Mismatch",
            Self::Compile { .. } => "Compile",
            Self::TooComplex { .. } => "TooComplex",
            Self::CompileLimit { .. } => "CompileLimit",
            Self::CompilerFailed { .. } => COMPILER_FAILED,
            Self::Limits { .. } => "Limits",
            Self::Describe(fault) => fault.reason,
        }
    }

    /// Whether the host is to blame and not the plugin.
    pub fn is_hosts(&self) -> bool {
        match self {
            Self::Describe(fault) => fault.blame == Blame::Host,
            Self::CompilerFailed { .. } => true,
            _ => false,
        }
    }
}
