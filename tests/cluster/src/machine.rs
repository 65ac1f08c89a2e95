//! The namespaces in which the node is: a machine of its own on this one.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use go_build::spawn;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::{
    Life, control_groups, network,
    recipe::NodePrograms,
    state::{Identity, Processes, State},
};

/// From nothing to a node that is ready, on a machine that has other things to do.
const START: Duration = Duration::from_secs(300);

/// How long processes that were killed may take to be gone.
const END: Duration = Duration::from_secs(60);

/// Starts the node, and waits until it is ready. `program` is this crate's own, which has the command `init`.
pub(crate) fn start(state: &State, programs: &NodePrograms, program: &Path, life: Life) -> Result<()> {
    control_groups::create()?;
    let mut child = unshare(state, programs, program, life)?;
    let processes = wait_for_first(Identity::of(child.id())?)?;
    state.record(&processes)?;
    network::connect(processes.holder.id)?;
    wait_until_ready(state, &mut child)
}

/// A new process in new namespaces. Its first child, the node's first process, ends with it however it ends.
fn unshare(state: &State, programs: &NodePrograms, program: &Path, life: Life) -> Result<Child> {
    const NAMESPACES: [&str; 6] = ["--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
    let log = File::options().create(true).append(true).open(state.log())?;
    let mut command = Command::new(match life {
        Life::UntilDown => "setsid",
        Life::OfThisProcess => "unshare",
    });
    if life == Life::UntilDown {
        command.arg("unshare");
    }
    command.args(NAMESPACES).arg("--").arg(program).arg("init").current_dir("/");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.env("PATH", path(&programs.directory));
    match life {
        Life::OfThisProcess => spawn(command),
        // Not of our process group, so that an interrupt from the terminal does not reach it. With it, setsid does not
        // have to make a process of its own.
        Life::UntilDown => command.spawn(),
    }
    .context("failed to start unshare")
}

/// The node's programs first; then the machine's, where administrators have theirs as well.
fn path(programs: &Path) -> String {
    format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", programs.display())
}

/// Waits until the holder has made the node's first process. It has moved itself to the new network before.
fn wait_for_first(holder: Identity) -> Result<Processes> {
    let children = format!("/proc/{0}/task/{0}/children", holder.id);
    let deadline = Instant::now() + END;
    loop {
        let text = fs::read_to_string(&children).unwrap_or_default();
        if let Some(first) = text.split_whitespace().next() {
            return Ok(Processes { holder, first: Identity::of(first.parse()?)? });
        }
        ensure!(holder.lives() && Instant::now() < deadline, "unshare made no process: see `unshare --help`");
        thread::sleep(Duration::from_millis(10));
    }
}

fn wait_until_ready(state: &State, child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + START;
    while !state.kubeconfig().exists() {
        let end = || control_plane::process::tail(&state.log());
        if let Some(status) = child.try_wait()? {
            bail!("the node ended before it was ready ({status}):\n{}", end());
        }
        ensure!(Instant::now() < deadline, "the node is not ready after {START:?}:\n{}", end());
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Ends the node, however much of it there is, and removes what is left of it.
pub(crate) fn end(state: &State) -> Result<()> {
    if let Some(Processes { holder, first }) = state.processes() {
        // When the first one is killed, the kernel kills all others.
        [first, holder].into_iter().filter(|process| process.lives()).try_for_each(kill)?;
        let deadline = Instant::now() + END;
        while first.lives() || holder.lives() {
            ensure!(Instant::now() < deadline, "the node's processes live on after {END:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
    control_groups::remove(END)?;
    network::disconnect()?;
    state.remove()
}

fn kill(process: Identity) -> Result<()> {
    let id = i32::try_from(process.id).ok().and_then(Pid::from_raw).context("a process without an id")?;
    match kill_process(id, Signal::KILL) {
        // It has ended a moment ago.
        Err(Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error).context("failed to end the node"),
    }
}
