//! From what was found to `.status`, conditions and events.

use opstack_sdk::answer::{Answer, Condition, ConditionStatus};
use opstack_sdk::opstack::credentials;
use opstack_sdk::opstack::network::{GENESIS, L1_CHAIN_CONFIG, NetworkInfo, NetworkSpec, NetworkStatus, ROLLUP_CONFIG};
use opstack_sdk::opstack::network_status::NetworkPhase;
use opstack_sdk::opstack::status::READY;

use crate::contracts::Known;
use crate::files::{Files, Problem};
use crate::l1::L1;

const CONFIGURATION_VALID: &str = "ConfigurationValid";
/// Condition, where it is not so: op-node starts with the rollup configuration alone.
const ROLLUP_CONFIG_COMPLETE: &str = "RollupConfigComplete";

/// The answer without its children. Where the configuration has a problem, what was published before stays.
pub fn answer(network: &str, files: &Files, known: &Known, l1: &L1) -> Answer<NetworkStatus> {
    let configuration = configuration(files.problem.as_ref());
    let status = NetworkStatus {
        phase: Some(phase(files.problem.as_ref(), &l1.condition)),
        network_info: NetworkInfo {
            deployment_timestamp: files.began.clone(),
            last_updated: known.discovered.last_discovery_time.clone(),
            discovered_contracts: known.discovered.clone(),
            rollup_config: files.published(ROLLUP_CONFIG, network),
            l2_genesis: files.published(GENESIS, network),
            l1_chain_config: files.published(L1_CHAIN_CONFIG, network),
        },
        roles: known.roles.clone(),
        sequencing: None,
        sequencer_service: None,
    };
    let mut answer = match &files.problem {
        Some(Problem::Missing(what)) => Answer::keep(status, format!("waiting for {what}")),
        Some(Problem::Invalid(_, why)) => Answer::keep(status, why),
        None => Answer::new(status),
    };
    // The network is as ready as the worse of its configuration and its L1.
    for condition in [&configuration, &l1.condition].into_iter().filter(|c| c.status != ConditionStatus::Yes).take(1) {
        answer.condition(Condition::no(READY, &condition.reason, &condition.message));
    }
    answer.condition(configuration).condition(known.condition.clone()).condition(l1.condition.clone());
    answer.conditions.extend(incomplete(&files.gaps));
    answer
}

/// Absent where nothing is left to the arguments of nodes.
fn incomplete(gaps: &[String]) -> Option<Condition> {
    let message = || format!("the rollup configuration {}", gaps.join("; it "));
    (!gaps.is_empty()).then(|| Condition::no(ROLLUP_CONFIG_COMPLETE, "FieldsMissing", message()))
}

fn configuration(problem: Option<&Problem>) -> Condition {
    match problem {
        None => Condition::yes(CONFIGURATION_VALID, "ValidConfiguration", "Network configuration is valid"),
        Some(Problem::Missing(what)) => {
            Condition::no(CONFIGURATION_VALID, "ConfigurationMissing", format!("waiting for {what}"))
        }
        Some(Problem::Invalid(reason, why)) => Condition::no(CONFIGURATION_VALID, reason, why),
    }
}

fn phase(problem: Option<&Problem>, l1: &Condition) -> NetworkPhase {
    match (problem, l1.status) {
        (Some(Problem::Invalid(..)), _) => NetworkPhase::Error,
        (Some(Problem::Missing(_)), _) | (None, ConditionStatus::Unknown) => NetworkPhase::Pending,
        (None, ConditionStatus::Yes) => NetworkPhase::Ready,
        (None, ConditionStatus::No) if l1.reason == "SecretMissing" => NetworkPhase::Pending,
        (None, ConditionStatus::No) => NetworkPhase::Error,
    }
}

/// Events about fields that another one overrules.
pub fn warn(answer: &mut Answer<NetworkStatus>, spec: &NetworkSpec) {
    let both = [("rollupConfig", &spec.rollup_config), ("l2Genesis", &spec.l2_genesis)];
    let l1 = spec.l1_chain_config.as_ref().map(|source| ("l1ChainConfig", source));
    for (field, source) in both.into_iter().chain(l1) {
        if let [first, _, ..] = source.given().as_slice() {
            let given = source.given().join(", ");
            answer.warn("SeveralSources", format!("spec.{field} gives {given}; {first} counts, remove the others"));
        }
    }
    answer.events.extend(credentials::warning([
        ("spec.l1RpcUrl", spec.l1_rpc_url.as_ref()),
        ("spec.l1BeaconUrl", spec.l1_beacon_url.as_ref()),
        ("spec.l2RpcUrl", spec.l2_rpc_url.as_ref()),
        ("spec.rollupRpcUrl", spec.rollup_rpc_url.as_ref()),
    ]));
    for (plain, from, both) in [
        ("l1RpcUrl", "l1RpcUrlFrom", spec.l1_rpc_url.is_some() && spec.l1_rpc_url_from.is_some()),
        ("l1BeaconUrl", "l1BeaconUrlFrom", spec.l1_beacon_url.is_some() && spec.l1_beacon_url_from.is_some()),
        ("l2RpcUrl", "l2RpcUrlFrom", spec.l2_rpc_url.is_some() && spec.l2_rpc_url_from.is_some()),
        ("rollupRpcUrl", "rollupRpcUrlFrom", spec.rollup_rpc_url.is_some() && spec.rollup_rpc_url_from.is_some()),
    ] {
        if both {
            answer.warn(
                "SeveralSources",
                format!("spec.{from} and spec.{plain} are given; {from} counts, remove the other"),
            );
        }
    }
}
