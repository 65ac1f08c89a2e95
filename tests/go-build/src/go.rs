//! Calls of the `go` command: its version, its caches, modules, and long runs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    Voice,
    unit::{GO_ENVIRONMENT, OLDEST_GO},
};

/// The `go` command on the PATH, in an environment that does not depend on a developer's own settings.
#[derive(Clone, Copy, Debug)]
pub struct Go {
    voice: Voice,
}

impl Go {
    /// The command, whose long runs are told by `voice`. Starts nothing.
    pub fn new(voice: Voice) -> Self {
        Self { voice }
    }

    /// Fails when there is no Go, or one that is too old to build `what`. `otherwise` is what can be done instead, for
    /// the end of the error.
    pub fn check_version(self, what: &str, otherwise: &str) -> Result<()> {
        let (major, minor) = OLDEST_GO;
        let advice = format!(
            "building {what} needs Go {major}.{minor} or newer on the PATH (see https://go.dev/doc/install); or \
             {otherwise}"
        );
        let Ok(output) = command(Path::new(".")).args(["env", "GOVERSION", "GOTOOLCHAIN"]).output() else {
            bail!("there is no `go` command: {advice}");
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines();
        let (version, toolchain) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
        // Otherwise an old Go brings the one that a module asks for by itself.
        let is_fixed = toolchain.starts_with("local");
        match parse_version(version) {
            Some(found) if found < OLDEST_GO && is_fixed => bail!("{version} is too old: {advice}"),
            Some(_) => Ok(()),
            None => bail!("`go env GOVERSION` answered {version:?}, which is no version: {advice}"),
        }
    }

    /// Where Go keeps what it compiled and what it downloaded.
    pub fn caches(self) -> Result<Vec<PathBuf>> {
        let output = command(Path::new(".")).args(["env", "GOCACHE", "GOMODCACHE"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
    }

    /// Downloads a module (`path@version`) and returns the path of its module file.
    pub fn module_file(self, directory: &Path, module: &str) -> Result<PathBuf> {
        let answer = download(directory, module)?;
        let path = answer["GoMod"].as_str().with_context(|| format!("{module} has no module file"))?;
        Ok(path.into())
    }

    /// Downloads a module (`path@version`) and returns the directory of its files, which must not be changed.
    pub fn module_directory(self, directory: &Path, module: &str) -> Result<PathBuf> {
        let answer = download(directory, module)?;
        let path = answer["Dir"].as_str().with_context(|| format!("{module} was not unpacked"))?;
        Ok(path.into())
    }

    /// Runs `go` in `directory`, telling every now and then how far it is. `what` names the run.
    pub fn run(self, directory: &Path, what: &str, arguments: &[&str]) -> Result<()> {
        self.voice.say(&format!("{what}: go {}", arguments.first().unwrap_or(&"")));
        let mut command = command(directory);
        command.args(arguments);
        self.voice.run(what, "packages", command)
    }
}

/// `go1.26.3` as (1, 26).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("go")?.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What `go mod download -json` says of one module.
fn download(directory: &Path, module: &str) -> Result<Value> {
    let output = command(directory)
        .args(["mod", "download", "-json", module])
        .output()
        .context("failed to run `go mod download`")?;
    // The answer, an error included, is JSON on the standard output.
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("failed to download {module}: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    match answer["Error"].as_str() {
        Some(error) => bail!("failed to download {module}: {error}"),
        None => Ok(answer),
    }
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(directory).envs(GO_ENVIRONMENT);
    // The programs are for this machine, whatever else is built here.
    command.env_remove("GOOS").env_remove("GOARCH");
    command
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_of_go_are_read() {
        for (text, expected) in
            [("go1.26.3", Some((1, 26))), ("go1.27rc1", Some((1, 27))), ("devel go1.28-abcdef", None), ("", None)]
        {
            assert_eq!(parse_version(text), expected, "{text:?}");
        }
    }
}
