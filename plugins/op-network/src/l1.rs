//! Whether L1 answers, is the chain that the spec says, and has the contracts that the spec names.

use opstack_sdk::answer::{Condition, ConditionStatus, Failure, Probe, Target};
use opstack_sdk::cluster::Context;
use opstack_sdk::opstack::contracts::Contracts;
use opstack_sdk::opstack::network::NetworkSpec;
use opstack_sdk::opstack::observed::{Finding, quantity, result, rpc_probe};
use opstack_sdk::opstack::status::L1_CONNECTED;
use serde_json::Value;

const PROBE: &str = "l1";
const MAX_TIMEOUT_MS: u64 = 30_000;
/// Questions before those for contracts.
const GENERAL: usize = 2;

/// What is known of L1, and the question that keeps it up to date.
pub struct L1 {
    /// Nothing where the endpoint can't be asked.
    pub probe: Option<Probe>,
    /// The condition `L1Connected`.
    pub condition: Condition,
    /// Contracts of the spec that L1 does not have: fields and addresses.
    pub absent: Vec<String>,
}

impl L1 {
    /// Reads the observation, and declares the probe.
    ///
    /// # Errors
    /// `invalid` when the spec names no endpoint, or its timeout is zero; `other` when a lookup fails.
    pub fn look(cx: &Context<'_>, namespace: &str, spec: &NetworkSpec) -> Result<Self, Failure> {
        let endpoint = spec.l1_rpc().ok_or_else(|| {
            Failure::invalid("spec.l1RpcUrl", "no L1 endpoint: set this, or spec.l1RpcUrlFrom.secretKeyRef")
        })?;
        if spec.l1_rpc_timeout.as_millis() == 0 {
            let message =
                format!("{} leaves no time for an answer; write at least 1ms, such as \"10s\"", spec.l1_rpc_timeout);
            return Err(Failure::invalid("spec.l1RpcTimeout", message));
        }
        match endpoint.fingerprint(cx, namespace) {
            Ok(_) => {}
            Err(Failure::Waiting(what)) => {
                let condition = Condition::no(L1_CONNECTED, "SecretMissing", format!("waiting for {what}"));
                return Ok(Self { probe: None, condition, absent: vec![] });
            }
            Err(failure) => return Err(failure),
        }
        let Some(target) = endpoint.target(namespace) else {
            let message = "spec.l1RpcUrl is not an HTTP URL, so the operator can't ask it";
            let condition = Condition::unknown(L1_CONNECTED, "NotObservable", message);
            return Ok(Self { probe: None, condition, absent: vec![] });
        };
        let contracts = Contracts::of_spec(&spec.contract_addresses);
        let mut probe = question(target, &contracts);
        probe.timeout_ms = u32::try_from(spec.l1_rpc_timeout.as_millis().min(MAX_TIMEOUT_MS)).unwrap_or(u32::MAX);
        let wanted = spec.l1_chain_id.get();
        let finding = Finding::of(cx, PROBE);
        let condition = finding.condition(L1_CONNECTED, "the L1 RPC endpoint", |answer| judge(answer, wanted));
        let absent = match &finding {
            Finding::Answer(answer) if condition.status == ConditionStatus::Yes => absent(answer, &contracts),
            _ => vec![],
        };
        Ok(Self { probe: Some(probe), condition, absent })
    }
}

/// Which chain it is, whether it answers, and what is at the addresses of the contracts.
fn question(target: Target, contracts: &Contracts) -> Probe {
    let params: Vec<_> = contracts.known().map(|(_, address)| format!("[\"{address}\",\"latest\"]")).collect();
    let mut calls = vec![("eth_chainId", "[]"), ("eth_blockNumber", "[]")];
    calls.extend(params.iter().map(|params| ("eth_getCode", params.as_str())));
    let codes: Vec<_> = (GENERAL..calls.len()).map(|index| format!("/{index}")).collect();
    let wake_on: Vec<_> = ["/0", "/1/error"].into_iter().chain(codes.iter().map(String::as_str)).collect();
    rpc_probe(PROBE, target, &calls, &wake_on)
}

/// Contracts that L1 says it does not have. One that it was not asked for yet, or would not tell, is none of them.
fn absent(answer: &Value, contracts: &Contracts) -> Vec<String> {
    let codes = contracts
        .known()
        .enumerate()
        .filter(|(index, _)| result(answer, GENERAL + index).is_ok_and(|code| code == "0x"));
    codes.map(|(_, (field, address))| format!("{field} {address}")).collect()
}

fn judge(answer: &Value, wanted: u64) -> Condition {
    let chain = result(answer, 0).and_then(|id| quantity(id).ok_or_else(|| format!("{id} is not a chain id")));
    match (chain, result(answer, 1)) {
        (Ok(chain), _) if chain != wanted => Condition::no(
            L1_CONNECTED,
            "WrongChain",
            format!("the L1 RPC endpoint serves chain {chain}, but spec.l1ChainID is {wanted}"),
        ),
        (Ok(_), Ok(_)) => Condition::yes(L1_CONNECTED, "RPCEndpointReachable", "L1 RPC endpoint is responsive"),
        (Err(error), _) | (_, Err(error)) => {
            Condition::no(L1_CONNECTED, "RPCError", format!("the L1 RPC endpoint answers with an error: {error}"))
        }
    }
}
