//! The project's own commands: `cargo xtask …` builds the plugins, tests, demonstrates and measures.
//!
//! Each command is a file of its name. Progress goes to the standard error, results to the standard output.

mod codegen;
mod plugins;
mod run;
mod test;
mod tidy;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Check everything: format, lints, generated files, tests. The last line tells the counts.
    Test,
    /// Check the rules of this repository that no compiler knows.
    Tidy,
    /// Write what follows from the code: CustomResourceDefinitions and parts of the documents.
    Codegen {
        /// Write nothing; fail if something would change.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Build => plugins::build_all(),
        Command::Test => return test::test(),
        Command::Tidy => tidy::tidy(),
        Command::Codegen { check } => codegen::codegen(if check { codegen::Mode::Check } else { codegen::Mode::Write }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
