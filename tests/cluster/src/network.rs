//! The wire between this machine and the node, which is a machine of its own to the network.
//!
//! ```text
//! this machine                                   the node's network namespace
//! opstack0 10.245.0.1/30  ── a pair of ends ──   eth0 10.245.0.2/30 ── 10.244.0.0/16 Pods (a pair for each)
//!                                                                   └─ 10.96.0.0/16 Services (kube-proxy)
//! ```
//!
//! The routes to Pods and Services go with the pair. There is no way to the outside.

use std::{
    net::Ipv4Addr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::tool::run;

/// This machine's end.
pub(crate) const LINK: &str = "opstack0";

/// This machine, as Pods reach it.
pub const MACHINE: Ipv4Addr = Ipv4Addr::new(10, 245, 0, 1);

/// The node; its API server listens here.
pub const NODE: Ipv4Addr = Ipv4Addr::new(10, 245, 0, 2);

/// The addresses of Pods.
pub(crate) const PODS: &str = "10.244.0.0/16";

/// The addresses of Services, as the control plane has them.
pub(crate) const SERVICES: &str = "10.96.0.0/16";

/// The Service that resolves names.
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

const PATIENCE: Duration = Duration::from_secs(30);

/// Lays the wire to the network namespace of a process, and the routes over it.
pub(crate) fn connect(process: u32) -> Result<()> {
    run("ip", &format!("link add {LINK} type veth peer name eth0 netns {process}"))?;
    run("ip", &format!("address add {MACHINE}/30 dev {LINK}"))?;
    run("ip", &format!("link set {LINK} up"))?;
    for range in [PODS, SERVICES] {
        run("ip", &format!("route add {range} via {NODE}")).with_context(|| {
            format!("the cluster's addresses ({range}) must not be those of a network of this machine")
        })?;
    }
    Ok(())
}

/// Inside the namespace: waits for the wire, and takes the other end.
pub(crate) fn take_end() -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !Path::new("/proc/sys/net/ipv4/conf/eth0").exists() {
        ensure!(Instant::now() < deadline, "nobody has laid a wire to the node after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
    run("ip", "link set lo up")?;
    run("ip", &format!("address add {NODE}/30 dev eth0"))?;
    run("ip", "link set eth0 up")?;
    run("ip", &format!("route add default via {MACHINE}"))
}

/// Takes the wire away, and with it the routes. The kernel does so, too, but only when the last connection of the node
/// has timed out.
pub(crate) fn disconnect() -> Result<()> {
    match run("ip", &format!("link delete {LINK}")) {
        Err(error) if is_connected() => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn is_connected() -> bool {
    Path::new("/sys/class/net").join(LINK).exists()
}
