//! What is known of a running proposer.

use opstack_sdk::answer::{Condition, Probe};
use opstack_sdk::opstack::component::{Account, Component, Process};
use opstack_sdk::opstack::observed::{Finding, has_code, metric, result, rpc_probe};
use opstack_sdk::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase};
use opstack_sdk::values::{rfc3339, unix_seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::proposals;
use crate::resources::{Outputs, takes_super_roots};
use crate::spec::ProposerSpec;
use crate::target::Contract;

const L1: &str = "l1";
const L2: &str = "l2";
/// `op-proposer/metrics/metrics.go`: block (or timestamp, for super roots) of the last proposal.
const PROPOSED: &str = "op_proposer_default_proposed_sequence_number";

/// `.status` without conditions. A fact that nobody measured is absent.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposerStatus {
    /// In one word.
    pub phase: Phase,
    /// The account that proposes. Permissioned games take only the one that the chain names.
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
    /// What the proposer did.
    pub proposer_info: ProposerInfo,
}

/// What the proposer did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProposerInfo {
    /// The account's last game of this type in the DisputeGameFactory, if it is among the newest ones; it stays while
    /// nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_proposal_submitted: Option<Submitted>,
    /// Transactions that the account has on L1. Absent while L1 does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_proposals_submitted: Option<u64>,
    /// When the next proposal is due: `proposal.outputInterval` after the last game. Absent for an L2OutputOracle, whose
    /// contract counts blocks of the L2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub next_proposal_due: Option<String>,
}

/// A proposal. What nobody tells is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Submitted {
    /// The root that was proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_root: Option<String>,
    /// Block of the L2. Absent for a super root, which is of a point in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2_block_number: Option<u64>,
    /// Hash of the transaction. It needs an L1 endpoint that serves `eth_getTransactionBySenderAndNonce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// When the game was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: Option<String>,
}

/// The questions to ask while the proposer runs.
pub fn probes(
    component: &Component<'_>,
    spec: &ProposerSpec,
    contract: Option<&Contract>,
    outputs: Option<&Outputs>,
) -> Vec<Probe> {
    let l1 = component.l1_target().zip(contract).map(|(target, contract)| {
        let code = format!("[\"{}\",\"latest\"]", contract.address());
        let count = contract.factory().map(proposals::count);
        let mut calls = vec![("eth_chainId", "[]"), ("eth_getCode", code.as_str())];
        calls.extend(count.as_deref().map(|count| ("eth_call", count)));
        rpc_probe(L1, target, &calls, &["/0", "/1", "/2"])
    });
    let game_type = spec.dispute_game.game_type.get();
    let games = contract
        .and_then(Contract::factory)
        .map(|factory| proposals::probes(component, factory, game_type, games(component)))
        .unwrap_or_default();
    let l2 = outputs.and_then(|outputs| outputs.upstream.target.clone()).map(|target| {
        let finalized = "/0/result/finalized_l2/number";
        rpc_probe(L2, target, &[("optimism_syncStatus", "[]")], &["/0/error", finalized])
    });
    l1.into_iter().chain(l2).chain(component.metrics_probe(&[PROPOSED])).chain(games).collect()
}

/// How many games the factory has.
fn games(component: &Component<'_>) -> Option<u64> {
    let Finding::Answer(answer) = Finding::of(component.cx, L1) else { return None };
    let count = result(&answer, 2).ok()?.as_str()?.strip_prefix("0x")?;
    u64::from_str_radix(count, 16).ok()
}

/// The conditions about L1 and L2.
pub fn connections(
    component: &Component<'_>,
    spec: &ProposerSpec,
    contract: Option<&Contract>,
    outputs: Option<&Outputs>,
) -> [Condition; 2] {
    let observable = outputs.is_none_or(|outputs| outputs.upstream.target.is_some());
    [
        component.l1_condition(L1, |answer| on_l1(answer, contract)),
        Finding::seek(component.cx, L2, observable).condition(L2_CONNECTED, "the source of outputs", |answer| {
            on_l2(answer, spec.proposal.allow_non_finalized)
        }),
    ]
}

fn on_l1(answer: &Value, contract: Option<&Contract>) -> Condition {
    let (name, address) = match contract {
        Some(contract) => (contract.name(), contract.address().as_str()),
        None => return Condition::unknown(L1_CONNECTED, "NoContract", "the contract's address is not known"),
    };
    if has_code(answer, 1) {
        return Condition::yes(L1_CONNECTED, "OracleContractReachable", format!("Connected to {name} contract"));
    }
    let message = format!("L1 has no contract at {address}, the {name}");
    Condition::no(L1_CONNECTED, "NoContract", message)
}

fn on_l2(answer: &Value, allow_non_finalized: bool) -> Condition {
    match result(answer, 0) {
        Err(error) => {
            Condition::no(L2_CONNECTED, "RPCError", format!("the source of outputs answers with an error: {error}"))
        }
        Ok(sync) if !allow_non_finalized && sync["finalized_l2"]["number"].as_u64().unwrap_or(0) == 0 => {
            let message = "the source of outputs answers, but has no finalized L2 block to propose yet";
            Condition::no(L2_CONNECTED, "NothingFinalized", message)
        }
        Ok(_) => {
            let message = "Can fetch L2 output roots: their source answers, and knows blocks to propose";
            Condition::yes(L2_CONNECTED, "OutputRootAccessible", message)
        }
    }
}

/// What L1 and the program's metrics tell; `known` is the status of before.
pub fn info(
    component: &Component<'_>,
    spec: &ProposerSpec,
    account: Option<&str>,
    contract: Option<&Contract>,
    known: &Value,
) -> ProposerInfo {
    let known: ProposerInfo = serde_json::from_value(known["proposerInfo"].clone()).unwrap_or_default();
    let has_blocks = !takes_super_roots(spec, contract);
    let on_l1 = account.and_then(|account| proposals::last(component, account, has_blocks));
    let last = match (on_l1, known.last_proposal_submitted) {
        // Its transaction was the account's last one when it was seen first.
        (Some(last), Some(before)) if last.output_root == before.output_root => {
            Some(Submitted { transaction_hash: last.transaction_hash.or(before.transaction_hash), ..last })
        }
        (Some(last), _) => Some(last),
        (None, Some(before)) if before.timestamp.is_some() => Some(before),
        (None, before) => by_metrics(component).filter(|_| has_blocks).or(before),
    };
    let due = |last: &Submitted| {
        Some(unix_seconds(last.timestamp.as_deref()?)? + spec.proposal.output_interval.as_millis() / 1000)
    };
    ProposerInfo {
        next_proposal_due: contract.and_then(Contract::factory).and(last.as_ref().and_then(due)).map(rfc3339),
        last_proposal_submitted: last,
        total_proposals_submitted: Account::of(component.cx).map(|account| account.transactions),
    }
}

/// The program knows the block alone, and of its own proposals only.
fn by_metrics(component: &Component<'_>) -> Option<Submitted> {
    let number = metric(&component.told()?, PROPOSED, None).filter(|number| *number > 0.0)?;
    Some(Submitted { l2_block_number: Some(number as u64), ..Default::default() })
}
