//! Addresses of a chain's contracts, and the table of well-known networks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::{ContractAddresses, NetworkSpec};
use crate::values::Address;

/// Addresses as they are known. An absent one is not known, or the chain has no such contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Contracts {
    /// L2OutputOracle, before fault proofs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2_output_oracle_addr: Option<Address>,
    /// DisputeGameFactory, since fault proofs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispute_game_factory_addr: Option<Address>,
    /// OptimismPortal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimism_portal_addr: Option<Address>,
    /// SystemConfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_config_addr: Option<Address>,
    /// L1CrossDomainMessenger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_cross_domain_messenger_addr: Option<Address>,
    /// L1StandardBridge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_standard_bridge_addr: Option<Address>,
}

impl Contracts {
    /// What the spec gives.
    pub fn of_spec(spec: &ContractAddresses) -> Self {
        Self {
            l2_output_oracle_addr: spec.l2_output_oracle_addr.get().cloned(),
            dispute_game_factory_addr: spec.dispute_game_factory_addr.get().cloned(),
            optimism_portal_addr: spec.optimism_portal_addr.get().cloned(),
            system_config_addr: spec.system_config_addr.get().cloned(),
            l1_cross_domain_messenger_addr: spec.l1_cross_domain_messenger_addr.get().cloned(),
            l1_standard_bridge_addr: spec.l1_standard_bridge_addr.get().cloned(),
        }
    }

    /// The addresses of `self`, and where they are missing those of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            l2_output_oracle_addr: self.l2_output_oracle_addr.or(other.l2_output_oracle_addr),
            dispute_game_factory_addr: self.dispute_game_factory_addr.or(other.dispute_game_factory_addr),
            optimism_portal_addr: self.optimism_portal_addr.or(other.optimism_portal_addr),
            system_config_addr: self.system_config_addr.or(other.system_config_addr),
            l1_cross_domain_messenger_addr: self
                .l1_cross_domain_messenger_addr
                .or(other.l1_cross_domain_messenger_addr),
            l1_standard_bridge_addr: self.l1_standard_bridge_addr.or(other.l1_standard_bridge_addr),
        }
    }

    /// Forgets the addresses that `keep`, given the name of the field and the address, does not want.
    pub fn retain(&mut self, keep: impl Fn(&str, &Address) -> bool) {
        for (field, slot) in [
            ("systemConfigAddr", &mut self.system_config_addr),
            ("l2OutputOracleAddr", &mut self.l2_output_oracle_addr),
            ("disputeGameFactoryAddr", &mut self.dispute_game_factory_addr),
            ("optimismPortalAddr", &mut self.optimism_portal_addr),
            ("l1CrossDomainMessengerAddr", &mut self.l1_cross_domain_messenger_addr),
            ("l1StandardBridgeAddr", &mut self.l1_standard_bridge_addr),
        ] {
            *slot = slot.take_if(|address| keep(field, address));
        }
    }

    /// Those that are known, by the names of their fields.
    pub fn known(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        [
            ("systemConfigAddr", &self.system_config_addr),
            ("l2OutputOracleAddr", &self.l2_output_oracle_addr),
            ("disputeGameFactoryAddr", &self.dispute_game_factory_addr),
            ("optimismPortalAddr", &self.optimism_portal_addr),
            ("l1CrossDomainMessengerAddr", &self.l1_cross_domain_messenger_addr),
            ("l1StandardBridgeAddr", &self.l1_standard_bridge_addr),
        ]
        .into_iter()
        .filter_map(|(field, address)| Some((field, address.as_ref()?)))
    }

    /// Whether all is known that the components of a chain need. Legitimately empty are the oracle (fault proofs
    /// replaced it), or the factory where there is an oracle.
    pub fn complete(&self) -> bool {
        let outputs = self.dispute_game_factory_addr.is_some() || self.l2_output_oracle_addr.is_some();
        outputs && self.optimism_portal_addr.is_some() && self.system_config_addr.is_some()
    }

    /// What is missing for [`Self::complete`], for messages.
    pub fn missing(&self) -> Vec<&'static str> {
        let outputs = self.dispute_game_factory_addr.as_ref().or(self.l2_output_oracle_addr.as_ref());
        [
            ("systemConfigAddr", self.system_config_addr.as_ref()),
            ("optimismPortalAddr", self.optimism_portal_addr.as_ref()),
            ("disputeGameFactoryAddr", outputs),
        ]
        .into_iter()
        .filter(|(_, address)| address.is_none())
        .map(|(name, _)| name)
        .collect()
    }
}

struct WellKnown {
    name: &'static str,
    chain_id: u64,
    l2_output_oracle: &'static str,
    dispute_game_factory: &'static str,
    optimism_portal: &'static str,
    system_config: &'static str,
}

/// From the operator's specification; an empty text is one that it leaves open.
const WELL_KNOWN: [WellKnown; 3] = [
    WellKnown {
        name: "op-mainnet",
        chain_id: 10,
        l2_output_oracle: "0xdfe97868233d1aa22e815a266982f2cf17685a27",
        dispute_game_factory: "0xe5965Ab5962eDc7477C8520243A95517CD252fA9",
        optimism_portal: "0xbEb5Fc579115071764c7423A4f12eDde41f106Ed",
        system_config: "0x229047fed2591dbec1eF1118d64F7aF3dB9EB290",
    },
    WellKnown {
        name: "op-sepolia",
        chain_id: 11_155_420,
        l2_output_oracle: "0x90E9c4f8a994a250F6aEfd61CAFb4F2e895D458F",
        dispute_game_factory: "0x05F9613aDB30026FFd634f38e5C4dFd30a197Fa1",
        optimism_portal: "",
        system_config: "",
    },
    WellKnown {
        name: "base-mainnet",
        chain_id: 8453,
        l2_output_oracle: "0x56315b90c40730925ec5485cf004d835058518A0",
        dispute_game_factory: "0x43edB88C4B80fDD2AdFF2412A7BebF9dF42cB40e",
        optimism_portal: "",
        system_config: "",
    },
];

/// The table's addresses of a network, found by chain id (a name alone could lie about an own chain).
pub fn well_known(spec: &NetworkSpec) -> Option<Contracts> {
    let row = WELL_KNOWN.iter().find(|row| row.chain_id == spec.chain_id.get())?;
    if spec.network_name.as_deref().is_some_and(|name| name != row.name && !name.is_empty()) {
        return None;
    }
    let address = |text: &str| Address::parse(text).ok();
    Some(Contracts {
        l2_output_oracle_addr: address(row.l2_output_oracle),
        dispute_game_factory_addr: address(row.dispute_game_factory),
        optimism_portal_addr: address(row.optimism_portal),
        system_config_addr: address(row.system_config),
        ..Default::default()
    })
}
