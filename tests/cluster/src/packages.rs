//! The machine's own packages, where it has Debian's tools for them.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::recipe::VOICE;

/// Another process may be at it.
const WAIT: &str = "--option=DPkg::Lock::Timeout=300";

/// Installs packages, and says so. The lists of what there is are fetched where those at hand don't do.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    VOICE.say(&format!("apt-get install {}", packages.join(" ")));
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    apt_get(&install).or_else(|_| apt_get(&["update"]).and_then(|()| apt_get(&install)))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.arg("--quiet=2").arg(WAIT).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let output = command.output().context("there is no apt-get")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "apt-get {} failed: {}", arguments.join(" "), complaints.trim());
    Ok(())
}
