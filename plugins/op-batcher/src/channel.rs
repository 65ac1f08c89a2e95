//! Whether the chain takes channels as the spec has them: op-batcher asks the sequencer's op-node at its start, and ends where it
//! does not (`op-batcher/batcher/service.go` and `channel_config.go`, v1.16.13 and v1.19.6). The same answer tells it here.

use opstack_sdk::opstack::component::Obstacle;
use opstack_sdk::opstack::status::Phase;
use serde_json::Value;

use crate::spec::{BatcherSpec, DataAvailabilityType};
use crate::window::Told;

/// L1 blocks in which a channel must be closed, since Granite (specs, granite/derivation: `CHANNEL_TIMEOUT`).
const TIMEOUT_GRANITE: u64 = 50;

/// Holds a spec against what op-node told, where it did.
///
/// # Errors
/// Where op-batcher would end at once.
pub fn check(spec: &BatcherSpec, told: Option<&Told>) -> Result<(), Obstacle> {
    let Some(told) = told else { return Ok(()) };
    let (margin, timeout) = (spec.batching.sub_safety_margin.get(), channel_timeout(&told.rollup));
    if let Some(timeout) = timeout.filter(|timeout| margin > *timeout) {
        let message = format!(
            "spec.batching.subSafetyMargin: {margin} is more than the {timeout} L1 blocks in which a channel of this chain must be closed, and op-batcher would end; write fewer, such as 10"
        );
        return Err(Obstacle { phase: Phase::Error, reason: "ChannelTimeoutTooShort", message });
    }
    if spec.data_availability.kind == DataAvailabilityType::Calldata {
        return Ok(());
    }
    let when = match told.rollup["ecotone_time"].as_u64() {
        Some(begins) if told.l1_time.is_none_or(|now| now >= begins) => return Ok(()),
        Some(begins) => format!("until Ecotone begins at {}", opstack_sdk::values::rfc3339(begins)),
        None => "for its rollup configuration does not plan Ecotone".into(),
    };
    let message = format!(
        "spec.dataAvailability.type: this chain reads no blobs, {when}, and op-batcher would end; write calldata"
    );
    Err(Obstacle { phase: Phase::Error, reason: "BlobsBeforeEcotone", message })
}

/// Nothing where op-node tells none, as no release does.
fn channel_timeout(rollup: &Value) -> Option<u64> {
    // That it is planned is enough, whenever.
    if rollup["granite_time"].is_u64() { Some(TIMEOUT_GRANITE) } else { rollup["channel_timeout"].as_u64() }
}
