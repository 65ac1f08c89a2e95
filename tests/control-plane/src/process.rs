//! Child processes that do not outlive this one, however it ends.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    thread,
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that starts all children.
///
/// Linux sends the death signal when the *thread* that started a child ends, and a test's thread
/// ends long before the process. This one waits for requests for as long as the process lives.
static SPAWNER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
    let (sender, requests) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for (mut command, answer) in requests {
            // Nobody waits for the answer only if the asking thread is gone.
            let _ = answer.send(command.spawn());
        }
    });
    sender
});

/// Starts a child that is killed when this process ends, even by SIGKILL.
///
/// It gets a process group of its own: an interrupt from the terminal is for this process, which
/// then ends its children in its own order.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    command.process_group(0);
    die_with_parent(&mut command);
    let (sender, answer) = mpsc::channel();
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    SPAWNER.send((command, sender)).map_err(|error| gone(error.to_string()))?;
    answer.recv().map_err(|error| gone(error.to_string()))?
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "Command::pre_exec is the only way to run code between fork and exec")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let ask_for_signal = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then no signal will come any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed.
    // It makes two system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(ask_for_signal) };
}

/// Elsewhere only `Drop` ends the children.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

/// A running program of the control plane. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `program`; what it says is appended to the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: &Path) -> Result<Self> {
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

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The id stays ours until the child is waited for, so this reaches nobody else.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
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
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 20;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
