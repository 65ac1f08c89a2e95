//! From the spec to the arguments of op-batcher: `op-batcher/flags/{flags,throttle_flags}.go` and `op-service`, the
//! same in v1.16.13 and v1.19.6.

use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::opstack::endpoint::check_urls;
use opstack_sdk::opstack::honoured::Honoured;

use crate::spec::{BatcherSpec, Compressor, DataAvailabilityType, Throttling};

/// Seconds between blocks of Ethereum, in which the program counts durations.
const L1_BLOCK_SECONDS: u64 = 12;

/// The byte before a frame, and those around its data (`FrameV0OverHeadSize` of `op-node/rollup/derive`).
const FRAME_OVERHEAD: u64 = 1 + 23;

/// The program's own arguments.
pub fn args(spec: &BatcherSpec) -> Vec<String> {
    let (batching, throttling) = (&spec.batching, &spec.throttling);
    let mut args = vec![
        format!("--max-channel-duration={}", l1_blocks(batching.max_channel_duration.as_millis())),
        format!("--sub-safety-margin={}", batching.sub_safety_margin),
        format!("--max-l1-tx-size-bytes={}", batching.target_l1_tx_size),
        format!("--target-num-frames={}", frames(spec)),
        format!("--compressor={}", compressor(batching.compressor)),
        format!("--approx-compr-ratio={}", batching.approx_compr_ratio),
        format!("--data-availability-type={}", data_availability(spec.data_availability.kind)),
        format!("--max-pending-tx={}", throttling.max_pending_tx),
        format!("--wait-node-sync={}", spec.wait_node_sync),
    ];
    if !throttling.enabled {
        // Throttling has no switch: a threshold of zero disables it.
        args.push("--throttle.unsafe-da-bytes-lower-threshold=0".into());
    }
    args.extend(spec.l1_transaction.args());
    args.extend(spec.rpc.args());
    args
}

/// What the program would not take.
///
/// # Errors
/// `invalid` with all of it.
pub fn check(spec: &BatcherSpec) -> Result<(), Failure> {
    let mut errors: Vec<_> = spec.l1_transaction.error().into_iter().collect();
    for (path, urls) in [("spec.l2EthRpc", &spec.l2_eth_rpc), ("spec.rollupRpc", &spec.rollup_rpc)] {
        errors.extend(check_urls(path, urls.as_ref()));
    }
    let size = spec.batching.target_l1_tx_size.get();
    if spec.data_availability.kind == DataAvailabilityType::Calldata && size < FRAME_OVERHEAD {
        let message = format!(
            "{size} is less than the {FRAME_OVERHEAD} bytes around the data of a frame, and op-batcher ends; write more, such as 120000"
        );
        errors.push(FieldError::new("spec.batching.targetL1TxSize", message));
    }
    Failure::check(errors)
}

/// The settings that op-batcher has no counterpart for.
pub fn honoured(spec: &BatcherSpec) -> Honoured {
    let mut honoured = Honoured::by("op-batcher");
    honoured.idle(
        "spec.throttling.backlogSafetyMargin",
        spec.throttling.backlog_safety_margin != Throttling::default().backlog_safety_margin,
        "op-batcher has no such setting; it throttles by the bytes that wait (spec.extraArgs, --throttle.*)",
    );
    spec.l1.report_beacon(&mut honoured);
    spec.rpc.report(&mut honoured);
    spec.security.report("spec.security", &mut honoured);
    honoured
}

/// 0 means "until it is full" to the program, so a short duration becomes one block.
fn l1_blocks(millis: u64) -> u64 {
    match millis {
        0 => 0,
        _ => (millis / (L1_BLOCK_SECONDS * 1000)).max(1),
    }
}

fn frames(spec: &BatcherSpec) -> u64 {
    let (target, blobs) = (spec.batching.target_num_frames.get(), spec.data_availability.max_blobs_per_tx.get());
    match (spec.data_availability.kind, target) {
        (DataAvailabilityType::Calldata, _) => target,
        (_, 1) => blobs,
        (_, _) => target.min(blobs),
    }
}

fn compressor(compressor: Compressor) -> &'static str {
    match compressor {
        Compressor::Shadow => "shadow",
        Compressor::Ratio => "ratio",
        Compressor::None => "none",
    }
}

fn data_availability(kind: DataAvailabilityType) -> &'static str {
    match kind {
        DataAvailabilityType::Blobs => "blobs",
        DataAvailabilityType::Calldata => "calldata",
        DataAvailabilityType::Auto => "auto",
    }
}

#[cfg(test)]
mod tests {
    use super::l1_blocks;

    #[test]
    fn durations_become_blocks_of_l1() {
        for (millis, blocks) in [(0, 0), (1, 1), (11_999, 1), (24_000, 2), (600_000, 50)] {
            assert_eq!(l1_blocks(millis), blocks, "{millis}");
        }
    }
}
