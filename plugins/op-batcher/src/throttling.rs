//! Whether the sequencer's execution client can be throttled.
//!
//! op-batcher calls `miner_setMaxDASize` on each of them and ends when one lacks it
//! (`op-batcher/batcher/driver.go`: `ErrSetMaxDASizeRPCMethodUnavailable`), again and again.

use opstack_sdk::answer::Condition;
use opstack_sdk::opstack::component::{Component, Obstacle};
use opstack_sdk::opstack::observed::{Finding, result};
use opstack_sdk::opstack::status::Phase;

use crate::spec::BatcherSpec;
use crate::status::L2;

/// Condition: the sequencer's client serves what throttling calls.
const THROTTLING_AVAILABLE: &str = "ThrottlingAvailable";

/// What is known of the API `miner`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miner {
    /// Throttling is off.
    NotNeeded,
    /// It is served.
    Served,
    /// It is not; says by whom.
    Missing(String),
    /// Nobody tells.
    Unknown,
}

impl Miner {
    /// What the client says of itself (`rpc_modules`) goes before what its `OpNode` asks for.
    pub fn find(component: &Component<'_>, spec: &BatcherSpec) -> Self {
        if !spec.throttling.enabled {
            return Self::NotNeeded;
        }
        let by_url = spec.l2_eth_rpc.is_some() || spec.l2_eth_rpc_from.is_some();
        let told = match Finding::of(component.cx, L2) {
            Finding::Answer(answer) => result(&answer, 1).ok().and_then(|modules| modules.as_object().cloned()),
            _ => None,
        };
        match (told, component.source(spec.sequencer_ref.as_ref()).filter(|_| !by_url)) {
            (Some(modules), _) if modules.contains_key("miner") => Self::Served,
            (Some(_), _) => Self::Missing("the sequencer's execution RPC".into()),
            (None, Some(node)) if node.serves("miner") => Self::Served,
            (None, Some(node)) => Self::Missing(format!("the execution client of {}", node.title())),
            (None, None) => Self::Unknown,
        }
    }

    /// Whether op-batcher can live with it.
    ///
    /// # Errors
    /// Where it would end at once.
    pub fn check(&self) -> Result<(), Obstacle> {
        let Self::Missing(who) = self else { return Ok(()) };
        Err(Obstacle { phase: Phase::Error, reason: "MinerApiMissing", message: missing(who) })
    }

    /// The condition.
    pub fn condition(&self) -> Condition {
        let name = THROTTLING_AVAILABLE;
        match self {
            Self::NotNeeded => Condition::no(name, "Disabled", "spec.throttling.enabled is false"),
            Self::Served => Condition::yes(name, "MinerApiServed", "the sequencer's execution client serves miner"),
            Self::Missing(who) => Condition::no(name, "MinerApiMissing", missing(who)),
            Self::Unknown => {
                let message = "the sequencer's execution RPC does not tell whether it serves miner; without it op-batcher ends (spec.throttling.enabled: false)";
                Condition::unknown(name, "NotObserved", message)
            }
        }
    }
}

fn missing(who: &str) -> String {
    format!(
        "{who} does not serve the API miner, without which op-batcher ends while it throttles; add miner to its APIs, post for a sequencer, or set spec.throttling.enabled: false"
    )
}
