//! The operator goes and comes again under a living chain.

use std::time::Instant;

use anyhow::{Result, ensure};
use chain::{NODES, Report, Site, operator};
use chart::Helm;

use crate::{faults::pods_of_the_chain, figure};

/// The chart is uninstalled, which leaves the chain, and installed again, which restarts nothing.
pub fn goes_and_comes(site: &Site) -> Result<()> {
    let release = Helm::find()?.release(&site.cluster().kubeconfig(), operator::NAMESPACE);
    let pods = pods_of_the_chain(site)?;
    let height = site.execution(NODES[0])?.height()?;
    release.uninstall()?;
    chain::until("the chain goes on without an operator", || Ok(site.execution(NODES[0])?.height()? > height + 5))?;
    ensure!(pods_of_the_chain(site)? == pods, "Pods of the chain noticed that the chart was uninstalled");
    let began = Instant::now();
    release.apply(&operator::values())?;
    Report::when_ready(site)?;
    ensure!(pods_of_the_chain(site)? == pods, "Pods of the chain noticed that the chart was installed again");
    figure(
        'F',
        &format!(
            "without the chart the chain went on; {:.0} s after it was installed again all is Ready, and no container was restarted",
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(())
}
