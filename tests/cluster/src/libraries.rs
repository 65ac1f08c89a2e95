//! The shared libraries of a program.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::tool::output;

/// What a program is linked to, the dynamic linker included, by the paths under which they are looked for. Nothing, for a
/// static program and for what is no program of this machine.
///
/// The machine's own linker tells. It does so by loading the program, so this is for programs that we have built.
pub(crate) fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    if !is_dynamic(program)? {
        return Ok(Vec::new());
    }
    let listed = output("ldd", &[&program.display().to_string()])?;
    Ok(listed.lines().filter_map(library).collect())
}

/// Whether it is an ELF file with a section of the linker's path: it comes early in the file, so its first page will do.
fn is_dynamic(program: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(program)
        .and_then(|file| file.take(4096).read_to_end(&mut start))
        .with_context(|| format!("failed to read {}", program.display()))?;
    let mentions_linker = start.windows(4).any(|window| window == b"/ld-");
    Ok(start.starts_with(b"\x7fELF") && mentions_linker)
}

/// A line of ldd: `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, or the linker's without the arrow. The kernel's
/// own `linux-vdso.so.1` is no file.
fn library(line: &str) -> Option<PathBuf> {
    let (_, place) = line.split_once("=>").unwrap_or(("", line));
    let path = place.split_whitespace().next()?;
    path.starts_with('/').then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_linker_are_read() {
        let text = "\tlinux-vdso.so.1 (0x00007f9283dae000)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f928121e000)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f9283db0000)\n";
        let found: Vec<_> = text.lines().filter_map(library).collect();
        assert_eq!(found, ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from));
    }

    #[test]
    fn a_library_that_is_missing_is_no_path() {
        assert_eq!(library("\tlibnone.so => not found"), None);
    }
}
