//! The command line. Each command is a file; this one only names them.

mod aside;
pub mod compile_worker;
mod completions;
mod crds;
mod documents;
mod fetch;
mod init;
pub mod offline;
mod plugin;
mod rbac;
mod render;
pub mod run;
mod scope;
mod status;
mod tree;

use clap::{Parser, Subcommand};

/// Operator of OP Stack chains whose kinds are WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "opstack", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<run::Args>),
    /// Print networks, nodes and whatever else plugins serve, as tables.
    Status(status::Args),
    /// Print objects with their conditions, and all that was made of them.
    Tree(tree::Args),
    /// Print the objects that documents lead to, without a cluster.
    Render(render::Args),
    /// Look at, check and pack plugins.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Print the CustomResourceDefinitions of the operator and of plugins.
    Crds(crds::Args),
    /// Print a ServiceAccount and the roles that the operator needs to serve plugins.
    Rbac(rbac::Args),
    /// Prepare files inside a pod, as an init container.
    #[command(subcommand)]
    Init(init::Command),
    /// Fetch a file and check its digest, as an init container.
    Fetch(fetch::Args),
    /// Compile the component on standard input, within limits.
    #[command(hide = true)]
    CompileWorker(compile_worker::Args),
    /// Print completions for a shell.
    Completions(completions::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What a person should read; the process exits with 1.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(args) => args.run(),
            Command::Status(args) => args.run(),
            Command::Tree(args) => args.run(),
            Command::Render(args) => args.run(),
            Command::Plugin(command) => command.run(),
            Command::Crds(args) => args.run(),
            Command::Rbac(args) => args.run(),
            Command::Init(command) => command.run(),
            Command::Fetch(args) => args.run(),
            Command::CompileWorker(args) => args.run(),
            Command::Completions(args) => args.run(),
        }
    }
}
