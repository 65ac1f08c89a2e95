//! How the programs of the node are built: modules, versions, and what is written for them here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use control_plane::{KUBERNETES_VERSION, kubernetes_unit};
use go_build::{OLDEST_GO, Plan, Program, Unit, Voice};

/// Who tells of progress.
pub(crate) const VOICE: Voice = Voice("cluster");

const COREDNS_MAIN: &str = include_str!("../files/coredns/main.go");
const KUBE_ROUTER_MAIN: &str = include_str!("../files/kube-router/main.go");
const PAUSE_MAIN: &str = include_str!("../files/pause/main.go");
const VOLUME_MAIN: &str = include_str!("../files/volume/main.go");

/// The programs of a node, and those of the Pods that every cluster has.
#[derive(Clone, Debug)]
pub(crate) struct NodePrograms {
    /// Where they are, all in one directory: containerd looks for its shim, and kubelet for nothing, on the PATH.
    pub directory: PathBuf,
}

impl NodePrograms {
    /// Takes them from the cache, where they are built first if they are not there yet.
    pub fn find() -> Result<Self> {
        Ok(Self { directory: plan().ensure_built()? })
    }

    /// Whether they are in the cache.
    pub fn are_built() -> Result<bool> {
        let (plan, home) = (plan(), plan().home()?);
        Ok(plan.units.iter().flat_map(|unit| unit.programs).all(|program| home.has(program.name)))
    }

    /// The file of a program.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn plan() -> Plan {
    Plan {
        voice: VOICE,
        kind: "node",
        release: format!("v{KUBERNETES_VERSION}"),
        what: "a Kubernetes node",
        otherwise: "let KUBECONFIG name a cluster that tests may use",
        needed_bytes: 6 << 30,
        units: vec![
            kubernetes_unit(&[
                Program { name: "kubelet", package: "k8s.io/kubernetes/cmd/kubelet" },
                Program { name: "kube-proxy", package: "k8s.io/kubernetes/cmd/kube-proxy" },
            ]),
            containerd(),
            network(),
            volumes(),
            coredns(),
            kube_router(),
            ours("pause", &[Program { name: "pause", package: "." }], &[PAUSE_MAIN]),
            ours("volume", &[Program { name: "volume", package: "." }], &[VOLUME_MAIN]),
        ],
    }
}

fn containerd() -> Unit {
    published(
        "containerd",
        "github.com/containerd/containerd/v2",
        "2.4.2",
        &[
            Program { name: "containerd", package: "github.com/containerd/containerd/v2/cmd/containerd" },
            Program {
                name: "containerd-shim-runc-v2",
                package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            },
            Program { name: "ctr", package: "github.com/containerd/containerd/v2/cmd/ctr" },
        ],
    )
}

/// Of the reference plugins of CNI, those that a node on its own needs.
fn network() -> Unit {
    published(
        "cni",
        "github.com/containernetworking/plugins",
        "1.9.1",
        &[
            Program { name: "loopback", package: "github.com/containernetworking/plugins/plugins/main/loopback" },
            Program { name: "ptp", package: "github.com/containernetworking/plugins/plugins/main/ptp" },
            Program { name: "host-local", package: "github.com/containernetworking/plugins/plugins/ipam/host-local" },
        ],
    )
}

fn volumes() -> Unit {
    published(
        "local-path-provisioner",
        "github.com/rancher/local-path-provisioner",
        "0.0.30",
        &[Program { name: "local-path-provisioner", package: "github.com/rancher/local-path-provisioner" }],
    )
}

/// Programs as their module has them.
fn published(name: &'static str, module: &'static str, version: &'static str, programs: &'static [Program]) -> Unit {
    Unit {
        name,
        module,
        version,
        programs,
        ldflags: "-s -w".into(),
        tags: "",
        prepare: |go, unit, directory| {
            let required = format!("{} v{}", unit.module, unit.version);
            unit.write_tools_module(go, directory, &required, &[])
        },
        also: &[],
    }
}

fn coredns() -> Unit {
    part(
        "coredns",
        "github.com/coredns/coredns",
        "1.14.7",
        &[Program { name: "coredns", package: "." }],
        &[COREDNS_MAIN],
    )
}

/// The enforcer of network policies.
fn kube_router() -> Unit {
    part(
        "kube-router",
        "github.com/cloudnativelabs/kube-router/v2",
        "2.1.0",
        &[Program { name: "kube-router", package: "." }],
        &[KUBE_ROUTER_MAIN],
    )
}

/// A program of one file, which takes those packages of a module that are needed.
fn part(
    name: &'static str,
    module: &'static str,
    version: &'static str,
    programs: &'static [Program],
    main: &'static [&'static str; 1],
) -> Unit {
    Unit {
        name,
        module,
        version,
        programs,
        ldflags: "-s -w".into(),
        tags: "",
        prepare: |go, unit, directory| {
            let requirements = format!("require {} v{}\n", unit.module, unit.version);
            write_main(directory, &unit.also.concat(), &requirements)?;
            go.run(directory, &format!("{} {}: sources", unit.name, unit.version), &["mod", "tidy"])
        },
        also: main,
    }
}

/// A program of one file, which needs no module of others. The file is all that decides the result.
fn ours(name: &'static str, programs: &'static [Program], main: &'static [&'static str; 1]) -> Unit {
    Unit {
        name,
        module: "opstack.invalid",
        version: "0.0.0",
        programs,
        ldflags: "-s -w".into(),
        tags: "",
        prepare: |_, unit, directory| write_main(directory, &unit.also.concat(), ""),
        also: main,
    }
}

fn write_main(directory: &Path, main: &str, requirements: &str) -> Result<()> {
    let (major, minor) = OLDEST_GO;
    let module = format!("module opstack.invalid/main\n\ngo {major}.{minor}.0\n\n{requirements}");
    for (name, text) in [("go.mod", module.as_str()), ("main.go", main)] {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}
