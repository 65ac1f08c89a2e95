//! The first process of the node's namespaces. When it ends, the kernel ends all others, and their mounts and networks go.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{WaitOptions, wait};

use crate::{network, state::State, tool::run};

/// What kubelet wants of the kernel, below /proc/sys (its `pkg/util/sysctl`). These settings are the whole machine's,
/// whatever the namespace, and not ours to change: the node sees files that have the right values already.
const KERNEL_SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Makes the namespaces a machine of its own, and runs `node`, this program's other half, to its end.
pub(crate) fn init(mut node: Command) -> Result<()> {
    ensure!(std::process::id() == 1, "this is for the first process of the node's namespaces: use `up`");
    mount(&State::new())?;
    network::take_end()?;
    let child = node.spawn().context("failed to start the node")?;
    wait_for(child.id())
}

/// The node has directories of its own where programs keep state.
fn mount(state: &State) -> Result<()> {
    // Within the namespace: kubelet mounts volumes that containers are to see.
    run("mount", "--make-rshared /")?;
    run("mount", "-t tmpfs tmpfs /run")?;
    fs::create_dir("/run/lock")?;
    run("mount", &format!("--bind {} /var/lib", state.lib().display()))?;
    run("mount", &format!("--bind {} /var/log", state.logs().display()))?;
    KERNEL_SETTINGS.iter().try_for_each(|(name, value)| pretend(name, value))?;
    Ok(())
}

fn pretend(name: &str, value: &str) -> Result<()> {
    let file = format!("/run/kernel-{}", name.replace('/', "-"));
    fs::write(&file, format!("{value}\n"))?;
    run("mount", &format!("--bind {file} /proc/sys/{name}"))
}

/// Waits for a child, and in passing for all orphans, which are left to the first process.
fn wait_for(child: u32) -> Result<()> {
    loop {
        let (process, status) = wait(WaitOptions::empty())?.context("no child, and no answer")?;
        if u32::try_from(process.as_raw_nonzero().get()).is_ok_and(|id| id == child) {
            ensure!(status.exit_status() == Some(0), "the node ended: {status:?}");
            return Ok(());
        }
    }
}
