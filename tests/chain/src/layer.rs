//! The programs of the chain, asked by JSON-RPC at the addresses of their Services.

use alloy_primitives::B256;
use anyhow::{Context as _, Result};
use control_plane::Kubectl;
use l1::{Rpc, quantity};
use serde_json::{Value, json};

/// A Service of the cluster, as this machine reaches it.
#[derive(Clone, Debug)]
pub struct Layer {
    rpc: Rpc,
}

/// How far an op-node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Height of the newest block that it knows.
    pub unsafe_l2: u64,
    /// Height of the newest block that is on L1.
    pub safe_l2: u64,
    /// Height of the newest block whose L1 block is final.
    pub finalized_l2: u64,
    /// Height of L1.
    pub l1: u64,
}

impl Layer {
    /// A port of a Service.
    pub fn find(kubectl: &Kubectl, namespace: &str, service: &str, port: u16) -> Result<Self> {
        let address = kubectl.run([
            "--namespace",
            namespace,
            "get",
            "service",
            service,
            "--output=jsonpath={.spec.clusterIP}",
        ])?;
        Ok(Self::at(&address, port))
    }

    /// A port of an address, which may be a Pod's.
    pub fn at(address: &str, port: u16) -> Self {
        Self { rpc: Rpc::new(&format!("http://{address}:{port}")) }
    }

    /// For whoever asks something else.
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// The height that an execution client has reached.
    pub fn height(&self) -> Result<u64> {
        quantity(&self.rpc.call("eth_blockNumber", "[]")?)
    }

    /// A block of an execution client, if it has that; `tag` is `latest` or a height in hexadecimal.
    pub fn block(&self, tag: &str) -> Result<Value> {
        self.rpc.call("eth_getBlockByNumber", &json!([tag, false]).to_string())
    }

    /// The hash of a block of a height.
    pub fn hash(&self, height: u64) -> Result<B256> {
        let block = self.block(&format!("{height:#x}"))?;
        let hash = block["hash"].as_str().with_context(|| format!("{} has no block {height}", self.rpc.url()))?;
        Ok(hash.parse()?)
    }

    /// How far an op-node is.
    pub fn heads(&self) -> Result<Heads> {
        let status = self.rpc.call("optimism_syncStatus", "[]")?;
        let height = |name: &str| status[name]["number"].as_u64().with_context(|| format!("{name} has no number"));
        Ok(Heads {
            unsafe_l2: height("unsafe_l2")?,
            safe_l2: height("safe_l2")?,
            finalized_l2: height("finalized_l2")?,
            l1: height("head_l1")?,
        })
    }
}
