//! `opstack`: the operator and its tools.

use clap::Parser;
use opstack_operator::cli::Cli;
use std::process::ExitCode;

/// Many threads hold many small records for long: the system's allocator keeps much more memory than they need.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("opstack: {error:#}");
            ExitCode::FAILURE
        }
    }
}
