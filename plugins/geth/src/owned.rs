//! Settings of op-geth that are the operator's: the chain and its data, the engine API, keys, and where it listens. Flags of op-geth
//! v1.101702.3: `cmd/utils/flags.go`; each is a variable too, `GETH_` and the flag in capitals.

use opstack_sdk::opstack::owned::{Owned, OwnedSettings};

const DATA: &str = "the settings' dataDir, stateScheme and dbEngine";
const CHAIN: &str = "the network, whose chain the node follows";
const ENGINE: &str =
    "the operator: whoever reaches the engine API moves the chain's head (networking.authrpc.port of the settings)";
const KEY: &str = "the operator, which makes a key for each pod";
const HTTP: &str = "networking.http of the settings";
const WS: &str = "networking.ws of the settings";
const P2P: &str = "networking.p2p of the settings";
const METRICS: &str = "spec.metrics of the node";

const TABLE: &[Owned] = &[
    // A file holds any of the others.
    Owned::new("config", "the operator, which writes peers into it"),
    Owned::new("datadir", DATA),
    Owned::new("state.scheme", DATA),
    Owned::new("db.engine", DATA),
    Owned::new("op-network", CHAIN).aliases(&["beta.op-network"]),
    Owned::new("dev", CHAIN),
    Owned::new("authrpc.addr", ENGINE),
    Owned::new("authrpc.port", ENGINE),
    Owned::new("authrpc.jwtsecret", ENGINE),
    Owned::new("nodekey", KEY),
    Owned::new("nodekeyhex", KEY),
    Owned::new("http", HTTP),
    Owned::new("http.addr", HTTP),
    Owned::new("http.port", HTTP),
    Owned::new("http.api", HTTP),
    Owned::new("ws", WS),
    Owned::new("ws.addr", WS),
    Owned::new("ws.port", WS),
    Owned::new("ws.api", WS),
    Owned::new("port", P2P),
    Owned::new("discovery.port", P2P),
    Owned::new("metrics", METRICS),
    Owned::new("metrics.addr", METRICS),
    Owned::new("metrics.port", METRICS),
];

/// The settings in all spellings.
pub fn settings() -> OwnedSettings {
    OwnedSettings::of("GETH", &[TABLE])
}

#[cfg(test)]
mod tests {
    use super::*;
    use opstack_sdk::answer::Failure;

    fn check(args: &[String]) -> Result<(), Failure> {
        settings().check_client_args(args)
    }

    #[test]
    fn nothing_of_the_operators_passes_in_any_spelling() {
        for flag in TABLE.iter().flat_map(|owned| std::iter::once(&owned.flag).chain(owned.aliases)) {
            // Of a key the value must not be shown; the node's plugin refuses it.
            for arg in [format!("--{flag}=x"), format!("-{flag}=x"), format!("--{flag}"), format!("-{flag}")] {
                assert_eq!(check(std::slice::from_ref(&arg)).is_err(), *flag != "nodekeyhex", "{arg}");
            }
        }
        assert_eq!(check(&["--cache=1".into(), "--nat".into(), "extip:1.2.3.4".into()]), Ok(()));
    }
}
