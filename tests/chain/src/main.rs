//! The chain for use by hand.

use std::{env, process::ExitCode, time::Instant};

use anyhow::{Result, bail};
use chain::{
    Built, CHAIN, Report, Site,
    operator::{NAMESPACE, PAGE},
};
use cluster::Life;

const USAGE: &str = "usage: chain up CLUSTER OPSTACK PLUGINS
  CLUSTER  the program that starts a Kubernetes node
  OPSTACK  the operator
  PLUGINS  the directory of its components";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match command(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chain: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: &[&str]) -> Result<()> {
    let ["up", cluster, opstack, plugins] = arguments else { bail!("{USAGE}") };
    let built = Built { cluster: cluster.into(), opstack: opstack.into(), plugins: plugins.into() };
    let began = Instant::now();
    cluster::provide()?;
    let site = Site::up(&built, Life::UntilDown)?;
    let report = Report::when_ready(&site)?;
    println!("{report}");
    println!("a chain after {:.0} s\n", began.elapsed().as_secs_f64());
    println!("  export KUBECONFIG={}", site.cluster().kubeconfig().display());
    println!("  kubectl --namespace {CHAIN} get optimismnetworks,opnodes,opbatchers,opproposers,opchallengers,pods");
    println!("  {opstack} status --namespace {CHAIN} --watch");
    println!("  kubectl --namespace {NAMESPACE} port-forward deployment/opstack {PAGE}   # http://127.0.0.1:{PAGE}/");
    println!("  cargo xtask cluster down");
    Ok(())
}
