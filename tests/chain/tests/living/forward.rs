//! A way to a port on the loopback of a Pod.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use anyhow::{Context as _, Result};
use chain::Site;

/// `kubectl port-forward`, until it is dropped.
pub struct Forward {
    kubectl: Child,
    /// It tells of each connection, and ends when nobody can hear that.
    _told: BufReader<ChildStdout>,
    url: String,
}

impl Forward {
    /// A way to the port of a Pod, or of one that a workload has.
    pub fn start(site: &Site, namespace: &str, target: &str, port: u16) -> Result<Self> {
        let (namespace, port) = (format!("--namespace={namespace}"), format!(":{port}"));
        let mut command = site.kubectl().command([&namespace, "port-forward", target, &port]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut kubectl = control_plane::spawn(command)?;
        let mut told = BufReader::new(kubectl.stdout.take().context("a pipe")?);
        let mut line = String::new();
        told.read_line(&mut line)?;
        // Forwarding from 127.0.0.1:37421 -> 8081
        let address = line.split_whitespace().nth(2).with_context(|| format!("kubectl says {line:?}"))?;
        Ok(Self { kubectl, _told: told, url: format!("http://{address}") })
    }

    /// Where it begins: `http://127.0.0.1:37421`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
