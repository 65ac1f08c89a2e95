//! `opstack compile-worker`: the compiler of plugins in a process of its own. Started by `opstack run`, and by nobody else.

use anyhow::Context as _;
use opstack_engine::{ChildCompiler, CompileLimits, compile_stdin};
use std::ffi::OsString;
use std::path::PathBuf;

/// Name of the command.
const NAME: &str = "compile-worker";

/// Compile the component on standard input, within limits.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bytes of memory.
    #[arg(long)]
    memory: u64,
    /// Seconds of processor time.
    #[arg(long)]
    cpu_seconds: u64,
}

impl Args {
    /// Writes the machine code, or why there is none, to standard output.
    pub fn run(self) -> anyhow::Result<()> {
        let limits = CompileLimits { memory: self.memory, cpu_seconds: self.cpu_seconds };
        compile_stdin(limits, std::io::stdin().lock(), std::io::stdout().lock()).context("failed to compile")
    }
}

/// A program that has this command as a compiler.
pub fn compiler(program: PathBuf, limits: CompileLimits) -> ChildCompiler {
    let CompileLimits { memory, cpu_seconds } = limits;
    let arguments = [NAME.to_string(), format!("--memory={memory}"), format!("--cpu-seconds={cpu_seconds}")];
    ChildCompiler { program, arguments: arguments.map(OsString::from).to_vec(), limits }
}
