//! One program to start, and what came of it.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What proves that a program has taken its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// It ends, with 0.
    Ends,
    /// It connects to one of these addresses.
    Dials(Vec<SocketAddr>),
    /// It accepts connections at this address.
    Listens(SocketAddr),
    /// It runs until it is told to stop, and then ends.
    Stops,
}

/// A directory or file of the host that the program sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// Where it sees it.
    pub path: PathBuf,
    /// What it is.
    pub host: PathBuf,
    /// Whether it can only read it.
    pub read_only: bool,
}

/// What is started, and in what surroundings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// An empty directory: where the root is put together.
    pub root: PathBuf,
    /// Programs by the name under which they are called.
    pub programs: Vec<(String, PathBuf)>,
    /// Command and arguments.
    pub command: Vec<String>,
    /// The whole environment, but for `PATH`.
    pub environment: Vec<(String, String)>,
    /// Its volumes.
    pub bound: Vec<Bound>,
    /// Executable files that its image has beside the program, empty here.
    pub helpers: Vec<PathBuf>,
    /// User and group.
    pub user: (u32, u32),
    /// Names of hosts.
    pub hosts: Vec<(String, SocketAddr)>,
    /// Where somebody listens; nobody answers.
    pub listeners: Vec<SocketAddr>,
    /// What to wait for.
    pub proof: Proof,
    /// Whether it is in the network of whoever starts it, and not in one of its own.
    pub shares_network: bool,
}

impl Task {
    /// The file of the host that the program sees at a path.
    pub fn on_host(&self, path: &Path) -> Result<PathBuf> {
        let bound = self.bound.iter().find(|bound| path.starts_with(&bound.path));
        let bound = bound.with_context(|| format!("{} is on no volume", path.display()))?;
        let inside = path.strip_prefix(&bound.path)?;
        // A mount of a single file is that file.
        Ok(if inside.as_os_str().is_empty() { bound.host.clone() } else { bound.host.join(inside) })
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The proof was seen. Holds the program's output so far.
    Taken(String),
    /// It ended before. Holds how, and its output.
    Ended(String, String),
    /// Nothing was seen in time. Holds its output.
    Silent(String),
    /// This machine can't make the surroundings. Holds why.
    Unable(String),
}

/// The program that runs tasks.
#[derive(Clone, Debug)]
pub struct Sandbox {
    program: PathBuf,
}

impl Sandbox {
    /// `program` is the built `sandbox`.
    pub fn new(program: &Path) -> Self {
        Self { program: program.into() }
    }

    /// Runs one task to its verdict.
    pub fn run(&self, task: &Task) -> Result<Verdict> {
        let mut child = self.spawn(task, Stdio::inherit())?;
        drop(child.stdin.take());
        verdict(child)
    }

    /// Starts a task that runs until it is told to stop ([`Proof::Stops`]).
    pub fn start(&self, task: &Task) -> Result<Running> {
        let mut child = self.spawn(task, Stdio::piped())?;
        let output = Arc::<Mutex<String>>::default();
        let mut stream = child.stderr.take().context("no pipe")?;
        let reader = thread::spawn({
            let output = output.clone();
            move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                    output.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
                }
            }
        });
        Ok(Running { child: Some(child), output, reader: Some(reader) })
    }

    /// The sandbox with its task told: on one line, for the end of its input means that it is to stop.
    fn spawn(&self, task: &Task, stderr: Stdio) -> Result<Child> {
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("failed to start {}", self.program.display()))?;
        let stdin = child.stdin.as_mut().context("no pipe")?;
        stdin.write_all(&[&serde_json::to_vec(task)?[..], b"\n"].concat())?;
        Ok(child)
    }
}

fn verdict(child: Child) -> Result<Verdict> {
    let output = child.wait_with_output()?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("the sandbox ended with {}", output.status))
}

/// A program that runs. It is told to stop when this is dropped, or when this process ends.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    output: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// What it has written so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Tells it to stop, as the kubelet would, and waits until it has ended.
    pub fn stop(mut self) -> Result<Verdict> {
        self.end().context("it was stopped before")?
    }

    fn end(&mut self) -> Option<Result<Verdict>> {
        let mut child = self.child.take()?;
        drop(child.stdin.take());
        let verdict = verdict(child);
        // A reader that panicked has read what it has read.
        self.reader.take().map(JoinHandle::join);
        Some(verdict)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know how it ended has called `stop`.
        drop(self.end());
    }
}
