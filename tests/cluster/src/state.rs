//! Where the cluster keeps everything, and how it is known whether it lives.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::recipe::VOICE;

/// There is one node on a machine, whoever starts it: its network and its control groups have fixed names.
const PLACE: &str = "/var/opt/opstack-cluster";

/// Locked by who starts, uses or ends the cluster. It stays: who waits for it has it open.
const LOCK: &str = "/run/lock/opstack-cluster.lock";

/// A process that can be told from a later one of the same id.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) struct Identity {
    pub id: u32,
    /// When it was started, in ticks since the machine was.
    started: u64,
}

impl Identity {
    /// A process that lives.
    pub fn of(id: u32) -> Result<Self> {
        let started = started(id).with_context(|| format!("there is no process {id}"))?;
        Ok(Self { id, started })
    }

    /// Whether it lives. One that has ended and waits for its parent to notice does not.
    pub fn lives(self) -> bool {
        started(self.id) == Some(self.started)
    }
}

/// From the kernel's line about a process: `id (name) state parent …`, the start being the 22nd word.
fn started(id: u32) -> Option<u64> {
    start_time(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

fn start_time(stat: &str) -> Option<u64> {
    // The name may have spaces and parentheses of its own.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    words.nth(18)?.parse().ok()
}

/// What has to be gone before the node is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Processes {
    /// It made the namespaces, and is in that of the network and that of the mounts.
    pub holder: Identity,
    /// The first one in the namespace of processes. It goes when all others there have gone.
    pub first: Identity,
}

/// The directory of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct State(PathBuf);

impl State {
    /// It may not exist.
    pub fn new() -> Self {
        Self(PLACE.into())
    }

    /// Makes it, empty, for root alone: there are keys in it.
    pub fn create(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        for part in [self.root(), &self.logs(), &self.lib(), &self.images()] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(part);
            made.with_context(|| format!("failed to create {}", part.display()))?;
        }
        Ok(())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The node's `/var/log`.
    pub fn logs(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The node's `/var/lib`.
    pub fn lib(&self) -> PathBuf {
        self.0.join("lib")
    }

    /// Archives of images.
    pub fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    /// The kubeconfig of a user who may do everything. It is there as soon as the cluster is ready.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    /// What the node's own processes say.
    pub fn log(&self) -> PathBuf {
        self.logs().join("cluster.log")
    }

    pub fn record(&self, processes: &Processes) -> Result<()> {
        Ok(fs::write(self.0.join("processes.json"), serde_json::to_vec(processes)?)?)
    }

    /// The processes that were started last, whether they live or not.
    pub fn processes(&self) -> Option<Processes> {
        let text = fs::read(self.0.join("processes.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The process that holds the namespaces, if it lives.
    pub fn holder(&self) -> Option<Identity> {
        Some(self.processes()?.holder).filter(|holder| holder.lives())
    }

    /// Removes everything. Nothing is mounted below it, except in the namespace of a node that lives.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(self.root()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("failed to remove {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}

/// The right to start, use and end the cluster. Waits for it, and says so.
pub(crate) fn lock() -> Result<File> {
    const ASK_EVERY: Duration = Duration::from_millis(200);
    const SAY_EVERY: Duration = Duration::from_secs(30);
    let file = File::create(LOCK).with_context(|| format!("failed to create {LOCK}"))?;
    let started = Instant::now();
    let mut said: Option<Instant> = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => bail!("failed to lock {LOCK}: {error}"),
            Err(TryLockError::WouldBlock) => {}
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            let seconds = started.elapsed().as_secs();
            VOICE.say(&format!("another process uses the cluster, waiting for it ({seconds} s)"));
            said = Some(Instant::now());
        }
        thread::sleep(ASK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let this = Identity::of(std::process::id()).expect("this process");
        assert!(this.lives());
        assert!(!Identity { started: this.started + 1, ..this }.lives(), "a later process of the same id");
    }

    #[test]
    fn a_name_with_parentheses_is_passed_over() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1";
        assert_eq!(start_time(stat), Some(12345));
        assert_eq!(start_time(&stat.replace(" S ", " Z ")), None);
    }
}
