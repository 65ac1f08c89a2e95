//! How helm and promtool are built, and where the definitions of kinds come from that the chart makes objects of.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use go_build::{Go, Plan, Program, Unit, Voice};

/// The release of helm.
pub const HELM_VERSION: &str = "4.3.1";

/// Who tells of progress.
const VOICE: Voice = Voice("helm");

/// The release of Prometheus; as a Go module it is `v0.` and its number.
const PROMETHEUS_VERSION: &str = "0.316.0";

const HELM: &str = "helm.sh/helm/v4";

/// The program `helm`, which also says which release it is.
pub fn helm() -> Plan {
    Plan {
        voice: VOICE,
        kind: "helm",
        release: format!("v{HELM_VERSION}"),
        what: "helm",
        otherwise: "let OPSTACK_HELM name a helm of the fourth line",
        needed_bytes: 2 << 30,
        units: vec![Unit {
            name: "helm",
            module: HELM,
            version: HELM_VERSION,
            programs: &[Program { name: "helm", package: "helm.sh/helm/v4/cmd/helm" }],
            ldflags: format!("-s -w -X {HELM}/internal/version.version=v{HELM_VERSION}"),
            tags: "",
            prepare: |go, unit, directory| {
                unit.write_tools_module(go, directory, &format!("{} v{}", unit.module, unit.version), &[])
            },
            also: &[],
        }],
    }
}

/// The program `promtool`, which judges rules as Prometheus would. Of a server's ways to find what it scrapes it has none.
pub fn promtool() -> Plan {
    Plan {
        voice: Voice("promtool"),
        kind: "promtool",
        release: format!("v{PROMETHEUS_VERSION}"),
        what: "promtool",
        otherwise: "let OPSTACK_PROMTOOL name a promtool of the third line",
        needed_bytes: 3 << 30,
        units: vec![Unit {
            name: "promtool",
            module: "github.com/prometheus/prometheus",
            version: PROMETHEUS_VERSION,
            programs: &[Program { name: "promtool", package: "github.com/prometheus/prometheus/cmd/promtool" }],
            ldflags: "-s -w".into(),
            tags: "remove_all_sd",
            prepare: |go, unit, directory| {
                unit.write_tools_module(go, directory, &format!("{} v{}", unit.module, unit.version), &[])
            },
            also: &[],
        }],
    }
}

/// The definitions of the kinds that Prometheus' operator has for its users and the chart makes objects of, as it publishes them.
pub fn monitoring_definitions() -> Result<Vec<PathBuf>> {
    const MODULE: &str = "github.com/prometheus-operator/prometheus-operator@v0.85.0";
    let module = Go::new(VOICE).module_directory(Path::new(env!("CARGO_MANIFEST_DIR")), MODULE)?;
    let definition = |plural: &str| {
        let path = module.join(format!("example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml"));
        ensure!(path.is_file(), "{MODULE} has no {}", path.display());
        Ok(path)
    };
    ["servicemonitors", "podmonitors", "prometheusrules"].into_iter().map(definition).collect()
}
