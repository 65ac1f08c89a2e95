//! What is built and how, as plain text: versions, module files, build flags. Starts no process.
//!
//! Everything that decides what the programs are goes into [`fingerprint`], which names the cache
//! directory: a changed recipe builds anew, an unchanged one never does.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

/// The release of Kubernetes that is built from source.
pub const KUBERNETES_VERSION: &str = "1.36.1";

/// The release of etcd that is built from source.
pub const ETCD_VERSION: &str = "3.6.12";

/// The oldest Go, as (major, minor), that compiles both releases.
pub(crate) const OLDEST_GO: (u32, u32) = (1, 26);

const MODULE: &str = "opstack.invalid/control-plane";

/// A Go main package and the name of the program that comes out of it.
pub(crate) struct Program {
    pub name: &'static str,
    pub package: &'static str,
}

/// A Go module of nothing but requirements, and the programs that are compiled inside it.
///
/// etcd has one of its own: in a common module the two would have to agree on the versions of what
/// they both depend on, and would be builds that neither project has ever tested.
pub(crate) struct Tools {
    pub name: &'static str,
    pub module: &'static str,
    pub version: &'static str,
    pub programs: &'static [Program],
}

/// In the order in which they are built: what every test needs comes first.
pub(crate) const TOOLS: [Tools; 2] = [
    Tools {
        name: "etcd",
        module: "go.etcd.io/etcd/server/v3",
        version: ETCD_VERSION,
        programs: &[Program { name: "etcd", package: "go.etcd.io/etcd/server/v3" }],
    },
    Tools {
        name: "kubernetes",
        module: "k8s.io/kubernetes",
        version: KUBERNETES_VERSION,
        programs: &[
            Program { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
            Program { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
            Program { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
            Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" },
        ],
    },
];

/// The environment of every call of `go`: a developer's own settings must not change the result.
pub(crate) const GO_ENVIRONMENT: [(&str, &str); 3] =
    [("CGO_ENABLED", "0"), ("GOFLAGS", "-buildvcs=false"), ("GOWORK", "off")];

impl Tools {
    /// The module file, given the text of the required module's own one.
    pub(crate) fn go_mod(&self, upstream: &str) -> Result<String> {
        let (major, minor) = OLDEST_GO;
        let mut text = format!("module {MODULE}/{}\n\ngo {major}.{minor}.0\n\n", self.name);
        writeln!(text, "require {} v{}\n\ntool (", self.module, self.version)?;
        for program in self.programs {
            writeln!(text, "\t{}", program.package)?;
        }
        text.push_str(")\n");
        let staged = staged_modules(upstream);
        ensure!(
            self.module != "k8s.io/kubernetes" || !staged.is_empty(),
            "the module file of {} replaces nothing by ./staging: its layout has changed",
            self.module
        );
        for module in staged {
            writeln!(text, "replace {module} => {module} v{}", staged_version(self.version))?;
        }
        Ok(text)
    }

    /// The linker flags: small binaries that know their own version.
    pub(crate) fn ldflags(&self) -> String {
        let mut flags = String::from("-s -w");
        if self.module == "k8s.io/kubernetes" {
            let mut parts = self.version.split('.');
            let (major, minor) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
                flags += &format!(
                    " -X {package}.gitVersion=v{} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}",
                    self.version
                );
            }
        }
        flags
    }
}

/// The modules that Kubernetes replaces by directories of its own repository. Outside of it such a
/// replacement has no effect, so ours has to name their published twins.
fn staged_modules(go_mod: &str) -> Vec<&str> {
    go_mod
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("replace ").split_once(" => "))
        .filter(|(_, target)| target.starts_with("./staging/"))
        .map(|(module, _)| module.trim())
        .collect()
}

/// Kubernetes 1.x.y publishes its libraries as 0.x.y.
fn staged_version(version: &str) -> String {
    format!("0.{}", version.split_once('.').map_or(version, |(_, rest)| rest))
}

/// A short hash (FNV-1a, stable across compilers) of all that decides what is built.
pub(crate) fn fingerprint() -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for tools in &TOOLS {
        add(tools.module);
        add(tools.version);
        add(&tools.ldflags());
        for program in tools.programs {
            add(program.name);
            add(program.package);
        }
    }
    for (name, value) in GO_ENVIRONMENT {
        add(name);
        add(value);
    }
    add(std::env::consts::OS);
    add(std::env::consts::ARCH);
    format!("{:08x}", hash >> 32)
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
        let text = TOOLS[1].go_mod(UPSTREAM).expect("a module file");
        let replaced: Vec<_> = text.lines().filter(|line| line.starts_with("replace")).collect();
        assert_eq!(
            replaced,
            ["replace k8s.io/api => k8s.io/api v0.36.1", "replace k8s.io/client-go => k8s.io/client-go v0.36.1",]
        );
        assert!(text.contains("\tk8s.io/kubernetes/cmd/kubectl\n"));
    }

    #[test]
    fn a_layout_without_staged_modules_is_refused_for_kubernetes_only() {
        assert!(TOOLS[1].go_mod("module k8s.io/kubernetes\n").is_err());
        assert!(TOOLS[0].go_mod("module go.etcd.io/etcd/server/v3\n").is_ok());
    }
}
