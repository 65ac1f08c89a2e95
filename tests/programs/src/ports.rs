//! Ports for programs that are told where to listen.

use std::{
    io::{Error, ErrorKind, Result},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below those that the kernel chooses by itself, so that no connection takes one before its program starts.
const PORTS: Range<u16> = 20_000..32_000;

/// A port of the loopback at which nobody listens, and which this process was not given before.
///
/// # Errors
/// When none is free.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    for _ in PORTS {
        // Each process begins elsewhere.
        let at = process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        let port = PORTS.start + u16::try_from(at).map_err(Error::other)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::new(ErrorKind::AddrInUse, format!("no port is free between {} and {}", PORTS.start, PORTS.end)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<_> = (0..200).map(|_| super::free_port().expect("a port")).collect();
        assert_eq!(ports.len(), 200);
    }
}
