//! Games about what was proposed: the challenger watches all of them, and attacks a wrong one.

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, Result, ensure};
use chain::{NODES, Site, until};
use l1::{ALPHABET, Games};
use serde_json::{Value, json};

use crate::{
    figure,
    pods::{field, object},
};

/// The root of nothing.
const WRONG: B256 = B256::repeat_byte(0x42);

/// Proposes a wrong root for a block that is on L1: the game.
pub fn propose_wrongly(site: &Site) -> Result<Address> {
    let block = site.consensus(NODES[2])?.heads()?.safe_l2;
    Games::of(site.l1()?.rpc(), factory(site)?).create(ALPHABET, WRONG, block)
}

/// The challenger attacks it, and its status tells that: how many games there are, and the move, which is on L1.
pub fn is_challenged(site: &Site, game: Address) -> Result<()> {
    let l1 = site.l1()?;
    let games = Games::of(l1.rpc(), factory(site)?);
    until("the wrong proposal is attacked", || Ok(games.claims(game)? > 1))?;
    let mut live = Value::Null;
    until("the challenger tells of all games and of its move", || {
        live = object(site, "opchallenger/challenger")?;
        let info = &live["status"]["challengerInfo"];
        let last = info["lastChallenge"]["gameAddr"].as_str().and_then(|text| text.parse::<Address>().ok());
        // No game ends for days.
        Ok(last == Some(game)
            && info["activeGames"].as_u64() == Some(games.count()?)
            && info["totalChallengesMade"].as_u64() > Some(0))
    })?;
    let info = &live["status"]["challengerInfo"];
    let hash = &info["lastChallenge"]["transactionHash"];
    let receipt = l1.rpc().call("eth_getTransactionReceipt", &json!([hash]).to_string())?;
    let account = live["status"]["account"].as_str().context("an account")?.to_lowercase();
    ensure!(receipt["from"] == account && receipt["to"] == game.to_string().to_lowercase(), "{receipt}");
    ensure!(receipt["status"] == "0x1", "{receipt}");
    figure('B', &format!("S1-83: a wrong proposal was attacked, and the challenger tells {info}"));
    Ok(())
}

fn factory(site: &Site) -> Result<Address> {
    const PATH: &str = "{.status.networkInfo.discoveredContracts.disputeGameFactoryAddr}";
    field(site, "optimismnetwork/devnet", PATH)?.parse().context("the factory's address")
}
