//! Times of forks that a user overrides. op-node and its execution client must have the same, or the node stops at the fork.

use k8s_openapi::api::core::v1::EnvVar;
use opstack_sdk::opstack::argument::flags;
use opstack_sdk::opstack::honoured::Honoured;

use crate::spec::OpNodeSpec;

/// Forks whose time both programs read (`override.*` of op-node v1.19.6 and op-geth v1.101702.3). Others change op-node alone.
const OF_BOTH: [&str; 9] =
    ["canyon", "ecotone", "fjord", "granite", "holocene", "interop", "isthmus", "jovian", "karst"];

/// The time that arguments give to a fork; where they don't, variables.
fn time<'a>(fork: &str, args: &'a [String], env: &'a [EnvVar]) -> Option<&'a str> {
    let name = format!("override.{fork}");
    let variable = format!("_OVERRIDE_{}", fork.to_uppercase());
    let given = flags(args).filter(|(flag, _)| *flag == name).last().and_then(|(_, value)| value);
    let by_variable = || env.iter().find(|entry| entry.name.ends_with(&variable))?.value.as_deref();
    given.or_else(by_variable)
}

/// Tells of times that only one program gets, or that differ.
pub fn note(spec: &OpNodeSpec, honoured: &mut Honoured) {
    let client = &spec.execution_client;
    for fork in OF_BOTH {
        let own = time(fork, &spec.extra_args, &spec.extra_env);
        let other = time(fork, &client.extra_args, &client.extra_env);
        let (path, elsewhere, what) = match (own, other) {
            (own, other) if own == other => continue,
            (_, None) => ("spec.extraArgs", "spec.executionClient.extraArgs", "the execution client does not get it"),
            (None, _) => ("spec.executionClient.extraArgs", "spec.extraArgs", "op-node does not get it"),
            _ => ("spec.extraArgs", "spec.executionClient.extraArgs", "the execution client gets another time"),
        };
        honoured.refuse(
            path,
            format!(
                "--override.{fork}={} is given, and {what}: the node stops at the fork; give the same in {elsewhere}, or plan the fork in the chain's files, which both read",
                own.or(other).unwrap_or_default()
            ),
        );
    }
}
