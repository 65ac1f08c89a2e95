//! From the spec to the arguments of op-proposer: `op-proposer/flags/flags.go` and `op-service`, v1.16.13 and v1.19.6;
//! for an L2OutputOracle v1.9.3 and v1.12.2.

use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::opstack::endpoint::check_urls;
use opstack_sdk::opstack::honoured::Honoured;

use crate::resources::takes_super_roots;
use crate::spec::{DisputeGame, Proposal, ProposerSpec};
use crate::target::Contract;

/// Chain id of Ethereum.
const MAINNET: u64 = 1;

/// The program's own arguments.
pub fn args(spec: &ProposerSpec, contract: &Contract) -> Vec<String> {
    let Proposal { poll_interval, allow_non_finalized, output_interval } = &spec.proposal;
    let mut args = match contract {
        Contract::Factory(factory) => vec![
            format!("--game-factory-address={factory}"),
            format!("--game-type={}", spec.dispute_game.game_type),
            format!("--proposal-interval={output_interval}"),
        ],
        Contract::Oracle(oracle) => vec![format!("--l2oo-address={oracle}")],
    };
    args.extend([format!("--poll-interval={poll_interval}"), format!("--wait-node-sync={}", spec.wait_node_sync)]);
    if *allow_non_finalized {
        args.push("--allow-non-finalized=true".into());
    }
    args.extend(spec.l1_transaction.args());
    args.extend(spec.rpc.args());
    args
}

/// What the program, or the chain, would not take.
///
/// # Errors
/// `invalid` with all of it.
pub fn check(spec: &ProposerSpec, l1_chain_id: u64) -> Result<(), Failure> {
    let mut errors = vec![];
    if spec.proposal.allow_non_finalized && l1_chain_id == MAINNET {
        let message = "true is refused on Ethereum mainnet: a proposal of a block that a reorganisation of L1 removes loses its bond; remove it";
        errors.push(FieldError::new("spec.proposal.allowNonFinalized", message));
    }
    errors.extend(spec.proposal.poll_interval.check_interval("spec.proposal.pollInterval"));
    errors.extend(spec.proposal.output_interval.check_interval("spec.proposal.outputInterval"));
    errors.extend(spec.l1_transaction.error());
    errors.extend(check_urls("spec.rollupRpc", spec.rollup_rpc.as_ref()));
    for (index, url) in spec.super_root_rpcs.iter().enumerate() {
        errors.extend(check_urls(&format!("spec.superRootRpcs[{index}]"), Some(url)));
    }
    Failure::check(errors)
}

/// The settings that op-proposer has no counterpart for.
pub fn honoured(spec: &ProposerSpec, contract: Option<&Contract>) -> Honoured {
    let mut honoured = Honoured::by("op-proposer");
    match contract {
        Some(Contract::Factory(_)) => honoured.idle(
            "spec.l2OutputOracleAddr",
            spec.l2_output_oracle_addr.get().is_some(),
            "the chain has a DisputeGameFactory, to which outputs are proposed instead",
        ),
        Some(Contract::Oracle(_)) => {
            let default = (DisputeGame::default(), Proposal::default());
            let why = "an L2OutputOracle has no games, and its contract sets the interval";
            let game_type = spec.dispute_game.game_type != default.0.game_type;
            honoured.idle("spec.disputeGame.gameType", game_type, why);
            let interval = spec.proposal.output_interval != default.1.output_interval;
            honoured.idle("spec.proposal.outputInterval", interval, why);
        }
        None => {}
    }
    if !spec.super_root_rpcs.is_empty() && !takes_super_roots(spec, contract) {
        let takes = match contract {
            Some(Contract::Oracle(_)) => "an L2OutputOracle takes".into(),
            _ => format!("games of the type {} take", spec.dispute_game.game_type),
        };
        honoured.refuse("spec.superRootRpcs", format!("{takes} output roots, which rollupRpc or sequencerRef serve"));
    }
    spec.l1.report_beacon(&mut honoured);
    spec.rpc.report(&mut honoured);
    spec.security.report("spec.security", &mut honoured);
    honoured
}
