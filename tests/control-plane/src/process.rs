//! Running programs, each with its log.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result};
use go_build::spawn;
use rustix::process::{Pid, Signal, kill_process};

/// A running program. Dropping it kills it, and so does the end of this process, however that comes.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `program`; what it says is appended to the file `log`.
    pub fn start(program: &Path, arguments: &[String], log: &Path) -> Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        // They have their own kubeconfig, and nothing here goes through a proxy.
        for name in ["KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env_remove(name);
        }
        let child = spawn(command).with_context(|| format!("failed to start {}", program.display()))?;
        Ok(Self { child })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The id stays ours until the child is waited for, so this reaches nobody else.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("a child without an id")?, signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    const LINES: usize = 20;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
