//! What the tests of the node share.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};

/// Settings of the kernel that no namespace keeps apart, with the values of this machine.
pub fn kernel_settings() -> Result<BTreeMap<&'static str, String>> {
    const SETTINGS: [&str; 5] =
        ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"];
    let value =
        |name| fs::read_to_string(format!("/proc/sys/{name}")).with_context(|| format!("failed to read {name}"));
    SETTINGS.into_iter().map(|name| Ok((name, value(name)?))).collect()
}
