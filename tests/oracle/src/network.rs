//! A network of a thread's own, and of all that it starts: ports are free in it, and nobody is there but who is put there.

use anyhow::{Context as _, Result, bail};
use rustix::thread::UnshareFlags;
use serde_json::{Value, json};
use std::io::{Error, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The programs answer at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the calling thread into a new network, of which the loopback is all. Threads and processes that it starts from now on
/// are there, too; others of this process are not.
///
/// # Errors
/// Where that is not allowed.
pub fn enter() -> Result<()> {
    // SAFETY: no file descriptors are unshared.
    #[allow(unsafe_code, reason = "namespaces have no safe interface")]
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
        .context("a network of its own is not allowed here (it takes the capability SYS_ADMIN)")?;
    loopback()
}

/// Brings the loopback up.
///
/// # Errors
/// What the kernel says.
pub fn loopback() -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut name = [0; libc::IFNAMSIZ];
    name.iter_mut().zip(b"lo").for_each(|(to, from)| *to = from.cast_signed());
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING)?;
    let request = libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    // SAFETY: the request lives as long as the call, and is what SIOCSIFFLAGS reads.
    #[allow(unsafe_code, reason = "interfaces have no safe interface")]
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if answer == 0 { Ok(()) } else { Err(Error::last_os_error()).context("the loopback doesn't come up") }
}

/// Calls a JSON-RPC method at a port of the loopback; gives its result.
///
/// # Errors
/// When nobody answers, or with an error.
pub fn call(port: u16, method: &str, params: &Value) -> Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer ends with the connection, and is not in chunks.
    let head = "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no HTTP: {answer}"))?;
    let mut answer: Value = serde_json::from_str(body).with_context(|| format!("no JSON: {body}"))?;
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => bail!("{method}: {answer}"),
    }
}
