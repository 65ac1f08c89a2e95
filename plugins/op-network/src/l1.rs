//! Whether L1 answers, and is the chain that the spec says.

use opstack_sdk::answer::{Condition, Failure, Probe, Target};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::opstack::network::NetworkSpec;
use opstack_sdk::opstack::observed::{Finding, observation, quantity, result, rpc_probe};
use opstack_sdk::opstack::status::L1_CONNECTED;
use serde_json::Value;

const PROBE: &str = "l1";
const MAX_TIMEOUT_MS: u64 = 30_000;

/// What is known of L1, and the question that keeps it up to date.
pub struct L1 {
    /// Nothing where the endpoint can't be asked.
    pub probe: Option<Probe>,
    /// The condition `L1Connected`.
    pub condition: Condition,
    /// Where and how L1 is asked for more; nothing where it can't be asked.
    pub line: Option<Line>,
    /// When L1 answered last, in seconds since the Unix epoch.
    pub heard: Option<u64>,
}

/// The way to L1.
pub struct Line {
    /// The endpoint.
    pub target: Target,
    /// How long an answer may take.
    pub timeout_ms: u32,
    /// Changes with the endpoint.
    pub digest: Hash,
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
        let fingerprint = match endpoint.fingerprint(cx, namespace) {
            Ok(fingerprint) => fingerprint.unwrap_or_default(),
            Err(Failure::Waiting(what)) => {
                return Ok(Self::silent(Condition::no(L1_CONNECTED, "SecretMissing", format!("waiting for {what}"))));
            }
            Err(failure) => return Err(failure),
        };
        let Some(target) = endpoint.target(namespace) else {
            let message = "spec.l1RpcUrl is not an HTTP URL, so the operator can't ask it";
            return Ok(Self::silent(Condition::unknown(L1_CONNECTED, "NotObservable", message)));
        };
        let calls = [("eth_chainId", "[]"), ("eth_blockNumber", "[]")];
        let mut probe = rpc_probe(PROBE, target.clone(), &calls, &["/0", "/1/error"]);
        probe.timeout_ms = u32::try_from(spec.l1_rpc_timeout.as_millis().min(MAX_TIMEOUT_MS)).unwrap_or(u32::MAX);
        let wanted = spec.l1_chain_id.get();
        let condition =
            Finding::of(cx, PROBE).condition(L1_CONNECTED, "the L1 RPC endpoint", |answer| judge(answer, wanted));
        let digest = Hash::of([format!("{target:?}").as_str(), &fingerprint]);
        let line = Line { target, timeout_ms: probe.timeout_ms, digest };
        let heard = observation(cx, PROBE).map(|observation| observation.measured_at / 1000);
        Ok(Self { probe: Some(probe), condition, line: Some(line), heard })
    }

    fn silent(condition: Condition) -> Self {
        Self { probe: None, condition, line: None, heard: None }
    }
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
