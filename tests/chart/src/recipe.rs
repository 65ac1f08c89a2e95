//! How helm is built, and where the definition of a kind comes from that the chart makes objects of.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use go_build::{Go, Plan, Program, Unit, Voice};

/// The release of helm.
pub const HELM_VERSION: &str = "4.3.1";

/// Who tells of progress.
const VOICE: Voice = Voice("helm");

const HELM: &str = "helm.sh/helm/v4";

/// The program `helm`, which also says which release it is.
pub fn plan() -> Plan {
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
            prepare: |go, unit, directory| {
                unit.write_tools_module(go, directory, &format!("{} v{}", unit.module, unit.version), &[])
            },
            also: &[],
        }],
    }
}

/// The definition of the kind `ServiceMonitor`, as Prometheus' operator publishes it.
pub fn service_monitor_definition() -> Result<PathBuf> {
    const MODULE: &str = "github.com/prometheus-operator/prometheus-operator@v0.85.0";
    let path = Go::new(VOICE)
        .module_directory(Path::new(env!("CARGO_MANIFEST_DIR")), MODULE)?
        .join("example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml");
    ensure!(path.is_file(), "{MODULE} has no {}", path.display());
    Ok(path)
}
