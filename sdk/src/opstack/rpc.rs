//! RPC server of the programs that are built on `op-service` (op-batcher, op-proposer).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::RpcServer;
use super::honoured::Honoured;
use crate::values::ListenAddress;

/// RPC settings; `PORT` is the default port of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default = "Rpc::<PORT>::default")]
pub struct Rpc<const PORT: u16> {
    /// Whether anything but the program itself may call it. The programs can't turn their server off: `false`
    /// keeps it on the loopback, without the admin API.
    pub enabled: bool,
    /// Address to listen on. On a loopback address only the pod itself reaches the server, and Kubernetes probes
    /// the metrics port instead; `0.0.0.0` publishes it in the Service, guarded by a NetworkPolicy.
    pub host: ListenAddress,
    /// Port to listen on.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Whether the `admin` methods (start and stop the program's work) are served.
    pub enable_admin: bool,
}

impl<const PORT: u16> Default for Rpc<PORT> {
    fn default() -> Self {
        Self { enabled: true, host: ListenAddress::loopback(), port: PORT, enable_admin: true }
    }
}

impl<const PORT: u16> Rpc<PORT> {
    /// Where the program listens: the loopback when the server is switched off.
    fn listen(&self) -> ListenAddress {
        if self.enabled { self.host.clone() } else { ListenAddress::loopback() }
    }

    /// Flags of `op-service/rpc/cli.go` (v1.16.13, v1.19.6).
    pub fn args(&self) -> Vec<String> {
        let mut args = vec![format!("--rpc.addr={}", self.listen()), format!("--rpc.port={}", self.port)];
        if self.enabled && self.enable_admin {
            args.push("--rpc.enable-admin=true".into());
        }
        args
    }

    /// The server as the pod needs to know it.
    pub fn server(&self) -> RpcServer {
        RpcServer { port: self.port, reachable: !self.listen().is_loopback() }
    }

    /// Says what the program can't do.
    pub fn report(&self, honoured: &mut Honoured) {
        if !self.enabled {
            honoured.refuse(
                "spec.rpc.enabled",
                "the program's RPC server can't be turned off; it listens on the loopback only, without the admin API",
            );
        }
    }
}
