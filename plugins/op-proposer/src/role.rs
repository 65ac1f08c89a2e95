//! Whether the account may propose.

use opstack_sdk::answer::Condition;
use opstack_sdk::opstack::component::Component;
use opstack_sdk::opstack::roles::{ROLE, Role};

use crate::spec::ProposerSpec;
use crate::target::Contract;

/// Types of games that take proposals of one account only: permissioned, super-permissioned.
const PERMISSIONED: [u64; 2] = [1, 5];

/// The condition about the account's role. An L2OutputOracle has a proposer, too; the network's plugin reads that of its own.
pub fn condition(
    component: &Component<'_>,
    spec: &ProposerSpec,
    contract: Option<&Contract>,
    account: Option<&str>,
) -> Condition {
    let game_type = spec.dispute_game.game_type.get();
    match contract {
        Some(Contract::Oracle(oracle))
            if component.network.contract(|c| c.l2_output_oracle_addr.as_ref()) != Some(oracle) =>
        {
            let message = format!(
                "only one account may propose to the L2OutputOracle {oracle}; which one is not known, for it is not that of the network"
            );
            Condition::unknown(ROLE, "RoleUnknown", message)
        }
        Some(Contract::Factory(_)) | None if !PERMISSIONED.contains(&game_type) => {
            Condition::yes(ROLE, "RoleNotNeeded", format!("anybody may propose in games of the type {game_type}"))
        }
        _ => component.network.roles().condition(Role::Proposer, account),
    }
}
