//! A local Kubernetes control plane for tests, benchmarks and the demo.

mod process;
mod programs;

pub use programs::{ETCD_VERSION, KUBERNETES_VERSION, Programs};
