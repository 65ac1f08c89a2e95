//! The cluster for use by hand, and the two programs that it is started by.

use std::{env, path::Path, process::ExitCode};

use anyhow::{Result, bail};
use cluster::{Cluster, Image, Life, images};
use op_programs::OpPrograms;

const USAGE: &str = "usage: cluster COMMAND
  up      start a Kubernetes node with its control plane, or take the one that is there
  down    end it, and remove all that is left of it
  load    make images of the programs of the OP Stack, and of `opstack` if its path and the directory of its plugins
          follow; give them to the node
  status  tell whether there is one";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match command(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["up"] => up(),
        ["load"] => load(None),
        ["load", opstack, plugins] => load(Some(images::of_opstack(opstack, Path::new(plugins))?)),
        ["down"] => cluster::down(),
        ["status"] => {
            cluster::status().iter().for_each(|line| println!("{line}"));
            Ok(())
        }
        // Not for use by hand: see `cluster::init`.
        ["init"] => cluster::init(),
        ["node"] => cluster::node(),
        _ => bail!("{USAGE}"),
    }
}

fn up() -> Result<()> {
    if let Some(given) = control_plane::Cluster::from_env()? {
        println!("export KUBECONFIG={}", given.kubeconfig_path().display());
        println!("# it was given: nothing is started");
        return Ok(());
    }
    cluster::provide()?;
    let cluster = Cluster::start(&env::current_exe()?, Life::UntilDown)?;
    println!("export KUBECONFIG={}", cluster.kubeconfig().display());
    if cluster.is_found() {
        println!("# it was there already");
    }
    Ok(())
}

fn load(opstack: Option<Image>) -> Result<()> {
    let cluster = Cluster::start(&env::current_exe()?, Life::UntilDown)?;
    let mut made = images::of_programs(&OpPrograms::find()?);
    made.extend(opstack);
    cluster.load(&made)?;
    made.iter().for_each(|image| println!("{}", image.name));
    Ok(())
}
