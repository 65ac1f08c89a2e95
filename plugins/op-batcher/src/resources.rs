//! What a batcher dials beside L1, and the pod that does.

use opstack_sdk::answer::Failure;
use opstack_sdk::opstack::component::{Component, Program, Work};
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::flags::Flags;
use opstack_sdk::opstack::node::Rpc;
use opstack_sdk::opstack::upstream::{L2, Upstream};

use crate::args;
use crate::spec::BatcherSpec;

/// op-batcher as the spec documents it.
pub static PROGRAM: Program = Program {
    name: "op-batcher",
    role: "batcher",
    prefix: "OP_BATCHER",
    vital: ["op_batcher_default_up", "op_batcher_default_info"],
    image: "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-batcher:v1.16.11",
    requests: ("100m", "256Mi"),
    limits: ("1000m", "2Gi"),
    // On SIGTERM op-batcher sends nothing new and waits for the transactions in flight (ten confirmations of twelve
    // seconds, and some more); what was not sent is loaded again from the safe head at the next start. Nothing is lost, and
    // `admin_stopBatcher` before it would wait for the same.
    grace_seconds: 300,
    flags: Flags { program: "op-batcher", table: include_str!("../flags/op-batcher.tsv") },
    owned: &[],
};

/// The two RPCs of the sequencer.
pub struct Sequencer {
    /// Execution.
    pub eth: Upstream,
    /// Consensus.
    pub rollup: Upstream,
}

impl Sequencer {
    /// Finds both.
    ///
    /// # Errors
    /// `waiting` when what is named does not exist.
    pub fn find(component: &Component<'_>, spec: &BatcherSpec) -> Result<Self, Failure> {
        let l2 = component.l2(spec.sequencer_ref.as_ref());
        let eth = Endpoint::of(spec.l2_eth_rpc_from.as_ref(), spec.l2_eth_rpc.as_ref());
        let rollup = Endpoint::of(spec.rollup_rpc_from.as_ref(), spec.rollup_rpc.as_ref());
        // A list beside a single URL would be refused.
        let find = if eth.is_none() && rollup.is_none() { L2::active_rpc } else { L2::rpc };
        let both = Self {
            eth: find(&l2, Rpc::Execution, eth, "spec.l2EthRpc")?,
            rollup: find(&l2, Rpc::Rollup, rollup, "spec.rollupRpc")?,
        };
        both.check_pairs()?;
        Ok(both)
    }

    /// The nodes that it is.
    pub fn nodes(&self) -> Vec<String> {
        Upstream::nodes([&self.eth, &self.rollup])
    }

    /// Of several sequencers, op-batcher asks both RPCs of the active one, so it stops where one list is longer. What is in
    /// Secrets can't be counted.
    fn check_pairs(&self) -> Result<(), Failure> {
        let (Endpoint::Plain(eth), Endpoint::Plain(rollup)) = (&self.eth.endpoint, &self.rollup.endpoint) else {
            return Ok(());
        };
        let (eths, rollups) = (eth.split(',').count(), rollup.split(',').count());
        if eths == rollups {
            return Ok(());
        }
        let message = format!(
            "{eths} URLs of execution RPCs and {rollups} of rollup RPCs: op-batcher wants one of each for each sequencer; set spec.l2EthRpc and spec.rollupRpc to lists of one length"
        );
        Err(Failure::invalid("spec.l2EthRpc", message))
    }
}

/// What op-batcher adds to its pod.
pub fn work(spec: &BatcherSpec, sequencer: &Sequencer) -> Work {
    Work {
        args: args::args(spec).into_iter().chain(sequencer.rollup.check_arg()).collect(),
        env: vec![
            sequencer.eth.endpoint.env("OP_BATCHER_L2_ETH_RPC"),
            sequencer.rollup.endpoint.env("OP_BATCHER_ROLLUP_RPC"),
        ],
        rpc: Some(spec.rpc.server()),
        restart_on: [&sequencer.eth, &sequencer.rollup].into_iter().filter_map(|rpc| rpc.fingerprint.clone()).collect(),
        ..Default::default()
    }
}
