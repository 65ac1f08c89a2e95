//! What is known of a running challenger.

use opstack_sdk::answer::{Condition, Probe};
use opstack_sdk::opstack::component::Component;
use opstack_sdk::opstack::observed::{Finding, has_code, metric, rpc_probe};
use opstack_sdk::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase};
use opstack_sdk::values::Address;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::resources::Endpoints;

const L1: &str = "l1";
const L2: &str = "l2";
const METRICS: &str = "metrics";
const MONITORING_ACTIVE: &str = "MonitoringActive";
/// `op-challenger/metrics/metrics.go`: games by status.
const GAMES: &str = "op_challenger_tracked_games";

/// `.status` without conditions. A fact that nobody measured is absent.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengerStatus {
    /// In one word.
    pub phase: Phase,
    /// The account that plays. Permissioned games take only the one that the chain names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What the challenger did.
    pub challenger_info: ChallengerInfo,
}

/// What the challenger did.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengerInfo {
    /// Games in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_games: Option<u64>,
    /// Moves since the beginning. Absent: the program counts since its start only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_challenges_made: Option<u64>,
    /// Games that ended. Absent: the program tells those of its window only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_games_resolved: Option<u64>,
    /// The last move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_challenge: Option<Challenge>,
}

/// A move in a game.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// The game.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub game_addr: Option<String>,
    /// Hash of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// When it was confirmed.
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
    let metrics = component.metrics_probe(METRICS, &[GAMES], &[&format!("/{GAMES}")]);
    l1.into_iter().chain(l2).chain(metrics).collect()
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

/// What the program's metrics tell.
pub fn info(component: &Component<'_>) -> ChallengerInfo {
    let Finding::Answer(answer) = Finding::of(component.cx, METRICS) else { return ChallengerInfo::default() };
    let active_games = metric(&answer, GAMES, Some(("status", "in_progress"))).map(|games| games as u64);
    ChallengerInfo { active_games, ..Default::default() }
}
