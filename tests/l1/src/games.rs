//! Games of a DisputeGameFactory, as somebody without a node makes and reads them.

use alloy_primitives::{Address, B256, U256, hex};
use alloy_sol_types::{SolCall, SolValue as _};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::{
    Rpc,
    abi::{
        DisputeGameFactory::{createCall, gameCountCall, gamesCall},
        FaultDisputeGame::claimDataLenCall,
    },
    sender::Sender,
};

/// The games of a factory.
#[derive(Debug)]
pub struct Games<'a> {
    rpc: &'a Rpc,
    factory: Address,
}

impl<'a> Games<'a> {
    /// Those of a factory on a chain of anvil.
    pub fn of(rpc: &'a Rpc, factory: Address) -> Self {
        Self { rpc, factory }
    }

    /// How many there are.
    pub fn count(&self) -> Result<u64> {
        Ok(self.ask(self.factory, &gameCountCall {})?.saturating_to())
    }

    /// Makes one about the output root of a block, with the first account that anvil unlocks. The factory wants no bond.
    pub fn create(&self, kind: u32, root: B256, block: u64) -> Result<Address> {
        let extra = U256::from(block).abi_encode();
        let sender = Sender::new(self.rpc)?;
        let call = createCall { gameType: kind, rootClaim: root, extraData: extra.clone().into() };
        sender.send("DisputeGameFactory.create", Some(self.factory), &call.abi_encode())?;
        sender.settle()?;
        let made = self.ask(self.factory, &gamesCall { gameType: kind, rootClaim: root, extraData: extra.into() })?;
        ensure!(!made.proxy.is_zero(), "the factory does not know the game that it made");
        Ok(made.proxy)
    }

    /// How many claims a game has: the proposal is the first, every move is another.
    pub fn claims(&self, game: Address) -> Result<u64> {
        Ok(self.ask(game, &claimDataLenCall {})?.saturating_to())
    }

    fn ask<C: SolCall>(&self, contract: Address, call: &C) -> Result<C::Return> {
        let data = hex::encode_prefixed(call.abi_encode());
        let call = json!([{"to": contract.to_string(), "data": data}, "latest"]);
        let answer = self.rpc.call("eth_call", &call.to_string())?;
        let answer = hex::decode(answer.as_str().context("an answer is hexadecimal")?)?;
        C::abi_decode_returns(&answer).with_context(|| format!("{contract} answers {} of another kind", C::SIGNATURE))
    }
}
