//! The last proposal, as L1 has it: the newest game of the account in the DisputeGameFactory.
//!
//! One question leads to the next: how many games there are (asked beside the contract's code), the newest ones of the
//! type, and who made each of them. The answers were compared with those of op-proposer v1.19.6 against contracts of
//! `@eth-optimism/contracts-bedrock` 0.17.3; today's factories have the same functions.

use opstack_sdk::answer::Probe;
use opstack_sdk::opstack::component::{Component, LastSent};
use opstack_sdk::opstack::observed::{Finding, result, rpc_probe};
use opstack_sdk::values::{Address, rfc3339};
use serde_json::{Value, json};

use crate::status::Submitted;

/// `gameCount()`
const GAME_COUNT: &str = "0x4d1975b4";
/// `findLatestGames(uint32,uint256,uint256)`
const FIND_LATEST_GAMES: &str = "0x254bd683";
/// `gameCreator()`
const GAME_CREATOR: &str = "0x37b1b229";
/// `rootClaim()`
const ROOT_CLAIM: &str = "0xbcef3b55";

const GAMES: &str = "games";
const CREATORS: &str = "creators";
/// Games to look at: beyond so many of others, an own one is not looked for.
const NEWEST: u64 = 3;
/// What a new game changes only, in milliseconds.
const RARELY_MS: u32 = 60_000;
/// Hexadecimal digits of a word of the ABI.
const WORD: usize = 64;

/// Parameters of an `eth_call`.
fn call(to: &str, data: &str) -> String {
    json!([{"to": to, "data": data}, "latest"]).to_string()
}

/// Parameters of the call that counts the games of a factory.
pub fn count(factory: &Address) -> String {
    call(factory.as_str(), GAME_COUNT)
}

/// A game of the factory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Game {
    proxy: String,
    created: u64,
    root: String,
    /// The first word of its extra data: the block of the L2, where output roots are claimed.
    block: Option<u64>,
}

/// The questions about the newest games; `games` says how many there are.
pub fn probes(component: &Component<'_>, factory: &Address, game_type: u64, games: Option<u64>) -> Vec<Probe> {
    let Some((target, last)) = component.l1_target().zip(games.and_then(|games| games.checked_sub(1))) else {
        return vec![];
    };
    let ask = |id, calls: &[(&str, &str)], wake_on: &[&str]| Probe {
        interval_ms: RARELY_MS,
        ..rpc_probe(id, target.clone(), calls, wake_on)
    };
    let data = format!("{FIND_LATEST_GAMES}{game_type:064x}{last:064x}{NEWEST:064x}");
    let mut probes = vec![ask(GAMES, &[("eth_call", &call(factory.as_str(), &data))], &["/0"])];
    let calls: Vec<_> = known(component)
        .iter()
        .flat_map(|game| [GAME_CREATOR, ROOT_CLAIM].map(|data| call(&game.proxy, data)))
        .collect();
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
    let Ok(Value::String(text)) = result(&answer, 0) else { return vec![] };
    games(text).unwrap_or_default()
}

/// The newest game that `account` made; nothing where that is not known now.
pub fn last(component: &Component<'_>, account: &str, with_blocks: bool) -> Option<Submitted> {
    let Finding::Answer(creators) = Finding::of(component.cx, CREATORS) else { return None };
    let word = |index| result(&creators, index).ok().and_then(Value::as_str);
    let game = known(component).into_iter().enumerate().find_map(|(index, game)| {
        let creator = word(2 * index)?.get(26..)?;
        // The answers may be about the games of before.
        let is_same = word(2 * index + 1)? == game.root;
        (is_same && account.trim_start_matches("0x").eq_ignore_ascii_case(creator)).then_some(game)
    })?;
    Some(Submitted {
        transaction_hash: transaction_of(component, &game.proxy),
        timestamp: Some(rfc3339(game.created)),
        l2_block_number: game.block.filter(|_| with_blocks),
        output_root: Some(game.root),
    })
}

/// The account's last transaction, if it is the one that made the game: the factory logs `DisputeGameCreated` with it.
fn transaction_of(component: &Component<'_>, proxy: &str) -> Option<String> {
    let LastSent::Known(sent) = LastSent::of(component.cx) else { return None };
    let names =
        |log: &Value| log["topics"][1].as_str().is_some_and(|topic| topic.ends_with(proxy.trim_start_matches("0x")));
    sent.logs.iter().any(names).then_some(sent.hash)
}

/// Reads `GameSearchResult[]`: (index, metadata, timestamp, rootClaim, extraData).
fn games(answer: &str) -> Option<Vec<Game>> {
    let words = answer.strip_prefix("0x")?;
    let word = |at: usize| words.get(at.checked_mul(WORD)?..)?.get(..WORD);
    let number = |at: usize| u64::from_str_radix(word(at)?.get(WORD - 16..)?, 16).ok();
    let index = |at: usize| Some(usize::try_from(number(at)?).ok()? / 32);
    let length = index(0)?;
    let count = number(length)?.min(NEWEST);
    let read = |game: usize| {
        let begin = length + 1 + index(length + 1 + game)?;
        Some(Game {
            proxy: format!("0x{}", word(begin + 1)?.get(24..)?),
            created: number(begin + 2)?,
            root: format!("0x{}", word(begin + 3)?),
            block: number(begin + index(begin + 4)? + 1),
        })
    };
    (0..usize::try_from(count).ok()?).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::{Game, games};

    /// Of a factory with games by op-proposer v1.19.6.
    const ANSWER: &str = include_str!("../tests/latest-games.txt");

    #[test]
    fn games_are_read() {
        let found = games(ANSWER.trim()).unwrap();
        assert_eq!(found.len(), 2);
        let first = Game {
            proxy: "0x56dfe89caa24dc1e3a578e725838b65ece3306c3".into(),
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
            assert_eq!(games(answer), None, "{answer}");
        }
        assert_eq!(games(&format!("0x{:064x}{:064x}", 32, 0)), Some(vec![]));
        // Offsets that lead nowhere.
        assert_eq!(games(&format!("0x{}", "f".repeat(640))), None);
    }
}
