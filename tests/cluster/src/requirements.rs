//! What a machine needs to be a node, and what to do where something is missing.

use std::{env, fs, path::Path};

use anyhow::Result;

use crate::{packages, tool};

/// Programs of the machine, with the Debian package of each.
const TOOLS: [(&str, &str); 11] = [
    ("unshare", "util-linux"),
    ("setsid", "util-linux"),
    ("mount", "mount"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("iptables", "iptables"),
    ("ipset", "ipset"),
    ("conntrack", "conntrack"),
    ("runc", "runc"),
    ("busybox", "busybox-static"),
    ("ldd", "libc-bin"),
];

/// The controllers of control groups that a kubelet asks for.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "cpuset", "memory", "pids"];

/// Says why this machine can't run a kubelet, if so.
pub fn missing() -> Option<String> {
    not_linux()
        .or_else(no_root)
        .or_else(no_tools)
        .or_else(no_overlay)
        .or_else(no_control_groups)
        .or_else(no_namespaces)
        .or_else(no_sets)
}

fn not_linux() -> Option<String> {
    (!cfg!(target_os = "linux")).then(|| format!("a kubelet needs Linux, and this is {}", env::consts::OS))
}

fn no_root() -> Option<String> {
    (!rustix::process::geteuid().is_root()).then(|| {
        "a kubelet needs root: run this as root, or let KUBECONFIG name a cluster that tests may use".to_owned()
    })
}

/// Installs the packages that this machine lacks, where it is Debian's and this is root.
///
/// For commands that were asked for a node. Tests change nothing of a machine, and are skipped where something is missing.
pub fn provide() -> Result<()> {
    let packages = missing_packages();
    if packages.is_empty() || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    packages::install(&packages)
}

fn no_tools() -> Option<String> {
    let names: Vec<_> = missing_tools().map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| {
        format!("there is no {} on the PATH: apt-get install {}", names.join(", no "), missing_packages().join(" "))
    })
}

fn missing_packages() -> Vec<&'static str> {
    let mut packages: Vec<_> = missing_tools().map(|(_, package)| package).collect();
    packages.dedup();
    packages
}

fn missing_tools() -> impl Iterator<Item = (&'static str, &'static str)> {
    let places = env::var_os("PATH").unwrap_or_default();
    let is_there = move |name: &str| env::split_paths(&places).any(|place| place.join(name).is_file());
    TOOLS.into_iter().filter(move |(name, _)| !is_there(name))
}

fn no_overlay() -> Option<String> {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    (!known.contains("overlay")).then(|| "the kernel has no overlay file system: try `modprobe overlay`".to_owned())
}

/// Version 2 has one tree, which tells by this file what it has; version 1 has a tree for each controller.
fn no_control_groups() -> Option<String> {
    let root = Path::new("/sys/fs/cgroup");
    if root.join("cgroup.controllers").is_file() {
        return None;
    }
    let lacking: Vec<_> =
        CONTROLLERS.into_iter().filter(|name| !root.join(name).join("cgroup.procs").exists()).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "the controllers {} of control groups are not mounted below {}: a kubelet can limit nothing",
            lacking.join(", "),
            root.display()
        )
    })
}

fn no_namespaces() -> Option<String> {
    let tried = tool::run("unshare", "--mount --net --pid --fork --mount-proc true");
    tried
        .err()
        .map(|error| format!("this machine allows no namespaces of our own, probably it is a container: {error:#}"))
}

/// Network policies are rules about sets of addresses.
fn no_sets() -> Option<String> {
    const RULE: &str = "ipset create probe hash:ip && iptables --append FORWARD --match set --match-set probe src";
    let tried = tool::output("unshare", &["--net", "sh", "-c", RULE]);
    tried
        .err()
        .map(|error| format!("the kernel has no rules about sets of addresses: try `modprobe xt_set`: {error:#}"))
}
