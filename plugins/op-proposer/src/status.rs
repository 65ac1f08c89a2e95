//! What is known of a running proposer.

use opstack_sdk::answer::{Condition, Probe};
use opstack_sdk::opstack::component::Component;
use opstack_sdk::opstack::observed::{Finding, has_code, metric, result, rpc_probe};
use opstack_sdk::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::resources::Outputs;
use crate::spec::ProposerSpec;
use crate::target::Contract;

const L1: &str = "l1";
const L2: &str = "l2";
const METRICS: &str = "metrics";
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
    /// What the proposer did.
    pub proposer_info: ProposerInfo,
}

/// What the proposer did.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposerInfo {
    /// The last proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_proposal_submitted: Option<Submitted>,
    /// Proposals since the beginning. Absent: the program does not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_proposals_submitted: Option<u64>,
    /// When the next proposal is due. Absent: it depends on the time of the last one on L1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub next_proposal_due: Option<String>,
}

/// A proposal. What the program's metrics don't tell is absent.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// The root that was proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_root: Option<String>,
    /// Block of the L2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2_block_number: Option<u64>,
    /// Hash of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// When it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: Option<String>,
}

/// The questions to ask while the proposer runs.
pub fn probes(component: &Component<'_>, contract: Option<&Contract>, outputs: Option<&Outputs>) -> Vec<Probe> {
    let l1 = component.l1_target().zip(contract).map(|(target, contract)| {
        let code = format!("[\"{}\",\"latest\"]", contract.address());
        rpc_probe(L1, target, &[("eth_chainId", "[]"), ("eth_getCode", &code)], &["/0", "/1"])
    });
    let l2 = outputs.and_then(|outputs| outputs.upstream.target.clone()).map(|target| {
        let finalized = "/0/result/finalized_l2/number";
        rpc_probe(L2, target, &[("optimism_syncStatus", "[]")], &["/0/error", finalized])
    });
    let metrics = component.metrics_probe(METRICS, &[PROPOSED], &[&format!("/{PROPOSED}")]);
    l1.into_iter().chain(l2).chain(metrics).collect()
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

/// What the program's metrics tell.
pub fn info(component: &Component<'_>, outputs: Option<&Outputs>) -> ProposerInfo {
    let Finding::Answer(answer) = Finding::of(component.cx, METRICS) else { return ProposerInfo::default() };
    // A super root is proposed for a point in time, which is no block.
    let blocks = outputs.is_some_and(|outputs| !outputs.super_roots);
    let proposed = metric(&answer, PROPOSED, None).filter(|number| blocks && *number > 0.0);
    ProposerInfo {
        last_proposal_submitted: proposed
            .map(|number| Submitted { l2_block_number: Some(number as u64), ..Default::default() }),
        ..Default::default()
    }
}
