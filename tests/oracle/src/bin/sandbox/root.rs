//! The root of a container: this machine's shell and libraries to read, the program, the volumes, and nothing to write but those.

use anyhow::{Context as _, Result};
use oracle::task::Task;
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_remount};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chroot};
use std::path::{Path, PathBuf};

/// Where programs are found.
pub const PATH: &str = "/programs:/usr/bin:/bin";

/// What a shell needs, the certificates that every image has, and the devices.
const SHARED: [&str; 7] = ["/bin", "/lib", "/lib64", "/usr/bin", "/usr/lib", "/dev", "/proc"];
const CERTIFICATES: [&str; 3] = ["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates"];

/// Puts the root together and moves into it.
pub fn enter(task: &Task) -> Result<()> {
    mount("tmpfs", &task.root, "tmpfs", MountFlags::empty(), None).context("no root")?;
    for shared in SHARED.iter().chain(&CERTIFICATES).filter(|path| Path::new(path).exists()) {
        let at = made(&task.root, Path::new(shared), true)?;
        mount_bind_recursive(*shared, &at).with_context(|| format!("{shared} can't be shown"))?;
    }
    for (name, program) in &task.programs {
        let at = made(&task.root, &Path::new("/programs").join(name), false)?;
        mount_bind(program, &at).with_context(|| format!("{} can't be shown", program.display()))?;
    }
    let hosts = task.hosts.iter().map(|(name, address)| format!("{} {name}\n", address.ip()));
    fs::write(made(&task.root, Path::new("/etc/hosts"), false)?, hosts.collect::<String>() + "127.0.0.1 localhost\n")?;
    for helper in &task.helpers {
        fs::set_permissions(made(&task.root, helper, false)?, fs::Permissions::from_mode(0o755))?;
    }
    for bound in &task.bound {
        let at = made(&task.root, &bound.path, bound.host.is_dir())?;
        mount_bind(&bound.host, &at).with_context(|| format!("{} can't be mounted", bound.path.display()))?;
        if bound.read_only {
            mount_remount(&at, MountFlags::BIND | MountFlags::RDONLY, "")
                .with_context(|| format!("{} stays writable", bound.path.display()))?;
        }
    }
    mount_remount(&task.root, MountFlags::RDONLY, "").context("the root stays writable")?;
    chroot(&task.root)?;
    std::env::set_current_dir("/")?;
    Ok(())
}

/// A place for a mount.
fn made(root: &Path, path: &Path, directory: bool) -> Result<PathBuf> {
    let at = root.join(path.strip_prefix("/").with_context(|| format!("{} is not absolute", path.display()))?);
    if directory {
        fs::create_dir_all(&at)?;
    } else if !at.exists() {
        at.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&at, "")?;
    }
    Ok(at)
}
