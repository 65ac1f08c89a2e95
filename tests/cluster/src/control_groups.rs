//! The control groups of the cluster's Pods, all below one group of each tree.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

/// The group's name, which kubelet takes as its root.
pub(crate) const NAME: &str = "opstack-cluster";

const ROOT: &str = "/sys/fs/cgroup";

/// Makes the groups. In version 1 there is a tree for each controller, in version 2 one for all.
pub(crate) fn create() -> Result<()> {
    trees()?.into_iter().try_for_each(|tree| {
        let group = tree.join(NAME);
        fs::create_dir_all(&group).with_context(|| format!("failed to create {}", group.display()))?;
        inherit_cpus(&tree, &group)
    })
}

/// A new group of this controller of version 1 may use no CPU until it is told which.
fn inherit_cpus(tree: &Path, group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if tree.ends_with("cpuset") && group.join(file).exists() {
            fs::write(group.join(file), fs::read(tree.join(file))?)?;
        }
    }
    Ok(())
}

/// Removes the groups as soon as the last of their processes has ended, for which it waits.
pub(crate) fn remove(patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    for group in trees()?.into_iter().map(|tree| tree.join(NAME)) {
        while let Err(error) = remove_tree(&group) {
            ensure!(Instant::now() < deadline, "processes live in {} after {patience:?}: {error}", group.display());
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// The groups that exist.
pub(crate) fn existing() -> Vec<PathBuf> {
    let groups = trees().unwrap_or_default().into_iter().map(|tree| tree.join(NAME));
    groups.filter(|group| group.exists()).collect()
}

/// The files in it are the kernel's, and go with their directory.
fn remove_tree(group: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(group) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// The roots of the trees.
fn trees() -> Result<Vec<PathBuf>> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").is_file() {
        return Ok(vec![root.into()]);
    }
    let mut trees = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("failed to read {ROOT}"))? {
        let path = entry?.path();
        // Some controllers share a tree, and have links to it.
        if path.join("cgroup.procs").exists() && !path.is_symlink() {
            trees.push(path);
        }
    }
    Ok(trees)
}
