//! Settings of op-reth that are the operator's: the chain and its data, the engine API, keys, and where it listens. Flags of op-reth
//! v2.4.0 (`op-reth node --help`), which reads no variables for them.

use opstack_sdk::opstack::owned::{Owned, OwnedSettings};

const DATA: &str = "the settings' dataDir";
const CHAIN: &str = "the network, whose chain the node follows";
const ENGINE: &str =
    "the operator: whoever reaches the engine API moves the chain's head (networking.authrpc.port of the settings)";
const PORTS: &str = "the operator: it would move every port";
const KEY: &str = "the operator, which makes a key for each pod";
const HTTP: &str = "networking.http of the settings";
const WS: &str = "networking.ws of the settings";
const P2P: &str = "networking.p2p of the settings";

const TABLE: &[Owned] = &[
    Owned::new("datadir", DATA),
    Owned::new("chain", CHAIN),
    Owned::new("dev", CHAIN),
    Owned::new("instance", PORTS),
    Owned::new("with-unused-ports", PORTS),
    Owned::new("authrpc.addr", ENGINE),
    Owned::new("authrpc.port", ENGINE),
    Owned::new("authrpc.jwtsecret", ENGINE),
    Owned::new("auth-ipc", ENGINE),
    Owned::new("auth-ipc.path", ENGINE),
    Owned::new("disable-auth-server", ENGINE),
    Owned::new("p2p-secret-key", KEY),
    Owned::new("p2p-secret-key-hex", KEY),
    Owned::new("http", HTTP),
    Owned::new("http.addr", HTTP),
    Owned::new("http.port", HTTP),
    Owned::new("http.api", HTTP),
    Owned::new("ws", WS),
    Owned::new("ws.addr", WS),
    Owned::new("ws.port", WS),
    Owned::new("ws.api", WS),
    Owned::new("addr", P2P),
    Owned::new("port", P2P),
    Owned::new("discovery.addr", P2P),
    Owned::new("discovery.port", P2P),
    Owned::new("metrics", "spec.metrics of the node").aliases(&["metrics.prometheus"]),
];

/// The settings in all spellings.
pub fn settings() -> OwnedSettings {
    OwnedSettings::of("", &[TABLE])
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
            for arg in [format!("--{flag}=x"), format!("--{flag}")] {
                assert_eq!(check(std::slice::from_ref(&arg)).is_err(), *flag != "p2p-secret-key-hex", "{arg}");
            }
        }
        assert_eq!(check(&["--nat=extip:1.2.3.4".into(), "-d".into()]), Ok(()));
    }
}
