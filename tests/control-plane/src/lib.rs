//! A local Kubernetes control plane for tests, benchmarks and the demo.
//!
//! It runs the real programs (etcd, kube-apiserver, kube-controller-manager, kube-scheduler) on free
//! ports of the loopback, without containers and without nodes: Pods are made and stay pending. The
//! programs are built once from their published sources, which takes Go and some minutes.
//!
//! ```no_run
//! use control_plane::{AuditLevel, ControlPlane, Options};
//!
//! # fn main() -> anyhow::Result<()> {
//! let plane = ControlPlane::start(Options::audited(AuditLevel::Metadata))?;
//! let audit = plane.audit().expect("asked for");
//! let mark = audit.mark()?;
//! // ... let the operator work with `plane.kubeconfig_path()` ...
//! let writes = audit.events_since(mark)?.by_user_agent_prefix("opstack").writes();
//! assert!(writes.is_empty(), "it should have had nothing to do:\n{writes}");
//! plane.restart_apiserver()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Environment
//!
//! | variable | effect |
//! | --- | --- |
//! | `OPSTACK_TEST_KUBECONFIG`, `KUBECONFIG` | [`Cluster`] uses that cluster and starts nothing |
//! | `KUBEBUILDER_ASSETS` | a directory with the programs: nothing is built |
//! | `XDG_CACHE_HOME` | where programs are kept that were built (default `~/.cache`) |
//!
//! # What it needs
//!
//! Linux. Elsewhere on Unix it should work, except that a killed test leaves its processes behind.

mod audit;
mod cluster;
mod components;
mod faults;
mod flags;
mod home;
mod http;
mod kubeconfig;
mod kubectl;
mod options;
mod pki;
mod plane;
mod ports;
pub mod process;
mod programs;

pub use audit::{AuditLog, Event, Events, Mark};
pub use cluster::Cluster;
pub use components::Component;
pub use go_build::spawn;
pub use http::{Client, Response};
pub use kubectl::Kubectl;
pub use options::{AuditLevel, Options};
pub use plane::ControlPlane;
pub use programs::{ETCD_VERSION, KUBERNETES_VERSION, Programs, kubernetes_unit};
