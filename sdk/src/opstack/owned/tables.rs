//! Settings that the programs of `op-service` have alike (optimism v1.16.13, v1.19.6): `op-service/{rpc,metrics,signer,tls}/cli.go`,
//! `op-service/txmgr/cli.go`.

use super::Owned;

/// Where the RPC server listens, and whether it serves the admin API.
pub const RPC: &[Owned] = &[
    Owned::new("rpc.addr", "the spec's rpc.host"),
    Owned::new("rpc.port", "the spec's rpc.port"),
    Owned::new("rpc.enable-admin", "the spec's rpc.enableAdmin"),
];

/// Where the metrics are.
pub const METRICS: &[Owned] = &[
    Owned::new("metrics.enabled", "spec.metrics.enabled"),
    Owned::new("metrics.addr", "spec.metrics.host"),
    Owned::new("metrics.port", "spec.metrics.port"),
];

const KEY: &str = "spec.privateKey or spec.signer, by which nobody else gets the account";
const SIGNER: &str = "the spec's signer";

/// Who signs.
pub const KEYS: &[Owned] = &[
    Owned::new("private-key", KEY),
    Owned::new("mnemonic", KEY),
    Owned::new("hd-path", KEY),
    Owned::new("sequencer-hd-path", KEY),
    Owned::new("l2-output-hd-path", KEY),
    Owned::new("signer.endpoint", SIGNER),
    Owned::new("signer.address", SIGNER),
    Owned::new("signer.header", SIGNER),
    Owned::new("signer.tls.enabled", SIGNER),
    Owned::new("signer.tls.ca", SIGNER),
    Owned::new("signer.tls.cert", SIGNER),
    Owned::new("signer.tls.key", SIGNER),
];
