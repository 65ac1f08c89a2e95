//! Signals to programs of the node, from outside: killed, as a machine's lack of memory does it, or stopped in their tracks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::Cluster;

impl Cluster {
    /// Kills a program of the node itself (SIGKILL), `kube-apiserver` for example. It is started again.
    pub fn kill(&self, program: &str) -> Result<()> {
        let namespace = |process: &Path| fs::read_link(process.join("ns/pid")).ok();
        let first = self.state.processes().context("the cluster has ended")?.first;
        let ours = namespace(&PathBuf::from(format!("/proc/{}", first.id))).context("the cluster has ended")?;
        let killed = signal(program, Signal::KILL, |process| namespace(process).as_ref() == Some(&ours))?;
        ensure!(killed > 0, "no {program} runs on the node");
        Ok(())
    }

    /// Kills a program of a Pod. Nobody within the Pod can kill its first process.
    pub fn kill_in_pod(&self, uid: &str, program: &str) -> Result<()> {
        in_pod(uid, program, Signal::KILL)
    }

    /// Stops a program of a Pod in its tracks (SIGSTOP): its ports stay open, and it answers nobody.
    pub fn freeze_in_pod(&self, uid: &str, program: &str) -> Result<()> {
        in_pod(uid, program, Signal::STOP)
    }

    /// Lets a program of a Pod go on that was stopped in its tracks (SIGCONT).
    pub fn thaw_in_pod(&self, uid: &str, program: &str) -> Result<()> {
        in_pod(uid, program, Signal::CONT)
    }
}

fn in_pod(uid: &str, program: &str, kind: Signal) -> Result<()> {
    let names = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
    let reached = signal(program, kind, |process| {
        let group = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        names.iter().any(|name| group.contains(name))
    })?;
    ensure!(reached > 0, "no {program} runs in the Pod {uid}");
    Ok(())
}

/// Sends a signal to the processes of this name that `is_meant` takes, by their directory below `/proc`, and says how many.
fn signal(program: &str, kind: Signal, is_meant: impl Fn(&Path) -> bool) -> Result<usize> {
    let mut reached = 0;
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let Some(id) = path.file_name().and_then(|name| name.to_str()?.parse::<i32>().ok()) else { continue };
        // Processes come and go while they are looked at.
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if name.trim() == program && is_meant(&path) {
            kill_process(Pid::from_raw(id).context("a process has an id")?, kind)?;
            reached += 1;
        }
    }
    Ok(reached)
}
