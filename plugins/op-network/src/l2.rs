//! What the L2 is asked: whether it has the predeploys, and which rollup configuration a running node has.

use opstack_sdk::Object;
use opstack_sdk::answer::{Condition, Probe, Target};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::fault;
use opstack_sdk::opstack::network::NetworkSpec;
use opstack_sdk::opstack::node::{Node, Rpc};
use opstack_sdk::opstack::observed::{Finding, TIMEOUT_MS, result, rpc_probe};
use opstack_sdk::opstack::upstream::Upstream;
use opstack_sdk::values::Address;
use serde_json::Value;

use crate::ask::{Asker, Batch, Silence};

const PREDEPLOYS_PRESENT: &str = "L2PredeploysPresent";
const PROBE: &str = "predeploys";
const ROLLUP_PROBE: &str = "rollup-config";

/// Predeploys that every chain has had since Bedrock (`src/libraries/Predeploys.sol`).
const PREDEPLOYS: [(&str, &str); 3] = [
    ("L2CrossDomainMessenger", "0x4200000000000000000000000000000000000007"),
    ("L2StandardBridge", "0x4200000000000000000000000000000000000010"),
    ("L2ToL1MessagePasser", "0x4200000000000000000000000000000000000016"),
];

/// Where the L2 is asked; or why it can't be.
pub struct L2 {
    execution: Result<Upstream, String>,
    rollup: Result<Upstream, String>,
}

/// The rollup configuration of a running node.
pub enum Running {
    /// As JSON.
    Config(String),
    /// Not had; says why.
    Silent(String),
}

impl L2 {
    /// The URLs of the spec, else those of the network's oldest sequencer.
    pub fn find(cx: &Context<'_>, network: &Object<NetworkSpec>, sequencers: &[Node]) -> Self {
        let namespace = &network.metadata.namespace;
        let upstream = |url: Option<Endpoint>, field: &str, rpc| match url {
            Some(url) => Upstream::of_url(cx, url, namespace).map_err(|failure| failure.to_string()),
            None => sequencers
                .first()
                .map(|node| node.upstream(cx, rpc))
                .ok_or_else(|| format!("there is nobody to ask: neither spec.{field} nor a sequencer of this network")),
        };
        Self {
            execution: upstream(network.spec.l2_rpc(), "l2RpcUrl", Rpc::Execution),
            rollup: upstream(network.spec.rollup_rpc(), "rollupRpcUrl", Rpc::Rollup),
        }
    }

    /// Whether the predeploys are there, and the probe that tells. `interval_ms` is how often, once they are.
    pub fn predeploys(&self, cx: &Context<'_>, chain_id: u64, interval_ms: u32) -> (Condition, Vec<Probe>) {
        let (target, fingerprint) = match target(&self.execution) {
            Ok(found) => found,
            Err(why) => return (Condition::unknown(PREDEPLOYS_PRESENT, "NotObservable", why), vec![]),
        };
        let digest = Hash::of([format!("{target:?}").as_str(), fingerprint, &chain_id.to_string()]);
        let mut asker = Asker::new(cx, target, chain_id, TIMEOUT_MS, digest);
        let mut batch = Batch::new();
        let asked: Vec<_> = PREDEPLOYS
            .iter()
            .filter_map(|(name, at)| Some((name, at, batch.code(&Address::parse(at).ok()?))))
            .collect();
        let condition = match asker.ask(PROBE, batch) {
            Err(silence) => silent(&silence, chain_id),
            Ok(answer) => {
                let found = asked.iter().map(|(name, at, code)| (name, at, answer.has_code(*code)));
                let absent: Vec<_> = found.filter(|(.., code)| *code != Ok(true)).collect();
                let told = absent.iter().find_map(|(.., code)| code.clone().err());
                let names: Vec<_> = absent.iter().map(|(name, at, _)| format!("{name} {at}")).collect();
                judge(&names, told)
            }
        };
        let settled = condition.reason == "PredeploysFound";
        let probes = asker.probes(|_| if settled { interval_ms } else { opstack_sdk::opstack::observed::INTERVAL_MS });
        (condition, probes)
    }

    /// The rollup configuration of a running node, and the probe that asks for it, if there is somebody to ask.
    pub fn rollup_config(&self, cx: &Context<'_>) -> (Running, Option<Probe>) {
        let (target, fingerprint) = match target(&self.rollup) {
            Ok(found) => found,
            Err(why) => return (Running::Silent(why.into()), None),
        };
        let digest = Hash::of([format!("{target:?}").as_str(), fingerprint]);
        let id = format!("{ROLLUP_PROBE}-{}", digest.short());
        let probe = rpc_probe(&id, target, &[("optimism_rollupConfig", "[]")], &["/0"]);
        let running = match Finding::of(cx, &id) {
            Finding::Answer(answer) => match result(&answer, 0) {
                Ok(Value::Null) => Running::Silent("the node has none".into()),
                Ok(config) => Running::Config(format!("{config:#}\n")),
                Err(error) => Running::Silent(format!("the node answers with an error: {error}")),
            },
            Finding::Failed(why) => Running::Silent(format!("the node gave no answer: {why}")),
            Finding::NotAsked | Finding::Stale | Finding::NotObservable => {
                Running::Silent("the node was not asked yet".into())
            }
        };
        (running, Some(probe))
    }
}

fn judge(absent: &[String], told: Option<String>) -> Condition {
    match told {
        Some(error) => {
            let message = format!("the L2 RPC endpoint answers with an error: {error}");
            Condition::no(PREDEPLOYS_PRESENT, "RPCError", message)
        }
        None if absent.is_empty() => {
            Condition::yes(PREDEPLOYS_PRESENT, "PredeploysFound", "the predeploys of the L2 have code")
        }
        None => {
            let message = format!(
                "the L2 has no code at {}: its genesis is not that of an OP Stack chain, and withdrawals and deposits can't work",
                absent.join(", ")
            );
            Condition::no(PREDEPLOYS_PRESENT, "PredeployMissing", message)
        }
    }
}

fn silent(silence: &Silence, chain_id: u64) -> Condition {
    match silence {
        Silence::NotAsked => {
            Condition::unknown(PREDEPLOYS_PRESENT, "NotObserved", "the L2 RPC endpoint was not asked yet")
        }
        Silence::NoAnswer(why) => Condition::unknown(
            PREDEPLOYS_PRESENT,
            fault::reason(why),
            format!("the L2 RPC endpoint gave no answer: {why}"),
        ),
        Silence::OtherChain(other) => Condition::no(
            PREDEPLOYS_PRESENT,
            "WrongChain",
            format!("the L2 RPC endpoint serves chain {other}, but spec.chainID is {chain_id}"),
        ),
    }
}

fn target(upstream: &Result<Upstream, String>) -> Result<(Target, &str), &str> {
    let upstream = upstream.as_ref().map_err(String::as_str)?;
    let target = upstream.target.clone().ok_or("the URL is not a single HTTP URL, so the operator can't ask it")?;
    Ok((target, upstream.fingerprint.as_deref().unwrap_or_default()))
}
