//! The operator's page of the living chain, in a browser.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use chain::{Site, operator};
use suite::plugins::root;

use crate::figure;

const PICTURE: &str = "target/page-living.png";

/// It shows every resource, as the documents say that one gets there, and the browser has nothing to complain of.
pub fn shows_the_chain(site: &Site) -> Result<()> {
    let program = match page::browser() {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: {why}");
            return Ok(());
        }
    };
    let forward = Forward::start(site)?;
    let seen = page::look(&program, &forward.url, &root().join(PICTURE))?;
    ensure!(seen.complaints.is_empty(), "the browser complains: {:?}", seen.complaints);
    let objects = site.objects()?;
    for object in &objects {
        let name = object["metadata"]["name"].as_str().context("an object has a name")?;
        ensure!(seen.text.contains(name), "the page does not show {name}:\n{}", seen.text);
    }
    figure(
        'I',
        &format!("the page shows all {} resources without a complaint of the browser: {PICTURE}", objects.len()),
    );
    Ok(())
}

/// A way to a port on the loopback of the operator's Pod.
struct Forward {
    kubectl: Child,
    /// It tells of each connection, and ends when nobody can hear that.
    _told: BufReader<ChildStdout>,
    url: String,
}

impl Forward {
    fn start(site: &Site) -> Result<Self> {
        let port = format!(":{}", operator::PAGE);
        let namespace = format!("--namespace={}", operator::NAMESPACE);
        let mut command = site.kubectl().command([&namespace, "port-forward", "deployment/opstack", &port]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut kubectl = control_plane::spawn(command)?;
        let mut told = BufReader::new(kubectl.stdout.take().context("a pipe")?);
        let mut line = String::new();
        told.read_line(&mut line)?;
        // Forwarding from 127.0.0.1:37421 -> 8081
        let address = line.split_whitespace().nth(2).with_context(|| format!("kubectl says {line:?}"))?;
        Ok(Self { kubectl, _told: told, url: format!("http://{address}/") })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
