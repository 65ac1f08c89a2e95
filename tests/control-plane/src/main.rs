//! The control plane for use by hand, and for a build of the programs as a step of its own.

use std::{env, io, time::Instant};

use anyhow::{Result, bail};
use control_plane::{AuditLevel, ControlPlane, Options, Programs};

const USAGE: &str = "usage: control-plane COMMAND
  programs  build the programs, if they are not there yet, and print where they are
  up        start a control plane, print how to reach it, keep it until the standard input ends";

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["programs"] => programs(),
        ["up"] => up(),
        _ => bail!("{USAGE}"),
    }
}

fn programs() -> Result<()> {
    let Programs { etcd, kube_apiserver, kube_controller_manager, kube_scheduler, kubectl } = Programs::find()?;
    let optional = [kube_controller_manager, kube_scheduler, kubectl].into_iter().flatten();
    for path in [etcd, kube_apiserver].into_iter().chain(optional) {
        println!("{}", path.display());
    }
    Ok(())
}

fn up() -> Result<()> {
    let programs = Programs::find()?;
    let scheduler = programs.kube_scheduler.is_some();
    let options = Options { scheduler, ..Options::audited(AuditLevel::Metadata) };
    let started = Instant::now();
    let plane = ControlPlane::start_with(&programs, options)?;
    println!("export KUBECONFIG={}", plane.kubeconfig_path().display());
    println!("# ready after {:.1} s; ends with the standard input", started.elapsed().as_secs_f64());
    for (component, id) in plane.process_ids() {
        println!("# {component}: process {id}, log {}", plane.log_path(component).display());
    }
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
