//! Namespaces of our own, so that a program finds its ports free and its files where it looks for them.

use anyhow::{Context as _, Result};
use oracle::network;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::UnshareFlags;

/// Leaves the mounts of this machine, and its network unless this is that of whoever started us.
pub fn enter(shares_network: bool) -> Result<()> {
    // SAFETY: no file descriptors are unshared.
    #[allow(unsafe_code, reason = "namespaces have no safe interface")]
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWIPC) }
        .context("namespaces of its own are not allowed here (they take the capability SYS_ADMIN)")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("mounts stay shared")?;
    if shares_network { Ok(()) } else { network::enter() }
}
