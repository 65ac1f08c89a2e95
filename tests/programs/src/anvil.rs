//! anvil, as its npm package has it: a native program for each kind of machine, in a package of its own.

use std::{
    env::consts,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use go_build::{Home, fingerprint};

use crate::{KIND, OTHERWISE, VOICE};

/// The release of anvil.
pub const ANVIL_VERSION: &str = "1.7.1";

/// The scope of the packages.
const SCOPE: &str = "@foundry-rs";

/// Puts the program into the cache, if it is not there yet, and returns its directory.
pub fn ensure_installed() -> Result<PathBuf> {
    let home = Home::in_cache(KIND, &format!("anvil-v{ANVIL_VERSION}-{}", fingerprint([SCOPE, ANVIL_VERSION])))?;
    home.ensure(VOICE, &["anvil"], || install(&home))
}

fn install(home: &Home) -> Result<()> {
    let Ok(_) = Command::new("npm").arg("--version").output() else {
        bail!("there is no `npm` command: anvil comes in an npm package; install Node.js with npm, or {OTHERWISE}");
    };
    let directory = home.source("anvil");
    // npm believes in what an interrupted installation left.
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("failed to empty {}", directory.display()))?;
    }
    fs::create_dir_all(&directory).with_context(|| format!("failed to create {}", directory.display()))?;
    VOICE.run(&format!("anvil {ANVIL_VERSION}"), "lines", npm_install(&directory))?;
    let program = native_program(&directory.join("node_modules").join(SCOPE))?;
    fs::rename(&program, home.partial("anvil"))
        .with_context(|| format!("failed to move {} to its place", program.display()))?;
    home.finish("anvil")?;
    fs::remove_dir_all(&directory).with_context(|| format!("failed to remove {}", directory.display()))
}

fn npm_install(directory: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(directory).args(["install", "--prefix"]).arg(directory);
    // The native package is an optional dependency; the scripts would only look whether it is there.
    command.args(["--include=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]);
    command.arg(format!("{SCOPE}/anvil@{ANVIL_VERSION}"));
    command
}

/// `anvil-<system>-<processor>/bin/anvil`, of which npm installs the one for this machine.
fn native_program(packages: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(packages).with_context(|| format!("failed to read {}", packages.display()))?;
    for entry in entries {
        let entry = entry?;
        let program = entry.path().join("bin").join("anvil");
        if entry.file_name().to_string_lossy().starts_with("anvil-") && program.is_file() {
            return Ok(program);
        }
    }
    bail!("npm brought no anvil {ANVIL_VERSION} for {} on {}; {OTHERWISE}", consts::OS, consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_program_is_found() -> Result<()> {
        let packages = tempfile::tempdir()?;
        fs::create_dir_all(packages.path().join("anvil/bin"))?;
        fs::write(packages.path().join("anvil/bin/anvil"), "a script")?;
        let error = native_program(packages.path()).expect_err("there is a script only").to_string();
        assert!(error.starts_with("npm brought no anvil"), "{error}");

        let native = packages.path().join("anvil-some-machine/bin/anvil");
        fs::create_dir_all(native.parent().context("it has one")?)?;
        fs::write(&native, "")?;
        assert_eq!(native_program(packages.path())?, native);
        Ok(())
    }
}
