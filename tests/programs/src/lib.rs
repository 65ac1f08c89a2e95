//! The real programs of an OP Stack chain for tests, built once per machine.
//!
//! ```no_run
//! use op_programs::{OpPrograms, Release};
//!
//! # fn main() -> anyhow::Result<()> {
//! let programs = OpPrograms::find()?;
//! for release in Release::ALL {
//!     println!("{}", programs.path(release, "op-node").display());
//! }
//! println!("{} {}", programs.anvil().display(), programs.op_geth().display());
//! # Ok(())
//! # }
//! ```
//!
//! | program | from | version |
//! | --- | --- | --- |
//! | [`PROGRAMS`] | Go modules | each [`Release`] |
//! | `op-proposer`, for chains with an L2OutputOracle | Go modules | each [`Legacy`] release |
//! | `op-geth`, an L2 execution client | Go modules | [`OP_GETH_VERSION`] |
//! | `geth`, an L1 execution client | Go modules | [`GETH_VERSION`] |
//! | `anvil`, an L1 for tests | an npm package | [`ANVIL_VERSION`] |
//!
//! # Where they are
//!
//! `OPSTACK_PROGRAMS` names a directory with all of them, in which nothing is built:
//!
//! ```text
//! <directory>/v1.19.6/op-node …       a directory for each release
//! <directory>/v1.16.13/op-node …
//! <directory>/v1.12.2/op-proposer     of these releases no other program; only who starts one misses it
//! <directory>/v1.9.3/op-proposer
//! <directory>/{op-geth,geth,anvil}
//! ```
//!
//! Where it is not set, they are built in the user's cache. There each recipe has a directory whose name ends with a
//! fingerprint of it (see `go-build`), so that a changed one builds its own programs anew and no others:
//!
//! ```text
//! $XDG_CACHE_HOME/opstack/programs/v1.19.6-<fingerprint>/bin/op-node …
//! $XDG_CACHE_HOME/opstack/programs/v1.16.13-<fingerprint>/bin/op-node …
//! $XDG_CACHE_HOME/opstack/programs/v1.12.2-<fingerprint>/bin/op-proposer            likewise v1.9.3
//! $XDG_CACHE_HOME/opstack/programs/op-geth-<version>-<fingerprint>/bin/op-geth      likewise geth and anvil
//! ```
//!
//! That takes Go, npm, the registries of both, 5 GiB with the caches of Go, and on two cores ten minutes.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod anvil;
mod legacy;
mod ports;
mod recipes;
mod superchain;
mod tree;

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use go_build::Voice;

pub use anvil::ANVIL_VERSION;
pub use legacy::Legacy;
pub use ports::free_port;
pub use recipes::{GETH_VERSION, OP_GETH_VERSION};

/// The environment variable that names a directory with ready programs.
const VARIABLE: &str = "OPSTACK_PROGRAMS";

/// Where the programs are below the cache.
const KIND: &str = "programs";

/// What can be done where they can't be built, for errors.
const OTHERWISE: &str = "let OPSTACK_PROGRAMS name a directory that holds the programs of the OP Stack";

/// Who tells of progress.
const VOICE: Voice = Voice("programs");

/// What each release has.
pub const PROGRAMS: [&str; 6] =
    ["op-node", "op-batcher", "op-proposer", "op-challenger", "op-conductor", "op-deployer"];

/// The directory with ready programs, where one is named.
fn given() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A release of the repository that has most programs of the OP Stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The current one.
    V1_19_6,
    /// One from before game types, flags and the default execution client changed.
    V1_16_13,
}

impl Release {
    /// The newest first.
    pub const ALL: [Self; 2] = [Self::V1_19_6, Self::V1_16_13];

    /// As the programs give it, with a leading `v`.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1_19_6 => "v1.19.6",
            Self::V1_16_13 => "v1.16.13",
        }
    }
}

/// A program, for lists.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The file's name.
    pub name: &'static str,
    /// Of the release that it is from, with a leading `v`.
    pub version: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The programs, all of which exist.
#[derive(Clone, Debug)]
pub struct OpPrograms {
    v1_19_6: PathBuf,
    v1_16_13: PathBuf,
    op_geth: PathBuf,
    geth: PathBuf,
    anvil: PathBuf,
}

