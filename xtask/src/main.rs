//! The project's own commands: `cargo xtask …` builds the plugins, tests, demonstrates and measures.
//!
//! Each command is a file of its name. Progress goes to the standard error, results to the standard output.

mod bench;
mod cluster;
mod codegen;
mod demo;
mod kubernetes;
mod plugins;
mod programs;
mod run;
mod supply;
mod test;
mod tidy;
mod wasm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use codegen::Mode;

/// Builds, tests and demonstrates the operator.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build all plugins (and what tests need of their kind) to WebAssembly, into target/plugins and beside it.
    Build,
    /// Show what the examples become, on a Kubernetes API server that is started for it.
    Demo {
        /// Instead of the examples a whole chain, whose programs run; needs root.
        #[arg(long, conflicts_with = "keep")]
        chain: bool,
        /// Leave everything up until Ctrl-C, and tell how to look at it.
        #[arg(long)]
        keep: bool,
        /// Take the plugins and the operator as they were built last.
        #[arg(long)]
        no_build: bool,
    },
    /// A Kubernetes node on this machine, on which Pods run; needs root.
    Cluster {
        #[command(subcommand)]
        action: cluster::Action,
    },
    /// Build the real programs of the OP Stack, once per machine, and list them with what they say they are.
    Programs,
    /// Check everything: format, lints, generated files, tests. The last line tells the counts.
    Test,
    /// Check the rules of this repository that no compiler knows.
    Tidy,
    /// Measure the operator beside the raw work that it stands for, and write target/bench.json.
    Bench {
        /// Only these: render, writes, scale.
        parts: Vec<String>,
    },
    /// Write what follows from the code: CustomResourceDefinitions and parts of the documents.
    Codegen {
        /// Write nothing; fail if something would change.
        #[arg(long)]
        check: bool,
        /// Take the plugins and the operator as they were built last.
        #[arg(long)]
        no_build: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Build => plugins::build_all(),
        Command::Demo { chain: true, no_build, .. } => demo::chain(|| build_unless(no_build)),
        Command::Demo { keep, no_build, .. } => demo::demo(keep, || build_unless(no_build)),
        Command::Cluster { action } => cluster::cluster(action),
        Command::Programs => programs::programs(),
        Command::Test => return test::test(),
        Command::Tidy => tidy::tidy(),
        Command::Bench { parts } => plugins::build_plugins().and_then(|()| bench::bench(&parts)),
        Command::Codegen { check, no_build } => {
            let mode = if check { Mode::Check } else { Mode::Write };
            build_unless(no_build).and_then(|()| codegen::codegen(mode))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the plugins and `opstack`.
fn build_unless(is_built: bool) -> Result<()> {
    if is_built {
        return Ok(());
    }
    plugins::build_plugins()?;
    workspace::build_opstack()
}
