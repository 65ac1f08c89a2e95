//! A program of others that cargo builds from its registry, once per machine, at the lowest priority.
//!
//! Where it is: `$XDG_CACHE_HOME/opstack/tools/<name>-<version>/bin`. A build that is given up goes on from there the next time.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::run;

/// How often a build is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// A program and its version.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

/// A build under way, or what came of it. Dropped, it is given up.
pub struct Building {
    tool: Tool,
    thread: Option<JoinHandle<Result<PathBuf, String>>>,
    ended: Arc<AtomicBool>,
    given_up: Arc<AtomicBool>,
}

impl Tool {
    /// Begins to build it, unless it is there, once another one's build has ended.
    pub fn begin(self, after: Option<&Building>) -> Building {
        let after = after.map(|other| other.ended.clone());
        let (ended, given_up) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (ended, given_up) = (ended.clone(), given_up.clone());
            move || {
                let waits = || after.as_ref().is_some_and(|ended| !ended.load(Ordering::Relaxed));
                while waits() && !given_up.load(Ordering::Relaxed) {
                    thread::sleep(PAUSE);
                }
                let built = self.ensure(&given_up);
                ended.store(true, Ordering::Relaxed);
                built
            }
        });
        Building { tool: self, thread: Some(thread), ended, given_up }
    }

    fn ensure(self, given_up: &AtomicBool) -> Result<PathBuf, String> {
        let Self { name, version } = self;
        let home = home().join(format!("{name}-{version}"));
        let program = home.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX));
        if program.is_file() {
            return Ok(program);
        }
        let log = home.join("install.log");
        match self.install(&home, &log, given_up) {
            Ok(true) => Ok(program),
            Ok(false) => Err(format!("{name} {version} can't be built here; see {}: {}", log.display(), last(&log))),
            Err(error) => Err(format!("{name} {version} can't be built here: {error:#}")),
        }
    }

    /// Whether it was built.
    fn install(self, home: &Path, log: &Path, given_up: &AtomicBool) -> Result<bool> {
        fs::create_dir_all(home).with_context(|| format!("failed to make {}", home.display()))?;
        let log = File::create(log)?;
        let mut command = niced();
        command.args(["install", self.name, "--version", self.version, "--locked", "--root"]).arg(home);
        // Not where our own build is, whose lock it would hold.
        command.arg("--target-dir").arg(home.join("target"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = run::spawn(&mut command)?;
        loop {
            if let Some(status) = child.try_wait()? {
                if status.success() {
                    let _ = fs::remove_dir_all(home.join("target"));
                }
                return Ok(status.success());
            }
            if given_up.load(Ordering::Relaxed) {
                child.kill()?;
                child.wait()?;
                return Ok(false);
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Building {
    /// The program, once it is built; or why there is none. Gives up after `patience`, where there is one.
    pub fn wait(mut self, patience: Option<Duration>) -> Result<PathBuf, String> {
        let begun = Instant::now();
        let Tool { name, version } = self.tool;
        let late = || Err(format!("{name} {version} was not built in time; the next run goes on with it"));
        while !self.ended.load(Ordering::Relaxed) {
            if patience.is_some_and(|patience| begun.elapsed() >= patience) {
                return late();
            }
            thread::sleep(PAUSE);
        }
        let ended = self.thread.take().map(JoinHandle::join);
        ended.map_or_else(late, |ended| ended.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)))
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Nothing of it outlives the run.
            let _ = thread.join();
        }
    }
}

/// cargo, with what the other steps leave of the processors.
fn niced() -> Command {
    let cargo = run::cargo(&env::temp_dir());
    let mut command = run::scrubbed("nice");
    // Outside of the workspace, whose settings are not for it.
    command.args(["-n", "19"]).arg(cargo.get_program()).current_dir(env::temp_dir());
    command
}

fn home() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    cache.unwrap_or_else(env::temp_dir).join("opstack/tools")
}

/// The last line of a text that says anything.
fn last(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_in_time_is_given_up_with_a_reason() {
        let ended = Arc::<AtomicBool>::default();
        let given_up = Arc::<AtomicBool>::default();
        let thread = thread::spawn({
            let given_up = given_up.clone();
            move || {
                while !given_up.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                Err("given up".into())
            }
        });
        let building =
            Building { tool: Tool { name: "some", version: "1.2.3" }, thread: Some(thread), ended, given_up };
        let why = building.wait(Some(Duration::ZERO)).expect_err("it never ends");
        assert!(why.starts_with("some 1.2.3 was not built in time"), "{why}");
    }
}
