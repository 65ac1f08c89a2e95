//! What a control plane can be asked to be.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

/// How much of each request the audit log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditLevel {
    /// Who asked for what, and the answer's code.
    Metadata,
    /// The object sent as well.
    Request,
    /// The object sent and the object answered as well.
    RequestResponse,
}

/// How to start a [`ControlPlane`](crate::ControlPlane).
#[derive(Clone, Debug)]
pub struct Options {
    /// Keep an audit log, and how much of it. `None`, the default, keeps none.
    pub audit: Option<AuditLevel>,
    /// Run kube-controller-manager: garbage collection, service accounts, workloads. On by default;
    /// without it a Pod can't even be created, for want of its namespace's service account.
    pub controllers: bool,
    /// Run kube-scheduler. Off by default: there is no node.
    pub scheduler: bool,
    /// Let the API server answer watches from its memory, as it does by default. Without it a watch
    /// that starts at a compacted revision fails at once, see
    /// [`compact_etcd`](crate::ControlPlane::compact_etcd).
    pub watch_cache: bool,
    /// How often the API server compacts etcd; its own default is five minutes.
    pub etcd_compaction_interval: Option<Duration>,
    /// More flags of etcd. Of a flag that is given twice, the last one counts; so in the next two.
    pub etcd_arguments: Vec<String>,
    /// More flags of kube-apiserver.
    pub apiserver_arguments: Vec<String>,
    /// More flags of kube-controller-manager.
    pub controller_manager_arguments: Vec<String>,
    /// The address of this machine on which the API server listens: by default the loopback. With another one, Pods
    /// reach the API server by the Service `kubernetes`.
    pub address: Ipv4Addr,
    /// Where the directory with everything of the plane is made; by default where temporary files are.
    pub parent: Option<PathBuf>,
    /// How long each program may take until it is ready.
    pub start_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            audit: None,
            controllers: true,
            scheduler: false,
            watch_cache: true,
            etcd_compaction_interval: None,
            etcd_arguments: Vec::new(),
            apiserver_arguments: Vec::new(),
            controller_manager_arguments: Vec::new(),
            address: Ipv4Addr::LOCALHOST,
            parent: None,
            // Seconds on an idle machine, but a machine that compiles at the same time isn't idle.
            start_timeout: Duration::from_secs(120),
        }
    }
}

impl Options {
    /// The defaults, with an audit log.
    pub fn audited(level: AuditLevel) -> Self {
        Self { audit: Some(level), ..Self::default() }
    }
}