impl OpPrograms {
    /// Takes the programs from `OPSTACK_PROGRAMS` if that is set, else from the cache, where they are built first if
    /// they are not there yet. A first build takes many minutes and tells on the standard error how far it is.
    pub fn find() -> Result<Self> {
        match given() {
            Some(directory) => Self::in_directory(&directory)
                .with_context(|| format!("{VARIABLE} names a directory that lacks programs")),
            None => Self::built(),
        }
    }

    /// The programs in a directory of the layout above. Fails with the names of all that are missing.
    pub fn in_directory(directory: &Path) -> Result<Self> {
        ensure!(directory.is_dir(), "{} is no directory", directory.display());
        let programs = Self {
            v1_19_6: directory.join(Release::V1_19_6.version()),
            v1_16_13: directory.join(Release::V1_16_13.version()),
            op_geth: directory.join("op-geth"),
            geth: directory.join("geth"),
            anvil: directory.join("anvil"),
        };
        let missing: Vec<_> = programs
            .all()
            .into_iter()
            .filter(|program| !program.path.is_file())
            .map(|program| program.path.strip_prefix(directory).unwrap_or(&program.path).display().to_string())
            .collect();
        ensure!(missing.is_empty(), "there is no {} in {}", missing.join(", no "), directory.display());
        Ok(programs)
    }

    /// The programs in the cache, the quickest first: what is wrong with it should be known before the long ones.
    fn built() -> Result<Self> {
        Ok(Self {
            anvil: anvil::ensure_installed()?.join("anvil"),
            v1_19_6: recipes::v1_19_6().ensure_built()?,
            v1_16_13: recipes::v1_16_13().ensure_built()?,
            op_geth: recipes::op_geth().ensure_built()?.join("op-geth"),
            geth: recipes::geth().ensure_built()?.join("geth"),
        })
    }

    /// Where a program of a release is; `name` is one of [`PROGRAMS`].
    pub fn path(&self, release: Release, name: &str) -> PathBuf {
        match release {
            Release::V1_19_6 => self.v1_19_6.join(name),
            Release::V1_16_13 => self.v1_16_13.join(name),
        }
    }

    /// The execution client of the L2.
    pub fn op_geth(&self) -> &Path {
        &self.op_geth
    }

    /// The execution client of the L1.
    pub fn geth(&self) -> &Path {
        &self.geth
    }

    /// The L1 that a test moves as it likes.
    pub fn anvil(&self) -> &Path {
        &self.anvil
    }

    /// All of them, releases first.
    pub fn all(&self) -> Vec<Installed> {
        let released = Release::ALL.into_iter().flat_map(|release| {
            let version = release.version();
            PROGRAMS.map(|name| Installed { name, version: version.into(), path: self.path(release, name) })
        });
        let single = |name, version, path: &Path| Installed { name, version: format!("v{version}"), path: path.into() };
        let others = [
            single("op-geth", OP_GETH_VERSION, self.op_geth()),
            single("geth", GETH_VERSION, self.geth()),
            single("anvil", ANVIL_VERSION, self.anvil()),
        ];
        released.chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_needs_all_programs() -> Result<()> {
        let temporary = tempfile::tempdir()?;
        let directory = temporary.path();
        for file in ["op-geth", "geth"] {
            fs::write(directory.join(file), "")?;
        }
        for release in Release::ALL {
            fs::create_dir(directory.join(release.version()))?;
            for name in PROGRAMS {
                fs::write(directory.join(release.version()).join(name), "")?;
            }
        }
        fs::remove_file(directory.join("v1.16.13/op-batcher"))?;
        let error = OpPrograms::in_directory(directory).expect_err("two are missing").to_string();
        assert_eq!(error, format!("there is no v1.16.13/op-batcher, no anvil in {}", directory.display()));

        fs::write(directory.join("v1.16.13/op-batcher"), "")?;
        fs::write(directory.join("anvil"), "")?;
        let programs = OpPrograms::in_directory(directory)?;
        assert_eq!(programs.path(Release::V1_19_6, "op-node"), directory.join("v1.19.6/op-node"));
        assert_eq!(programs.all().len(), 15);
        Ok(())
    }

    #[test]
    fn what_is_no_directory_is_named() {
        let error = OpPrograms::in_directory(Path::new("/not/there")).expect_err("it is not there");
        assert_eq!(error.to_string(), "/not/there is no directory");
    }
}
