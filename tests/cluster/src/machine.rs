//! The namespaces in which the node is: a machine of its own on this one.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use go_build::spawn;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Life, control_groups, network,
    recipe::NodePrograms,
    state::{Holder, State},
};

/// From nothing to a node that is ready, on a machine that has other things to do.
const START: Duration = Duration::from_secs(300);

/// How long processes that were killed may take to be gone.
const END: Duration = Duration::from_secs(60);

/// Starts the node, and waits until it is ready. `program` is this crate's own, which has the command `init`.
pub(crate) fn start(state: &State, programs: &NodePrograms, program: &Path, life: Life) -> Result<()> {
    control_groups::create()?;
    let mut child = unshare(state, programs, program, life)?;
    let holder = Holder::of(child.id())?;
    state.record(holder)?;
    wait_for_namespace(holder)?;
    network::connect(holder.id)?;
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

/// `unshare` moves itself before it makes the node's first process.
fn wait_for_namespace(holder: Holder) -> Result<()> {
    let namespace = |process: &str| fs::read_link(PathBuf::from("/proc").join(process).join("ns/net")).ok();
    let ours = namespace("self");
    let deadline = Instant::now() + END;
    while namespace(&holder.id.to_string()) == ours {
        ensure!(holder.lives() && Instant::now() < deadline, "unshare made no network namespace");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
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
    if let Some(holder) = state.holder() {
        // Its child, the node's first process, gets a SIGKILL from the kernel, and with that all others do.
        let process = i32::try_from(holder.id).ok().and_then(Pid::from_raw).context("a process without an id")?;
        kill_process(process, Signal::KILL)?;
    }
    control_groups::remove(END)?;
    network::wait_disconnected()?;
    state.remove()
}
