//! What is known of a running challenger.

use opstack_sdk::answer::{Condition, Probe};
use opstack_sdk::opstack::component::{Component, LastSent, METRICS, Process, Sent};
use opstack_sdk::opstack::observed::{Finding, has_code, metric, rpc_probe};
use opstack_sdk::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase};
use opstack_sdk::values::{Address, rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resources::Endpoints;

const L1: &str = "l1";
const L2: &str = "l2";
const MONITORING_ACTIVE: &str = "MonitoringActive";
/// `op-challenger/metrics/metrics.go`: games by status.
const GAMES: &str = "op_challenger_tracked_games";
/// Moves, and steps of the machine, since the program's start.
const MOVES: &str = "op_challenger_moves";
const STEPS: &str = "op_challenger_steps";
/// `Move(uint256,bytes32,address)`: what a game logs of a move.
const MOVE: &str = "0x9b3245740ec3b155098a55be84957a4da13eaf7f14a8bc6f53126c0b9350f2be";

/// `.status` without conditions. A fact that nobody measured is absent.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengerStatus {
    /// In one word.
    pub phase: Phase,
    /// The account that plays. Permissioned games take only the one that the chain names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Ether of the account on L1. Absent while L1 does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<String>,
    /// The nodes whose RPCs it dials (`namespace/name`); none where it is given URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Processes of the program that may be running: of pods that were bound to a machine and are not known to have ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Process>,
    /// What the challenger did.
    pub challenger_info: ChallengerInfo,
}

/// What the challenger did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ChallengerInfo {
    /// Games in progress. Absent while the challenger does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_games: Option<u64>,
    /// Moves and steps of the machine, as long as this object exists. The program counts since its start, and is asked
    /// every 15 s: what it does right before it ends is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_challenges_made: Option<u64>,
    /// Those since the program's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenges_since_start: Option<u64>,
    /// Games that ended, of those in the program's window (`--game-window`: those of the last 28 days). Absent while the
    /// challenger does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_games_resolved: Option<u64>,
    /// The last move that was seen as the account's last transaction. It needs an L1 endpoint that serves
    /// `eth_getTransactionBySenderAndNonce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_challenge: Option<Challenge>,
}

/// A move in a game.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Challenge {
    /// The game.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub game_addr: Option<String>,
    /// Hash of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// Time of its block.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: Option<String>,
}

/// The questions to ask while the challenger runs.
pub fn probes(component: &Component<'_>, factory: Option<&Address>, endpoints: Option<&Endpoints>) -> Vec<Probe> {
    let l1 = component.l1_target().zip(factory).map(|(target, factory)| {
        let code = format!("[\"{factory}\",\"latest\"]");
        rpc_probe(L1, target, &[("eth_chainId", "[]"), ("eth_getCode", &code)], &["/0", "/1"])
    });
    let l2 = endpoints
        .and_then(|endpoints| endpoints.eth.target.clone())
        .map(|target| rpc_probe(L2, target, &[("eth_chainId", "[]")], &["/0"]));
    l1.into_iter().chain(l2).chain(component.metrics_probe(&[GAMES, MOVES, STEPS])).collect()
}

/// The conditions about L1, L2 and the games.
pub fn connections(
    component: &Component<'_>,
    factory: Option<&Address>,
    endpoints: Option<&Endpoints>,
) -> [Condition; 3] {
    let l2 = endpoints.map(|endpoints| &endpoints.eth);
    [
        component.l1_condition(L1, |answer| on_l1(answer, factory)),
        component.l2_condition(L2, l2, "the node's execution RPC", |_| {
            Condition::yes(L2_CONNECTED, "NodeReachable", "Connected to L2 node")
        }),
        Finding::of(component.cx, METRICS).condition(MONITORING_ACTIVE, "the challenger", |answer| {
            match metric(answer, GAMES, Some(("status", "in_progress"))) {
                None => {
                    Condition::unknown(MONITORING_ACTIVE, "NotObserved", "the challenger has not looked for games yet")
                }
                Some(games) => {
                    let message = format!("Monitoring {games} active dispute games");
                    Condition::yes(MONITORING_ACTIVE, "GamesBeingMonitored", message)
                }
            }
        }),
    ]
}

fn on_l1(answer: &Value, factory: Option<&Address>) -> Condition {
    match factory {
        Some(_) if has_code(answer, 1) => {
            Condition::yes(L1_CONNECTED, "DisputeGameFactoryReachable", "Connected to DisputeGameFactory contract")
        }
        Some(factory) => {
            let message = format!("L1 has no contract at {factory}, the DisputeGameFactory");
            Condition::no(L1_CONNECTED, "NoContract", message)
        }
        None => Condition::unknown(L1_CONNECTED, "NoContract", "the DisputeGameFactory's address is not known"),
    }
}

/// What the program's metrics and L1 tell; `known` is the status of before.
pub fn info(component: &Component<'_>, known: &Value) -> ChallengerInfo {
    let known: ChallengerInfo = serde_json::from_value(known["challengerInfo"].clone()).unwrap_or_default();
    let told = component.told();
    let told = |name, label| told.as_ref().and_then(|answer| metric(answer, name, label)).map(|value| value as u64);
    let games = |status| told(GAMES, Some(("status", status)));
    let since_start = told(MOVES, None).map(|moves| moves + told(STEPS, None).unwrap_or_default());
    let last = match LastSent::of(component.cx) {
        LastSent::Known(sent) => challenge(&sent).or(known.last_challenge),
        LastSent::NotServed | LastSent::NotYet => known.last_challenge,
    };
    ChallengerInfo {
        active_games: games("in_progress"),
        total_challenges_made: counted(known.total_challenges_made, known.challenges_since_start, since_start),
        challenges_since_start: since_start.or(known.challenges_since_start),
        total_games_resolved: games("defender_won").zip(games("challenger_won")).map(|(one, other)| one + other),
        last_challenge: last,
    }
}

/// A total that survives restarts of a program that counts from zero each time: by what its counter grew.
fn counted(total: Option<u64>, before: Option<u64>, now: Option<u64>) -> Option<u64> {
    let Some(now) = now else { return total };
    let grown = now.checked_sub(before.unwrap_or_default()).unwrap_or(now);
    Some(total.unwrap_or_default() + grown)
}

/// The move that a transaction is, if it is one.
fn challenge(sent: &Sent) -> Option<Challenge> {
    let log = sent.logs.iter().find(|log| log["topics"][0] == MOVE)?;
    Some(Challenge {
        game_addr: log["address"].as_str().map(ToString::to_string),
        transaction_hash: Some(sent.hash.clone()),
        timestamp: sent.time.map(rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn a_total_survives_restarts() {
        for (total, before, now, expected) in [
            (None, None, None, None),
            (None, None, Some(3), Some(3)),
            (Some(3), Some(3), Some(3), Some(3)),
            (Some(3), Some(3), Some(5), Some(5)),
            // It was started again.
            (Some(5), Some(5), Some(2), Some(7)),
            // It does not answer.
            (Some(7), Some(2), None, Some(7)),
        ] {
            assert_eq!(counted(total, before, now), expected, "{total:?} {before:?} {now:?}");
        }
    }
}
