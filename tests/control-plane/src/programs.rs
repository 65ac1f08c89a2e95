//! Where the programs of a control plane come from: a directory that the user names, or a cache
//! into which they are built once from their sources.

mod recipe;

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use go_build::Voice;

pub use self::recipe::{ETCD_VERSION, KUBERNETES_VERSION, kubernetes_unit};

/// Who tells of progress.
pub(crate) const VOICE: Voice = Voice("control-plane");

/// The environment variable that names a directory with ready programs.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// The programs of a control plane.
///
/// The optional ones are missing only if `KUBEBUILDER_ASSETS` names a directory without them.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The store.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The built-in controllers: garbage collection, Deployments, StatefulSets and so on.
    pub kube_controller_manager: Option<PathBuf>,
    /// What binds Pods to nodes.
    pub kube_scheduler: Option<PathBuf>,
    /// The command-line client.
    pub kubectl: Option<PathBuf>,
}

impl Programs {
    /// Takes the programs from `KUBEBUILDER_ASSETS` if that is set, else from the cache, where they
    /// are built first if they are not there yet. A first build takes many minutes and tells on the
    /// standard error how far it is.
    pub fn find() -> Result<Self> {
        match env::var_os(ASSETS).filter(|value| !value.is_empty()) {
            Some(assets) => Self::in_directory(Path::new(&assets))
                .with_context(|| format!("{ASSETS} names a directory that lacks programs")),
            None => Self::in_directory(&recipe::plan().ensure_built()?),
        }
    }

    /// The programs in `directory`: etcd and kube-apiserver have to be there.
    pub fn in_directory(directory: &Path) -> Result<Self> {
        let optional = |name: &str| Some(directory.join(name)).filter(|path| path.is_file());
        let required =
            |name: &str| optional(name).with_context(|| format!("there is no {name} in {}", directory.display()));
        ensure!(directory.is_dir(), "{} is no directory", directory.display());
        Ok(Self {
            etcd: required("etcd")?,
            kube_apiserver: required("kube-apiserver")?,
            kube_controller_manager: optional("kube-controller-manager"),
            kube_scheduler: optional("kube-scheduler"),
            kubectl: optional("kubectl"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_needs_etcd_and_the_api_server_only() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("etcd"), "").expect("a file");
        let error = Programs::in_directory(directory.path()).expect_err("no API server there");
        assert!(error.to_string().contains("there is no kube-apiserver"), "{error}");

        fs::write(directory.path().join("kube-apiserver"), "").expect("a file");
        let programs = Programs::in_directory(directory.path()).expect("all that is required");
        assert!(programs.kubectl.is_none() && programs.kube_scheduler.is_none());
    }
}
