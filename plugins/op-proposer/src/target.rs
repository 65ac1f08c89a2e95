//! What a proposer writes to: a DisputeGameFactory, or the L2OutputOracle of a chain without fault proofs.

use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::values::Address;

use crate::releases::knows_oracles;
use crate::spec::ProposerSpec;

/// The contract on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contract {
    /// Since fault proofs.
    Factory(Address),
    /// Before.
    Oracle(Address),
}

impl Contract {
    /// The factory wherever one is known: a chain that moves to fault proofs moves its proposer with it.
    ///
    /// # Errors
    /// `waiting` when neither is known, `invalid` when the image has no flag for an oracle.
    pub fn find(network: &Network, spec: &ProposerSpec) -> Result<Self, Failure> {
        let factory = spec.dispute_game.factory_addr.get();
        if let Some(factory) = factory.or_else(|| network.contract(|c| c.dispute_game_factory_addr.as_ref())) {
            return Ok(Self::Factory(factory.clone()));
        }
        let oracle = spec.l2_output_oracle_addr.get();
        match oracle.or_else(|| network.contract(|c| c.l2_output_oracle_addr.as_ref())) {
            Some(oracle) if knows_oracles(spec.image.as_deref()) => Ok(Self::Oracle(oracle.clone())),
            Some(oracle) => Err(Failure::Invalid(vec![without_flag(oracle)])),
            None => Err(Failure::waiting(format!(
                "the address of the DisputeGameFactory: neither spec.disputeGame.factoryAddr nor the status of {} has it",
                network.title()
            ))),
        }
    }

    /// The address of a factory.
    pub fn factory(&self) -> Option<&Address> {
        match self {
            Self::Factory(address) => Some(address),
            Self::Oracle(_) => None,
        }
    }

    /// Its address.
    pub fn address(&self) -> &Address {
        match self {
            Self::Factory(address) | Self::Oracle(address) => address,
        }
    }

    /// Its name, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Factory(_) => "DisputeGameFactory",
            Self::Oracle(_) => "L2OutputOracle",
        }
    }
}

fn without_flag(oracle: &Address) -> FieldError {
    FieldError::new(
        "spec.l2OutputOracleAddr",
        format!(
            "the chain has an L2OutputOracle ({oracle}) and no DisputeGameFactory; op-proposer lost its flag --l2oo-address after v1.10.0: set spec.image to that release or an older one, or spec.disputeGame.factoryAddr"
        ),
    )
}
