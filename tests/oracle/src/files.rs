//! What a chain's owner has and no plugin renders: keys, certificates, the chain's files, URLs in Secrets.
//!
//! Nothing here guards anything. The files are those of a chain that has every fork up to Jovian.

use anyhow::Result;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use std::sync::OnceLock;

const ROLLUP: &str = include_str!("../files/rollup.json");
const GENESIS: &str = include_str!("../files/genesis.json");
const L1_CHAIN: &str = include_str!("../files/l1-chain-config.json");
/// Both a secp256k1 key and a secret of the engine API.
const KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const WORDS: &str = "test test test test test test test test test test test junk";

/// A file of a chain, by its name; nothing if it is another file.
pub fn of_chain(name: &str) -> Option<&'static str> {
    match name {
        "rollup.json" => Some(ROLLUP),
        "genesis.json" => Some(GENESIS),
        "l1-chain-config.json" => Some(L1_CHAIN),
        _ => None,
    }
}

/// A file of a Secret, by its name.
pub fn of_secret(name: &str) -> Result<String> {
    let pair = match CERTIFICATE.get() {
        Some(pair) => pair,
        None => {
            let made = generate_simple_self_signed(["signer.test".to_string()])?;
            CERTIFICATE.get_or_init(|| made)
        }
    };
    Ok(match name {
        "tls.crt" | "ca.crt" => pair.cert.pem(),
        "tls.key" => pair.signing_key.serialize_pem(),
        _ => KEY.into(),
    })
}

/// One for all, so that key and certificate belong together.
static CERTIFICATE: OnceLock<CertifiedKey<KeyPair>> = OnceLock::new();

/// The value of a variable that comes from a Secret, by the variable's name.
pub fn of_variable(name: &str) -> &'static str {
    let ends = |ending: &str| name.ends_with(ending);
    if ends("_L1_BEACON") {
        "http://beacon.secret.test:5052/key"
    } else if ends("_L1_ETH_RPC") {
        "http://l1.secret.test:8545/key"
    } else if ends("_RPC") || ends("_RPCS") || ends("_FOLLOW_SOURCE") || ends("_URL") {
        "http://node.secret.test:9545/key"
    } else if ends("_MNEMONIC") {
        WORDS
    } else {
        KEY
    }
}
