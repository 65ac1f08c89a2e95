//! What a proposer dials beside L1, and the pod that does.

use opstack_sdk::answer::{Condition, Failure};
use opstack_sdk::opstack::component::{Component, Program, Wanted, Work};
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::flags::Flags;
use opstack_sdk::opstack::node::Rpc;
use opstack_sdk::opstack::upstream::{L2, Upstream};

use crate::args;
use crate::releases;
use crate::spec::ProposerSpec;
use crate::target::Contract;

/// op-proposer as the spec documents it.
pub static PROGRAM: Program = Program {
    name: "op-proposer",
    role: "proposer",
    prefix: "OP_PROPOSER",
    vital: ["op_proposer_default_up", "op_proposer_default_info"],
    image: "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-proposer:v1.16.3",
    requests: ("100m", "256Mi"),
    limits: ("500m", "1Gi"),
    // A transaction in flight is waited for: five confirmations of twelve seconds, and some more.
    grace_seconds: 120,
    flags: Flags { program: "op-proposer", table: include_str!("../flags/op-proposer.tsv") },
    owned: &[],
};

/// Types of games whose claims are super roots: 4 and 5 refuse any other source (op-proposer/proposer/config.go), and
/// the contracts of 9 and 10 want them.
const SUPER_ROOT_GAMES: [u64; 4] = [4, 5, 9, 10];

/// Whether super roots are proposed rather than output roots: the games of the spec take them, and there are games.
pub fn takes_super_roots(spec: &ProposerSpec, contract: Option<&Contract>) -> bool {
    let has_games = !matches!(contract, Some(Contract::Oracle(_)));
    has_games && SUPER_ROOT_GAMES.contains(&spec.dispute_game.game_type.get())
}

/// Where the outputs come from. The program takes exactly one kind of source.
pub struct Outputs {
    /// The RPC.
    pub upstream: Upstream,
    /// Whether it serves super roots rather than output roots.
    pub super_roots: bool,
}

impl Outputs {
    /// Finds the source for the contract, and for its type of game.
    ///
    /// # Errors
    /// `waiting` when what is named does not exist.
    pub fn find(component: &Component<'_>, spec: &ProposerSpec, contract: Option<&Contract>) -> Result<Self, Failure> {
        let super_roots = takes_super_roots(spec, contract);
        let l2 = component.l2(spec.sequencer_ref.as_ref());
        let rollup = Endpoint::of(spec.rollup_rpc_from.as_ref(), spec.rollup_rpc.as_ref());
        let explicit =
            (super_roots && !spec.super_root_rpcs.is_empty()).then(|| Endpoint::Plain(spec.super_root_rpcs.join(",")));
        let field = if super_roots { "spec.superRootRpcs" } else { "spec.rollupRpc" };
        // Of several sources of super roots op-proposer takes any, and asks none whether it makes blocks.
        let find = if super_roots { L2::rpc } else { L2::active_rpc };
        Ok(Self { upstream: find(&l2, Rpc::Rollup, explicit.or(rollup), field)?, super_roots })
    }
}

/// Whether the node that outputs come from keeps what they are made of: the states behind them, and for super roots
/// what was safe at a block of L1. Nobody knows that of a node that is given by URL.
pub fn source_condition(
    component: &Component<'_>,
    spec: &ProposerSpec,
    contract: Option<&Contract>,
    outputs: Option<&Outputs>,
) -> Condition {
    let super_roots = takes_super_roots(spec, contract);
    let by_url =
        spec.rollup_rpc.is_some() || spec.rollup_rpc_from.is_some() || super_roots && !spec.super_root_rpcs.is_empty();
    let source = outputs.filter(|_| !by_url).and_then(|_| component.source(spec.sequencer_ref.as_ref()));
    component.source_condition(source.as_ref(), Wanted { archive: true, safe_db: super_roots, debug: false })
}

/// What op-proposer adds to its pod.
pub fn work(spec: &ProposerSpec, outputs: &Outputs, contract: &Contract) -> Work {
    // The flag for super roots was renamed after v1.16.3 (--supernode-rpcs, now --superroot-rpcs); this variable is
    // read by both.
    let name = if outputs.super_roots { "OP_PROPOSER_SUPERNODE_RPCS" } else { "OP_PROPOSER_ROLLUP_RPC" };
    let check = outputs.upstream.check_arg().filter(|_| !outputs.super_roots);
    Work {
        args: args::args(spec, contract).into_iter().chain(check).collect(),
        env: vec![outputs.upstream.endpoint.env(name)],
        rpc: Some(spec.rpc.server()),
        tls_switch: releases::tls_switch(spec.image.as_deref()),
        restart_on: outputs.upstream.fingerprint.iter().cloned().collect(),
        ..Default::default()
    }
}
