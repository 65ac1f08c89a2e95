//! A case folder: objects in.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Around, documents};
use crate::wire::workload;

/// A case folder without its `expected.yaml`.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder.
    pub folder: PathBuf,
    /// The object under test.
    pub object: Value,
    /// The documents that it may look up.
    pub documents: Vec<Value>,
    /// What the host knows beside them.
    pub around: Around,
}

impl Case {
    /// Reads a folder.
    ///
    /// # Panics
    /// When a file in it is missing or is not what it should be.
    pub fn load(folder: &Path) -> Self {
        let mut documents = documents(&fs::read_to_string(folder.join("cr.yaml")).unwrap());
        let object = documents.remove(0);
        let around = fs::read_to_string(folder.join("around.yaml"));
        let around = around.map_or_else(|_| Around::default(), |text| serde_norway::from_str(&text).unwrap());
        Self { folder: folder.into(), object, documents, around }
    }

    /// All folders below `tests/cases` of a crate, by name.
    ///
    /// # Panics
    /// As [`Self::load`].
    pub fn all(crate_dir: &Path) -> Vec<Self> {
        let entries = fs::read_dir(crate_dir.join("tests/cases")).unwrap();
        let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders.iter().map(|folder| Self::load(folder)).collect()
    }

    /// The request of the host for the object.
    pub fn request(&self) -> workload::Request {
        self.around.request(&self.object)
    }
}
