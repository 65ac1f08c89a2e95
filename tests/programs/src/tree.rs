//! Copies of source trees.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use anyhow::{Context as _, Result};

/// Copies all files below a directory into another one that exists, except what has one of the `omitted` names at the
/// top.
///
/// Go keeps modules read-only. The copies are new files with the rights of new files, so that some can be replaced and
/// all be deleted.
pub fn copy(from: &Path, to: &Path, omitted: &[&str]) -> Result<()> {
    copy_entries(from, to, &|name| !omitted.contains(&name))
        .with_context(|| format!("failed to copy {} to {}", from.display(), to.display()))
}

fn copy_entries(from: &Path, to: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_wanted(&name.to_string_lossy()) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_entries(&entry.path(), &target, &|_| true)?;
        } else {
            io::copy(&mut File::open(entry.path())?, &mut File::create(&target)?)
                .with_context(|| format!("failed to copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_what_is_read_only_can_be_written() -> Result<()> {
        let (from, to) = (tempfile::tempdir()?, tempfile::tempdir()?);
        for directory in ["docs", "code/docs"] {
            fs::create_dir_all(from.path().join(directory))?;
            let file = from.path().join(directory).join("a.txt");
            fs::write(&file, "text")?;
            let mut rights = fs::metadata(&file)?.permissions();
            rights.set_readonly(true);
            fs::set_permissions(&file, rights)?;
        }
        copy(from.path(), to.path(), &["docs"])?;
        assert!(!to.path().join("docs").exists());
        let copied = to.path().join("code/docs/a.txt");
        assert_eq!(fs::read_to_string(&copied)?, "text");
        assert!(!fs::metadata(&copied)?.permissions().readonly());
        Ok(())
    }
}
