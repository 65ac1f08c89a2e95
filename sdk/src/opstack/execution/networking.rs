//! Where an execution client listens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Port;
use crate::values::{Int, ListenAddress};

/// Where the client listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Networking {
    /// JSON-RPC over HTTP.
    pub http: Http,
    /// JSON-RPC over WebSocket.
    pub ws: Ws,
    /// Engine API, for op-node in the same pod.
    pub authrpc: AuthRpc,
    /// Connections to other execution clients.
    pub p2p: P2p,
}

/// JSON-RPC over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    /// Whether it is served.
    pub enabled: bool,
    /// Address to listen on; on the loopback only the pod itself reaches it.
    pub host: ListenAddress,
    /// Port to listen on.
    pub port: Port,
    /// API namespaces. `debug` lets a caller spend much of the node's time: it is served only when asked for.
    pub apis: Vec<String>,
    /// Which web pages may call.
    pub cors: Cors,
}

impl Default for Http {
    fn default() -> Self {
        let apis = ["web3", "eth", "net"].map(String::from).to_vec();
        Self { enabled: true, host: ListenAddress::all(), port: Int::of(8545), apis, cors: Cors::default() }
    }
}

/// Which web pages may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Cors {
    /// Origins; `*` allows all. None by default.
    pub origins: Vec<String>,
    /// Methods. The programs have GET and POST built in.
    pub methods: Vec<String>,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: vec![], methods: ["GET", "POST"].map(String::from).to_vec() }
    }
}

impl Cors {
    /// Whether a method is missing or added: no program can do that.
    pub fn methods_differ(&self) -> bool {
        let mut methods: Vec<_> = self.methods.iter().map(|method| method.to_ascii_uppercase()).collect();
        methods.sort();
        methods != ["GET", "POST"]
    }
}

/// JSON-RPC over WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ws {
    /// Whether it is served.
    pub enabled: bool,
    /// Address to listen on; on the loopback only the pod itself reaches it.
    pub host: ListenAddress,
    /// Port to listen on.
    pub port: Port,
    /// API namespaces.
    pub apis: Vec<String>,
    /// Origins of the web pages that may connect; `*` allows all. None by default.
    pub origins: Vec<String>,
}

impl Default for Ws {
    fn default() -> Self {
        let apis = ["web3", "eth", "net"].map(String::from).to_vec();
        Self { enabled: true, host: ListenAddress::all(), port: Int::of(8546), apis, origins: vec![] }
    }
}

/// Engine API. It moves the chain's head, so it listens on the loopback whatever `host` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthRpc {
    /// Address to listen on: a loopback address.
    pub host: ListenAddress,
    /// Port to listen on.
    pub port: Port,
    /// API namespaces; the clients have them built in.
    pub apis: Vec<String>,
}

impl Default for AuthRpc {
    fn default() -> Self {
        let apis = ["engine", "eth"].map(String::from).to_vec();
        Self { host: ListenAddress::loopback(), port: Int::of(8551), apis }
    }
}

/// Connections to other execution clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct P2p {
    /// Port to listen on, TCP and UDP.
    pub port: Port,
    /// Most peers at a time.
    pub max_peers: Int<0, 10_000>,
    /// Whether peers are not searched for. True for a sequencer where absent, else false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_discovery: Option<bool>,
    /// Networks (CIDR masks, comma-separated) to which connections are limited.
    pub net_restrict: String,
    /// Peers to stay connected to: `enode://…`. Those of the network's sequencers are added.
    #[serde(rename = "static")]
    pub static_peers: Vec<String>,
}

impl Default for P2p {
    fn default() -> Self {
        Self {
            port: Int::of(30303),
            max_peers: Int::of(50),
            no_discovery: None,
            net_restrict: String::new(),
            static_peers: vec![],
        }
    }
}
