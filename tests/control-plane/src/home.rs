//! The directory of one control plane: its data, keys and logs. It goes when the plane goes; what a
//! killed process left behind goes when the next plane starts.

use std::{
    fs::{self, File},
    path::Path,
    process,
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// Directories are named by this, the owner's process id and a random part.
const PREFIX: &str = "opstack-control-plane-";

/// Locked by the owner for as long as it lives.
const LOCK: &str = "lock";

/// A directory that nobody but this user can read.
pub(crate) struct Home {
    directory: TempDir,
    _lock: File,
}

impl Home {
    pub(crate) fn create_in(parent: &Path) -> Result<Self> {
        sweep(parent);
        let prefix = format!("{PREFIX}{}-", process::id());
        let directory = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .with_context(|| format!("failed to create a directory in {}", parent.display()))?;
        let lock = File::create(directory.path().join(LOCK))?;
        lock.try_lock().context("failed to lock a directory of our own")?;
        Ok(Self { directory, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes what dead processes left. Errors don't matter: what is still there, perhaps because it
/// belongs to another user, is tried again next time.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let owner = rest.split('-').next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        if owner.is_some_and(|owner| !is_alive(owner)) && is_unlocked(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The id alone doesn't do: the owner may live in another container that shares the directory.
/// Neither does the lock: for a moment after the directory's creation there is none.
fn is_unlocked(directory: &Path) -> bool {
    File::open(directory.join(LOCK)).map_or(true, |lock| lock.try_lock().is_ok())
}

fn is_alive(process: Pid) -> bool {
    // Any other answer than "no such process" means that there is one.
    test_kill_process(process) != Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_directories_of_dead_owners_are_swept() {
        let parent = tempfile::tempdir().expect("a directory");
        let mut child = process::Command::new("true").spawn().expect("a process");
        let dead = child.id();
        child.wait().expect("its end");
        let abandoned = parent.path().join(format!("{PREFIX}{dead}-a"));
        let elsewhere = parent.path().join(format!("{PREFIX}{dead}-b"));
        let foreign = parent.path().join("something-else");
        for directory in [&abandoned, &elsewhere, &foreign] {
            fs::create_dir(directory).expect("a directory");
        }
        let lock = File::create(elsewhere.join(LOCK)).expect("a file");
        lock.lock().expect("a lock");

        let home = Home::create_in(parent.path()).expect("a home");
        let second = Home::create_in(parent.path()).expect("a second home");

        assert!(!abandoned.exists(), "nobody owns it any more");
        assert!(elsewhere.exists(), "somebody holds its lock");
        assert!(foreign.exists() && home.path().exists());
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists(), "it goes with its owner");
    }
}
