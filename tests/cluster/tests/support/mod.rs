//! What the tests of the node share.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};

/// Says why the node can't be tested here, if so.
pub fn why_not() -> Option<String> {
    match control_plane::Cluster::from_env() {
        Ok(Some(_)) => Some("another cluster is named by the environment, and this is about a node of our own".into()),
        Ok(None) => cluster::missing(),
        Err(error) => Some(format!("{error:#}")),
    }
}

/// Settings of the kernel that no namespace keeps apart, with the values of this machine.
pub fn kernel_settings() -> Result<BTreeMap<&'static str, String>> {
    const SETTINGS: [&str; 5] =
        ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"];
    let value =
        |name| fs::read_to_string(format!("/proc/sys/{name}")).with_context(|| format!("failed to read {name}"));
    SETTINGS.into_iter().map(|name| Ok((name, value(name)?))).collect()
}
