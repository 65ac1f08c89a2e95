//! Calls of the `go` command: its version, its caches, and long runs with a sign of life.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::recipe::{GO_ENVIRONMENT, OLDEST_GO};
use crate::process;

/// How often a long run shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// How much of a failed run's output goes into the error.
const TAIL_LINES: usize = 30;

/// Writes a progress line. Not `eprintln!`, which a test's harness keeps back until the test has
/// ended, and this is for whoever wonders why nothing happens.
pub(crate) fn say(text: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "control-plane: {text}");
}

/// Fails with what to do when there is no Go, or one that is too old.
pub(crate) fn check_version() -> Result<()> {
    let (major, minor) = OLDEST_GO;
    let advice = format!(
        "building Kubernetes needs Go {major}.{minor} or newer on the PATH (see https://go.dev/doc/install); \
         or let KUBEBUILDER_ASSETS name a directory with etcd and kube-apiserver, or \
         OPSTACK_TEST_KUBECONFIG a kubeconfig of a cluster that tests may use"
    );
    let Ok(output) = go(Path::new(".")).args(["env", "GOVERSION", "GOTOOLCHAIN"]).output() else {
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

/// `go1.26.3` as (1, 26).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("go")?.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Where Go keeps what it compiled and what it downloaded.
pub(crate) fn caches() -> Result<Vec<PathBuf>> {
    let output = go(Path::new(".")).args(["env", "GOCACHE", "GOMODCACHE"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// Downloads a module (`path@version`) and returns the path of its module file.
pub(crate) fn module_file(directory: &Path, module: &str) -> Result<PathBuf> {
    let output =
        go(directory).args(["mod", "download", "-json", module]).output().context("failed to run `go mod download`")?;
    // The answer, an error included, is JSON on the standard output.
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("failed to download {module}: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    if let Some(error) = answer["Error"].as_str() {
        bail!("failed to download {module}: {error}");
    }
    let path = answer["GoMod"].as_str().with_context(|| format!("{module} has no module file"))?;
    Ok(path.into())
}

/// Runs `go` in `directory`, telling every now and then how far it is. `what` names the run.
pub(crate) fn run(directory: &Path, what: &str, arguments: &[&str]) -> Result<()> {
    say(&format!("{what}: go {}", arguments[0]));
    let started = Instant::now();
    let mut command = go(directory);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = process::spawn(command).context("failed to run `go`")?;
    let (sender, lines) = mpsc::channel();
    let stderr = child.stderr.take().context("the output of `go` is not a pipe")?;
    let reader = thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
    });
    let tail = follow(what, started, &lines);
    let status = child.wait().context("failed to wait for `go`")?;
    // It has ended: the channel that it fed is closed.
    let _ = reader.join();
    let tail = Vec::from(tail).join("\n");
    ensure!(status.success(), "`go {}` for {what} failed ({status}):\n{tail}", arguments.join(" "));
    say(&format!("{what}: done, {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Reads lines until there will be none any more; keeps the last ones.
fn follow(what: &str, started: Instant, lines: &mpsc::Receiver<String>) -> VecDeque<String> {
    let mut tail = VecDeque::new();
    let mut count = 0_usize;
    let mut next = started + HEARTBEAT;
    loop {
        match lines.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                count += 1;
                tail.push_back(line);
                if tail.len() > TAIL_LINES {
                    tail.pop_front();
                }
            }
            Err(RecvTimeoutError::Disconnected) => return tail,
            Err(RecvTimeoutError::Timeout) => {
                let last = tail.back().map_or("", String::as_str);
                let seconds = started.elapsed().as_secs();
                say(&format!("{what}: {seconds} s, {count} packages so far, now {last}"));
                next += HEARTBEAT;
            }
        }
    }
}

fn go(directory: &Path) -> Command {
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
