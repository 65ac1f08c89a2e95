//! A file that is in its place whole or not at all: it is written beside it and renamed.
//!
//! The file that is there already is never opened. It may be of a mode that its own writer can't open for writing, and its
//! readers never see half of the next one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file on its way to its place. Dropped before [`Self::put`], it is gone.
pub struct Aside {
    file: File,
    path: PathBuf,
    place: PathBuf,
    is_put: bool,
}

impl Aside {
    /// An empty file for a place, with these rights.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(place: &Path, mode: u32) -> io::Result<Self> {
        let mut path = place.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        // What a run before this one left when it was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        Ok(Self { file, path, place: place.into(), is_put: false })
    }

    /// Empties it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()
    }

    /// Puts it in its place, over what is there.
    ///
    /// # Errors
    /// What the file system says; then what was there is still there.
    pub fn put(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.place)?;
        self.is_put = true;
        Ok(())
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.is_put {
            // Best effort: half a file is of no use to anybody.
            let _ = fs::remove_file(&self.path);
        }
    }
}
