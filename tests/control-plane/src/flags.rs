//! The command lines of the four programs.

use std::{path::Path, time::Duration};

use anyhow::Result;

use crate::{
    options::{AuditLevel, Options},
    pki::Pki,
    ports::Port,
};

/// The addresses of Services, and the first of them, which is the API server's own Service.
const SERVICE_RANGE: &str = "10.96.0.0/16";
pub(crate) const FIRST_SERVICE_ADDRESS: &str = "10.96.0.1";

/// What the command lines are made of.
pub(crate) struct Site<'a> {
    pub home: &'a Path,
    pub pki: &'a Pki,
    pub etcd: &'a Port,
    pub etcd_peer: &'a Port,
    pub apiserver: &'a Port,
    pub options: &'a Options,
}

impl Site<'_> {
    pub(crate) fn etcd(&self) -> Vec<String> {
        let client = format!("http://{}", self.etcd.address);
        let peer = format!("http://{}", self.etcd_peer.address);
        let mut flags = vec![
            "--name=control-plane".to_owned(),
            path_flag("data-dir", &self.home.join("etcd")),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=control-plane={peer}"),
            // The ports are reserved by sockets with the same option.
            "--socket-reuse-port=true".to_owned(),
            // The data need not survive the machine.
            "--unsafe-no-fsync=true".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        flags.extend_from_slice(&self.options.etcd_arguments);
        flags
    }

    /// `tokens` is the file of static tokens.
    pub(crate) fn apiserver(&self, tokens: &Path) -> Result<Vec<String>> {
        let server = self.pki.server(self.options.address)?;
        let kubelet = self.pki.client("kube-apiserver-kubelet", Some("system:masters"))?;
        let (private, public) = self.pki.service_account_keys()?;
        let mut flags = vec![
            format!("--etcd-servers=http://{}", self.etcd.address),
            format!("--bind-address={}", self.options.address),
            format!("--secure-port={}", self.apiserver.number()),
            "--permit-port-sharing=true".to_owned(),
            format!("--service-cluster-ip-range={SERVICE_RANGE}"),
            path_flag("tls-cert-file", &server.certificate),
            path_flag("tls-private-key-file", &server.key),
            path_flag("client-ca-file", &self.pki.authority()),
            path_flag("token-auth-file", tokens),
            path_flag("kubelet-client-certificate", &kubelet.certificate),
            path_flag("kubelet-client-key", &kubelet.key),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            path_flag("service-account-signing-key-file", &private),
            path_flag("service-account-key-file", &public),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--allow-privileged=true".to_owned(),
            // A benchmark measures its own subject, not the queues of a two-core API server.
            "--max-requests-inflight=3000".to_owned(),
            "--max-mutating-requests-inflight=1000".to_owned(),
            "--profiling=true".to_owned(),
        ];
        if self.options.address.is_loopback() {
            // The Service `kubernetes` can't have an endpoint there.
            flags.push("--endpoint-reconciler-type=none".to_owned());
        }
        if let Some(interval) = self.options.etcd_compaction_interval {
            flags.push(format!("--etcd-compaction-interval={}", duration(interval)));
        }
        if !self.options.watch_cache {
            flags.push("--watch-cache=false".to_owned());
        }
        if let Some(level) = self.options.audit {
            flags.extend(self.audit(level)?);
        }
        flags.extend_from_slice(&self.options.apiserver_arguments);
        Ok(flags)
    }

    fn audit(&self, level: AuditLevel) -> Result<[String; 4]> {
        let policy = self.home.join("audit-policy.json");
        std::fs::write(&policy, serde_json::to_vec_pretty(&crate::audit::policy(level))?)?;
        Ok([
            path_flag("audit-policy-file", &policy),
            path_flag("audit-log-path", &crate::audit::path(self.home)),
            // The default, said aloud because tests rely on it: a request is in the log when it ends.
            "--audit-log-mode=blocking".to_owned(),
            // In megabytes. A rotation would take the log away from its readers.
            "--audit-log-maxsize=100000".to_owned(),
        ])
    }

    pub(crate) fn controller_manager(&self, kubeconfig: &Path) -> Vec<String> {
        let mut flags = vec![
            path_flag("kubeconfig", kubeconfig),
            path_flag("root-ca-file", &self.pki.authority()),
            path_flag("service-account-private-key-file", &self.pki.service_account_key()),
            "--use-service-account-credentials=true".to_owned(),
            "--leader-elect=false".to_owned(),
            // No port of its own: that it works shows in what it does.
            "--secure-port=0".to_owned(),
            "--kube-api-qps=200".to_owned(),
            "--kube-api-burst=400".to_owned(),
        ];
        flags.extend_from_slice(&self.options.controller_manager_arguments);
        flags
    }

    pub(crate) fn scheduler(&self, kubeconfig: &Path) -> Vec<String> {
        vec![path_flag("kubeconfig", kubeconfig), "--leader-elect=false".to_owned(), "--secure-port=0".to_owned()]
    }
}

fn path_flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// A duration as Go reads it.
fn duration(value: Duration) -> String {
    format!("{}ms", value.as_millis())
}
