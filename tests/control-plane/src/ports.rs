//! TCP ports of this machine that stay ours.
//!
//! A port that was found free can be gone a moment later. So the socket that found it stays bound
//! (it never listens) with SO_REUSEPORT set, and the servers bind their own socket beside it with
//! the same option: nobody else gets the port, not even while a server restarts.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::OwnedFd,
};

use anyhow::{Context as _, Result};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt},
};

/// A port of one address, reserved for as long as this value lives.
pub(crate) struct Port {
    pub address: SocketAddr,
    _reservation: OwnedFd,
}

impl Port {
    /// A port of the loopback.
    pub(crate) fn reserve() -> Result<Self> {
        Self::reserve_at(Ipv4Addr::LOCALHOST)
    }

    pub(crate) fn reserve_at(address: Ipv4Addr) -> Result<Self> {
        Self::try_reserve(address).with_context(|| format!("failed to reserve a port of {address}"))
    }

    fn try_reserve(address: Ipv4Addr) -> Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(address, 0))?;
        let address = SocketAddr::try_from(getsockname(&socket)?)?;
        Ok(Self { address, _reservation: socket })
    }

    pub(crate) fn number(&self) -> u16 {
        self.address.port()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, net::TcpListener};

    use super::*;

    #[test]
    fn a_reserved_port_is_given_to_nobody_else() {
        let ports: Vec<_> = (0..50).map(|_| Port::reserve().expect("a port")).collect();
        let numbers: HashSet<_> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len(), "a port was given out twice");
        TcpListener::bind(ports[0].address).expect_err("the port is taken");
    }
}
