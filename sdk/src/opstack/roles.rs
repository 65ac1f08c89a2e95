//! Who may do what for a chain, as its contracts on L1 say, and whether a component's account is the right one.
//!
//! A program whose account lacks its role starts, spends its ether, and is ignored by the chain or reverted by the
//! contracts. So each component compares its account with the network's status, and says what it found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Condition;
use crate::values::Address;

/// Condition of a component: its account holds the role on L1 that its work needs.
pub const ROLE: &str = "RoleOnL1";

/// The holders of roles. An absent one is not known, or the chain has no such role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Roles {
    /// Whose batches the chain is derived from: `SystemConfig.batcherHash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batcher: Option<Address>,
    /// Who signs unsafe blocks in gossip: `SystemConfig.unsafeBlockSigner`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsafe_block_signer: Option<Address>,
    /// Who may propose in permissioned games: `PermissionedDisputeGame.proposer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposer: Option<Address>,
    /// Who may challenge in permissioned games: `PermissionedDisputeGame.challenger`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Address>,
    /// Who may change the chain's settings: `SystemConfig.owner`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Address>,
}

/// A role of an account that works for a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// [`Roles::batcher`].
    Batcher,
    /// [`Roles::unsafe_block_signer`].
    UnsafeBlockSigner,
    /// [`Roles::proposer`].
    Proposer,
    /// [`Roles::challenger`].
    Challenger,
}

impl Role {
    /// Its name in `status.roles` of a network.
    pub fn field(self) -> &'static str {
        match self {
            Self::Batcher => "batcher",
            Self::UnsafeBlockSigner => "unsafeBlockSigner",
            Self::Proposer => "proposer",
            Self::Challenger => "challenger",
        }
    }
}

impl Roles {
    /// Whether no role is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Who holds a role, where that is known.
    pub fn holder(&self, role: Role) -> Option<&Address> {
        match role {
            Role::Batcher => self.batcher.as_ref(),
            Role::UnsafeBlockSigner => self.unsafe_block_signer.as_ref(),
            Role::Proposer => self.proposer.as_ref(),
            Role::Challenger => self.challenger.as_ref(),
        }
    }

    /// The condition [`ROLE`] of a component that signs with `account` (nothing where its key is not known) and needs
    /// `role`: `RoleHeld`, `RoleNotHeld` with both addresses, or `RoleUnknown`.
    pub fn condition(&self, role: Role, account: Option<&str>) -> Condition {
        let field = role.field();
        let Some(account) = account else {
            return Condition::unknown(ROLE, "RoleUnknown", "the account is not known, for its key is not there");
        };
        match self.holder(role) {
            Some(holder) if holder.as_str().eq_ignore_ascii_case(account) => {
                Condition::yes(ROLE, "RoleHeld", format!("{account} is {field} of the chain on L1"))
            }
            Some(holder) => Condition::no(
                ROLE,
                "RoleNotHeld",
                format!(
                    "{account} is not {field} of the chain: on L1 that is {holder}; use its key, or change the role on L1"
                ),
            ),
            None => Condition::unknown(
                ROLE,
                "RoleUnknown",
                format!("nobody knows who is {field} on L1: status.roles.{field} of the network is absent"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::ConditionStatus;

    const HOLDER: &str = "0x6887246668a3b87F54DeB3b94Ba47a6f63F32985";

    #[test]
    fn an_account_is_compared_with_the_holder_of_the_role_it_needs() {
        let roles = Roles { batcher: Address::parse(HOLDER).ok(), ..Default::default() };
        let judged = |role, account| {
            let condition = roles.condition(role, account);
            (condition.status, condition.reason, condition.message)
        };
        let lower = HOLDER.to_lowercase();
        let (status, reason, _) = judged(Role::Batcher, Some(&lower));
        assert_eq!((status, reason.as_str()), (ConditionStatus::Yes, "RoleHeld"));

        let other = "0x00000000000000000000000000000000000000aa";
        let (status, reason, message) = judged(Role::Batcher, Some(other));
        assert_eq!((status, reason.as_str()), (ConditionStatus::No, "RoleNotHeld"));
        assert!(message.contains(other) && message.contains(HOLDER), "{message}");

        for (role, account) in [(Role::Proposer, Some(HOLDER)), (Role::Batcher, None)] {
            let (status, reason, _) = judged(role, account);
            assert_eq!((status, reason.as_str()), (ConditionStatus::Unknown, "RoleUnknown"));
        }
    }

    #[test]
    fn a_status_of_before_has_no_roles() {
        assert!(serde_json::from_str::<Roles>("{}").unwrap().is_unknown());
        assert_eq!(serde_json::to_string(&Roles::default()).unwrap(), "{}");
    }
}
