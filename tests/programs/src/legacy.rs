//! op-proposer for chains with an L2OutputOracle, which the releases of today have given up.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::{Installed, VARIABLE, given, recipes};

/// The program's file.
const NAME: &str = "op-proposer";

/// A release whose op-proposer has `--l2oo-address`, and that the module proxy serves with all that it needs. No other
/// program of it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Legacy {
    /// Of March 2025, as op-proposer v1.10.0 is.
    V1_12_2,
    /// Of September 2024, from before `--signer.tls.enabled`.
    V1_9_3,
}

impl Legacy {
    /// The newest first.
    pub const ALL: [Self; 2] = [Self::V1_12_2, Self::V1_9_3];

    /// As the program gives it, with a leading `v`.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1_12_2 => "v1.12.2",
            Self::V1_9_3 => "v1.9.3",
        }
    }

    /// Its op-proposer, from where [`OpPrograms::find`](crate::OpPrograms::find) takes the other programs, and likewise built
    /// first if it is not there yet, which takes a minute on two cores. Only who calls this waits for it.
    pub fn proposer(self) -> Result<Installed> {
        match given() {
            Some(directory) => self.in_directory(&directory),
            None => Ok(self.installed(&recipes::legacy(self).ensure_built()?)),
        }
    }

    fn in_directory(self, directory: &Path) -> Result<Installed> {
        let program = self.installed(&directory.join(self.version()));
        let place = directory.display();
        ensure!(program.path.is_file(), "there is no {}/{NAME} in {place}, which {VARIABLE} names", self.version());
        Ok(program)
    }

    fn installed(self, directory: &Path) -> Installed {
        Installed { name: NAME, version: self.version().into(), path: directory.join(NAME) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_proposer_is_taken_from_the_directory_of_its_release() -> Result<()> {
        let directory = tempfile::tempdir()?;
        fs::create_dir(directory.path().join("v1.9.3"))?;
        fs::write(directory.path().join("v1.9.3/op-proposer"), "")?;
        assert_eq!(Legacy::V1_9_3.in_directory(directory.path())?.path, directory.path().join("v1.9.3/op-proposer"));

        let error = Legacy::V1_12_2.in_directory(directory.path()).expect_err("it is not there").to_string();
        assert!(error.starts_with("there is no v1.12.2/op-proposer in /"), "{error}");
        Ok(())
    }
}
