//! A pod that goes on: its containers beside each other, as long as a test wants them.

use anyhow::{Context as _, Result};
use op_programs::{OpPrograms, Release};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::judge::program;
use crate::task::{Proof, Running, Sandbox, Task, Verdict};
use crate::volumes::Volumes;
use crate::{Container, Pod};

/// A pod in the network that the calling thread has entered ([`crate::network::enter`]), on volumes that outlive its containers.
/// Every host of every URL is the loopback.
pub struct Live {
    pod: Pod,
    volumes: Volumes,
    sandbox: Sandbox,
    path: PathBuf,
    programs: OpPrograms,
    release: Release,
}

impl Live {
    /// A pod of which nothing runs yet. `sandbox` is the built program of that name.
    pub fn new(pod: Pod, sandbox: &Path, release: Release) -> Result<Self> {
        let volumes = pod.volumes()?;
        let programs = OpPrograms::find()?;
        Ok(Self { pod, volumes, sandbox: Sandbox::new(sandbox), path: sandbox.into(), programs, release })
    }

    /// Runs a container to its end.
    pub fn run(&self, container: &str) -> Result<Verdict> {
        self.sandbox.run(&self.task(container, Proof::Ends)?)
    }

    /// Starts a container that runs until it is told to stop.
    pub fn start(&self, container: &str) -> Result<Running> {
        self.sandbox.start(&self.task(container, Proof::Stops)?)
    }

    /// Where a file or directory is that a container sees.
    pub fn on_host(&self, container: &str, path: &str) -> Result<PathBuf> {
        self.task(container, Proof::Ends)?.on_host(Path::new(path))
    }

    /// Puts a text where a container sees it.
    pub fn put(&self, container: &str, path: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.on_host(container, path)?, text)?)
    }

    fn container(&self, name: &str) -> Result<&Container> {
        let found = self.pod.containers.iter().find(|container| container.name == name);
        found.with_context(|| format!("the pod has no container {name}"))
    }

    fn task(&self, container: &str, proof: Proof) -> Result<Task> {
        let container = self.container(container)?;
        let program = program(&self.programs, &self.path, container, self.release);
        let program = program.with_context(|| format!("there is no {}", container.program))?;
        let mut task = self.pod.task(container, &self.volumes, program)?;
        let here = |(name, _)| (name, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        task.hosts = task.hosts.into_iter().map(here).collect();
        task.listeners.clear();
        Ok(Task { proof, shares_network: true, ..task })
    }
}
