//! One program to start, and what came of it.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What proves that a program has taken its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// It ends, with 0.
    Ends,
    /// It connects to one of these addresses.
    Dials(Vec<SocketAddr>),
    /// It accepts connections at this address.
    Listens(SocketAddr),
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
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start {}", self.program.display()))?;
        let mut stdin = child.stdin.take().context("no pipe")?;
        stdin.write_all(&serde_json::to_vec(task)?)?;
        drop(stdin);
        let output = child.wait_with_output()?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("the sandbox ended with {}", output.status))
    }
}
