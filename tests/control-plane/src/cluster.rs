//! The cluster that tests run against: one that the environment names, or a plane of their own.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{audit::AuditLog, kubectl::Kubectl, options::Options, plane::ControlPlane, programs::VOICE};

/// The variables that name an existing cluster, the more explicit one first.
const VARIABLES: [&str; 2] = ["OPSTACK_TEST_KUBECONFIG", "KUBECONFIG"];

/// A cluster to test against.
///
/// An existing one has neither an audit log nor faults to be asked for: a test that needs them says
/// `skipped: ` and why, when [`Cluster::plane`] or [`Cluster::audit`] is `None`.
pub struct Cluster {
    kubeconfig: PathBuf,
    plane: Option<ControlPlane>,
}

impl Cluster {
    /// Takes the cluster of `OPSTACK_TEST_KUBECONFIG`, else of `KUBECONFIG`; starts a control plane
    /// if neither is set.
    pub fn from_env_or_start(options: Options) -> Result<Self> {
        match Self::from_env()? {
            Some(given) => Ok(given),
            None => Ok(Self::from(ControlPlane::start(options)?)),
        }
    }

    /// The cluster of `OPSTACK_TEST_KUBECONFIG`, else of `KUBECONFIG`, if one of them is set.
    pub fn from_env() -> Result<Option<Self>> {
        let named = named(|variable| env::var_os(variable))?;
        Ok(named.map(|(variable, kubeconfig)| {
            VOICE.say(&format!("using the cluster of {variable}={}", kubeconfig.display()));
            Self::existing(kubeconfig)
        }))
    }

    /// An existing cluster.
    pub fn existing(kubeconfig: impl Into<PathBuf>) -> Self {
        Self { kubeconfig: kubeconfig.into(), plane: None }
    }

    /// The kubeconfig of a user who may do everything.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// The control plane, with the faults it can be given, if it is one of our own.
    pub fn plane(&self) -> Option<&ControlPlane> {
        self.plane.as_ref()
    }

    /// The audit log, if the cluster is one of our own and was asked to keep it.
    pub fn audit(&self) -> Option<AuditLog> {
        self.plane()?.audit()
    }

    /// kubectl: the control plane's own, or else the one on the PATH.
    pub fn kubectl(&self) -> Result<Kubectl> {
        match &self.plane {
            Some(plane) => plane.kubectl().context("the programs came without kubectl"),
            None => Ok(Kubectl::new("kubectl", &self.kubeconfig)),
        }
    }
}

impl From<ControlPlane> for Cluster {
    fn from(plane: ControlPlane) -> Self {
        Self { kubeconfig: plane.kubeconfig_path(), plane: Some(plane) }
    }
}

/// The kubeconfig that the environment names, and by which variable.
fn named(environment: impl Fn(&str) -> Option<OsString>) -> Result<Option<(&'static str, PathBuf)>> {
    for variable in VARIABLES {
        let Some(value) = environment(variable).filter(|value| !value.is_empty()) else { continue };
        let path = PathBuf::from(value);
        ensure!(path.is_file(), "{variable}={} names no file (several of them won't do)", path.display());
        return Ok(Some((variable, path)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_explicit_variable_comes_first() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let (ours, common) = (directory.path().join("ours"), directory.path().join("common"));
        std::fs::write(&ours, "")?;
        std::fs::write(&common, "")?;
        let named_by = |first: &Path, second: &Path| {
            named(|variable| Some(if variable == VARIABLES[0] { first } else { second }.into()))
        };
        let unset = Path::new("");
        assert_eq!(named_by(&ours, &common)?, Some((VARIABLES[0], ours.clone())));
        assert_eq!(named_by(unset, &common)?, Some((VARIABLES[1], common.clone())));
        assert_eq!(named_by(unset, unset)?, None);
        assert_eq!(named(|_| None)?, None);
        // No silent start of another cluster than the one that was meant.
        assert!(named_by(&directory.path().join("missing"), &common).is_err());
        Ok(())
    }
}
