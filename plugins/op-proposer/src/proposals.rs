//! The last proposal, as L1 has it: the newest game of the account in the DisputeGameFactory.
//!
//! One question leads to the next: how many games there are (asked beside the contract's code), the newest ones of the
//! type, and who made each of them. The answers were compared with those of op-proposer v1.19.6 against contracts of
//! `@eth-optimism/contracts-bedrock` 0.17.3; today's factories have the same functions.

use opstack_sdk::answer::Probe;
use opstack_sdk::opstack::abi::{self, DisputeGame, DisputeGameFactory, U256, hex};
use opstack_sdk::opstack::component::{Component, LastSent};
use opstack_sdk::opstack::observed::{Finding, rpc_probe};
use opstack_sdk::values::{Address, rfc3339};
use serde_json::Value;

use crate::status::Submitted;

const GAMES: &str = "games";
const CREATORS: &str = "creators";
/// Games to look at: beyond so many of others, an own one is not looked for.
const NEWEST: usize = 3;
/// What a new game changes only, in milliseconds.
const RARELY_MS: u32 = 60_000;

/// Parameters of the call that counts the games of a factory.
pub fn count(factory: &Address) -> String {
    abi::params(factory, &DisputeGameFactory::gameCountCall {})
}

/// A game of the factory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Game {
    proxy: Address,
    created: u64,
    root: String,
    /// The first word of its extra data: the block of the L2, where output roots are claimed.
    block: Option<u64>,
}

/// The questions about the newest games; `games` says how many there are.
pub fn probes(component: &Component<'_>, factory: &Address, game_type: u64, games: Option<u64>) -> Vec<Probe> {
    let last = games.and_then(|games| games.checked_sub(1));
    let (Some(target), Some(last), Ok(game_type)) = (component.l1_target(), last, u32::try_from(game_type)) else {
        return vec![];
    };
    let ask = |id, calls: &[(&str, &str)], wake_on: &[&str]| Probe {
        interval_ms: RARELY_MS,
        ..rpc_probe(id, target.clone(), calls, wake_on)
    };
    let (start, n) = (U256::from(last), U256::from(NEWEST));
    let latest = DisputeGameFactory::findLatestGamesCall { gameType: game_type, start, n };
    let mut probes = vec![ask(GAMES, &[("eth_call", &abi::params(factory, &latest))], &["/0"])];
    let about = |Game { proxy, .. }: &Game| {
        [abi::params(proxy, &DisputeGame::gameCreatorCall {}), abi::params(proxy, &DisputeGame::rootClaimCall {})]
    };
    let calls: Vec<_> = known(component).iter().flat_map(about).collect();
    if !calls.is_empty() {
        let wake_on: Vec<_> = (0..calls.len()).map(|index| format!("/{index}")).collect();
        let wake_on: Vec<_> = wake_on.iter().map(String::as_str).collect();
        let calls: Vec<_> = calls.iter().map(|params| ("eth_call", params.as_str())).collect();
        probes.push(ask(CREATORS, &calls, &wake_on));
    }
    probes
}

/// The newest games of the type.
fn known(component: &Component<'_>) -> Vec<Game> {
    let Finding::Answer(answer) = Finding::of(component.cx, GAMES) else { return vec![] };
    games(&answer[0]).unwrap_or_default()
}

/// The newest game that `account` made; nothing where that is not known now.
pub fn last(component: &Component<'_>, account: &str, with_blocks: bool) -> Option<Submitted> {
    let Finding::Answer(creators) = Finding::of(component.cx, CREATORS) else { return None };
    let game = known(component).into_iter().enumerate().find_map(|(index, game)| {
        let creator = abi::value::<DisputeGame::gameCreatorCall>(&creators[2 * index]).ok()?;
        let root = abi::value::<DisputeGame::rootClaimCall>(&creators[2 * index + 1]).ok()?;
        // The answers may be about the games of before.
        let is_same = prefixed(root.as_slice()) == game.root;
        (is_same && prefixed(creator.as_slice()).eq_ignore_ascii_case(account)).then_some(game)
    })?;
    Some(Submitted {
        transaction_hash: transaction_of(component, &game.proxy),
        timestamp: Some(rfc3339(game.created)),
        l2_block_number: game.block.filter(|_| with_blocks),
        output_root: Some(game.root),
    })
}

/// The account's last transaction, if it is the one that made the game: the factory logs `DisputeGameCreated` with it.
fn transaction_of(component: &Component<'_>, proxy: &Address) -> Option<String> {
    let LastSent::Known(sent) = LastSent::of(component.cx) else { return None };
    let digits = proxy.as_str().trim_start_matches("0x");
    let names = |log: &Value| log["topics"][1].as_str().is_some_and(|topic| topic.ends_with(digits));
    sent.logs.iter().any(names).then_some(sent.hash)
}

/// The games of an `eth_call`'s answer; nothing where it is none.
fn games(call: &Value) -> Option<Vec<Game>> {
    let found = abi::value::<DisputeGameFactory::findLatestGamesCall>(call).ok()?;
    let read = |game: &DisputeGameFactory::GameSearchResult| {
        Some(Game {
            proxy: Address::parse(&prefixed(&game.metadata[12..])).ok()?,
            created: game.timestamp,
            root: prefixed(game.rootClaim.as_slice()),
            block: game.extraData.get(24..32).and_then(|word| Some(u64::from_be_bytes(word.try_into().ok()?))),
        })
    };
    found.iter().take(NEWEST).map(read).collect()
}

/// Bytes as JSON-RPC writes them.
fn prefixed(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Address, Game, Value, games};
    use serde_json::json;

    /// Of a factory with games by op-proposer v1.19.6.
    const ANSWER: &str = include_str!("../tests/latest-games.txt");

    fn call(result: &str) -> Value {
        json!({"result": result})
    }

    #[test]
    fn games_are_read() {
        let found = games(&call(ANSWER.trim())).unwrap();
        assert_eq!(found.len(), 2);
        let first = Game {
            proxy: Address::parse("0x56dfe89caa24dc1e3a578e725838b65ece3306c3").unwrap(),
            created: 1_795_288_461,
            root: "0x00c5455fc330b92d8928c6e6702e1c90cee234e974dee41e169955c6cd51a2ce".into(),
            block: Some(71),
        };
        assert_eq!(found.first(), Some(&first));
        assert_eq!(found.get(1).and_then(|game| game.block), Some(61));
    }

    #[test]
    fn what_is_none_is_no_game() {
        for answer in ["0x", "", "0x20", "zz", &ANSWER[..200], &format!("0x{:064x}{:064x}", 32, u64::MAX)] {
            assert_eq!(games(&call(answer)), None, "{answer}");
        }
        assert_eq!(games(&call(&format!("0x{:064x}{:064x}", 32, 0))), Some(vec![]));
        // Offsets that lead nowhere.
        assert_eq!(games(&call(&format!("0x{}", "f".repeat(640)))), None);
        assert_eq!(games(&json!({"error": {"code": 3, "message": "execution reverted"}})), None);
    }
}
