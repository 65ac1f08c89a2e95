//! What is built and how, as plain text: versions, module files, build flags.
//!
//! Everything that decides what the programs are goes into the fingerprint that names the cache
//! directory: a changed recipe builds anew, an unchanged one never does.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use go_build::{Go, Plan, Program, Unit};

use super::VOICE;

/// The release of Kubernetes that is built from source.
pub const KUBERNETES_VERSION: &str = "1.36.1";

/// The release of etcd that is built from source.
pub const ETCD_VERSION: &str = "3.6.12";

/// The programs of a control plane. etcd comes first, since every test needs it.
pub(crate) fn plan() -> Plan {
    Plan {
        voice: VOICE,
        kind: "kubernetes",
        release: format!("v{KUBERNETES_VERSION}"),
        what: "Kubernetes",
        otherwise: "let KUBEBUILDER_ASSETS name a directory with etcd and kube-apiserver, or \
                    OPSTACK_TEST_KUBECONFIG a kubeconfig of a cluster that tests may use",
        needed_bytes: 6 << 30,
        units: vec![etcd(), kubernetes()],
    }
}

fn etcd() -> Unit {
    Unit {
        name: "etcd",
        module: "go.etcd.io/etcd/server/v3",
        version: ETCD_VERSION,
        programs: &[Program { name: "etcd", package: "go.etcd.io/etcd/server/v3" }],
        ldflags: "-s -w".into(),
        tags: "",
        prepare: |go, unit, directory| unit.write_tools_module(go, directory, &required(unit), &[]),
        also: &[],
    }
}

fn kubernetes() -> Unit {
    kubernetes_unit(&[
        Program { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
        Program { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
        Program { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
        Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" },
    ])
}

/// Some programs of Kubernetes, in the release of the control plane.
pub fn kubernetes_unit(programs: &'static [Program]) -> Unit {
    Unit {
        name: "kubernetes",
        module: "k8s.io/kubernetes",
        version: KUBERNETES_VERSION,
        programs,
        ldflags: kubernetes_ldflags(),
        tags: "",
        prepare: prepare_kubernetes,
        also: &[],
    }
}

fn required(unit: &Unit) -> String {
    format!("{} v{}", unit.module, unit.version)
}

/// The linker flags: small binaries that know their own version.
fn kubernetes_ldflags() -> String {
    let mut parts = KUBERNETES_VERSION.split('.');
    let (major, minor) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let mut flags = String::from("-s -w");
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        flags += &format!(
            " -X {package}.gitVersion=v{KUBERNETES_VERSION} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        );
    }
    flags
}

fn prepare_kubernetes(go: Go, unit: &Unit, directory: &Path) -> Result<()> {
    let upstream = go.module_file(directory, &unit.at_version())?;
    let upstream = fs::read_to_string(&upstream).with_context(|| format!("failed to read {}", upstream.display()))?;
    unit.write_tools_module(go, directory, &required(unit), &published_twins(&upstream)?)
}

/// Replacements of the modules that Kubernetes replaces by directories of its own repository.
/// Outside of it those have no effect, so ours name the published twins.
fn published_twins(go_mod: &str) -> Result<Vec<String>> {
    let twins: Vec<_> = go_mod
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("replace ").split_once(" => "))
        .filter(|(_, target)| target.starts_with("./staging/"))
        .map(|(module, _)| module.trim())
        .map(|module| format!("{module} => {module} v{}", staged_version(KUBERNETES_VERSION)))
        .collect();
    ensure!(!twins.is_empty(), "the module file of Kubernetes replaces nothing by ./staging: its layout has changed");
    Ok(twins)
}

/// Kubernetes 1.x.y publishes its libraries as 0.x.y.
fn staged_version(version: &str) -> String {
    format!("0.{}", version.split_once('.').map_or(version, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = "\
module k8s.io/kubernetes

require k8s.io/api v0.0.0

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	example.org/fork => example.org/other v1.2.3
	k8s.io/client-go => ./staging/src/k8s.io/client-go
)
";

    #[test]
    fn staged_modules_are_replaced_by_their_published_twins() {
        let twins = published_twins(UPSTREAM).expect("there are some");
        assert_eq!(twins, ["k8s.io/api => k8s.io/api v0.36.1", "k8s.io/client-go => k8s.io/client-go v0.36.1"]);
    }

    #[test]
    fn a_layout_without_staged_modules_is_refused() {
        assert!(published_twins("module k8s.io/kubernetes\n").is_err());
    }
}
