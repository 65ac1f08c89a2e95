//! `opstack`: the operator and its tools.

use clap::Parser;
use opstack_operator::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("opstack: {error:#}");
            ExitCode::FAILURE
        }
    }
}
