//! Namespaces of our own, so that a program finds its ports free and its files where it looks for them.

use anyhow::{Context as _, Result};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::UnshareFlags;
use std::io::Error;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// Leaves the mounts and the network of this machine.
pub fn enter() -> Result<()> {
    // SAFETY: no file descriptors are unshared.
    #[allow(unsafe_code, reason = "namespaces have no safe interface")]
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC) }
        .context("namespaces of its own are not allowed here (they take the capability SYS_ADMIN)")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("mounts stay shared")?;
    loopback().context("the loopback doesn't come up")
}

fn loopback() -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut name = [0; libc::IFNAMSIZ];
    name.iter_mut().zip(b"lo").for_each(|(to, from)| *to = from.cast_signed());
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING)?;
    let request = libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    // SAFETY: the request lives as long as the call, and is what SIOCSIFFLAGS reads.
    #[allow(unsafe_code, reason = "interfaces have no safe interface")]
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if answer == 0 { Ok(()) } else { Err(Error::last_os_error().into()) }
}
