//! Values where a schema tells too little: those that the plugins and their programs take.

use serde_json::{Value, json};

use crate::Kind;
use crate::place::Path;

const PEERS: [&str; 2] =
    ["16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq", "16Uiu2HAm8kegYGp6XeybmZAuNcnLosyjsRwZ44yLgfEuqLqYL9zt"];
// Twice a point of the curve: clients refuse what is none.
const ENODES: [&str; 2] = [
    "enode://79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8@198.51.100.1:30303",
    "enode://c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee51ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a@198.51.100.2:30303",
];

/// Values for one field of one kind.
pub fn of(kind: Kind, path: &Path) -> Option<Vec<Value>> {
    let path = path.to_string();
    Some(match (kind, path.as_str()) {
        (Kind::Network, "spec.networkName") => texts(&["op-mainnet", "op-sepolia", "unichain-mainnet"]),
        // Such that the programs know that L1, and such that they don't.
        (Kind::Network, "spec.l1ChainID") => vec![json!(1), json!("11155111"), json!(900)],
        (Kind::Network, "spec.executionClient.name") | (Kind::Node, "spec.executionClient.name") => {
            texts(&["geth", "reth"])
        }
        (Kind::Node, "spec.opNode.p2p.static[]") => {
            let address = |id: &str| json!(format!("/dns4/matrix.example.org/tcp/9003/p2p/{id}"));
            let broken = json!("matrix");
            PEERS.map(address).into_iter().chain([broken]).collect()
        }
        (Kind::Node, "spec.opNode.p2p.discovery.bootnodes[]") => texts(&ENODES),
        (Kind::Node, "spec.opNode.p2p.bandwidthLimit") => texts(&["10MB", "20MB"]),
        (Kind::Node, "spec.opNode.sequencer.blockTime") => texts(&["2s", "4s"]),
        (Kind::Node, "spec.opNode.sequencer.maxTxPerBlock") => vec![json!(1000), json!("2000")],
        (Kind::Node, "spec.opNode.engine.endpoint") => {
            texts(&["http://127.0.0.1:8551", "http://localhost:8551", "ws://127.0.0.1:8551"])
        }
        (Kind::Node, "spec.opGeth.network" | "spec.executionClient.settings.network") => texts(&["devnet", "matrix"]),
        (Kind::Node, "spec.replicas") => vec![json!(0), json!("2"), json!(3)],
        (Kind::Node, "spec.service.ports[].name") => texts(&["matrix-a", "matrix-b"]),
        (Kind::Node, "spec.service.ports[].targetPort") => vec![json!(9545), json!("9003"), json!(30303)],
        (Kind::Node, "spec.service.ports[].nodePort") => vec![json!(30_545), json!("30546")],
        (Kind::Node, "spec.extraArgs[]") => texts(&["--l1.rpckind=basic", "--l1.max-concurrency=20"]),
        (Kind::Node, "spec.conductor.extraArgs[]") => {
            texts(&["--raft.snapshot-threshold=4096", "--raft.trailing-logs=5120"])
        }
        (Kind::Node, "spec.executionClient.extraArgs[]") => texts(&["--rpc.gascap=100000000", "--rpc.txfeecap=2"]),
        (Kind::Batcher, "spec.extraArgs[]") => texts(&["--poll-interval=3s", "--batch-type=1"]),
        (Kind::Proposer, "spec.extraArgs[]") => {
            texts(&["--wait-node-sync=true", "--active-sequencer-check-duration=4s"])
        }
        (Kind::Challenger, "spec.extraArgs[]") => texts(&["--selective-claim-resolution=true", "--game-window=48h"]),
        (Kind::Proposer, "spec.disputeGame.gameType") => vec![json!(1), json!("5"), json!(8)],
        (Kind::Challenger, "spec.faultProof.cannon.prestate") => texts(&[
            "/opt/prestate.bin.gz",
            "0x03aa000000000000000000000000000000000000000000000000000000000000",
            "matrix",
        ]),
        _ => return None,
    })
}

/// Values for fields of a name, whatever the kind.
pub fn by_name(path: &Path) -> Option<Vec<Value>> {
    let mut fields = path.fields();
    let (name, above) = (fields.next()?, fields.next().unwrap_or_default());
    Some(match (name, above) {
        ("name", "optimismNetworkRef" | "sequencerRef" | "nodeRef") => texts(&["matrix-a", "matrix-b"]),
        ("namespace", _) => texts(&["matrix-a", "matrix-b"]),
        ("name", "extraEnv") => texts(&["MATRIX_A", "MATRIX_B"]),
        ("key" | "caKey" | "certKey" | "privateKeyKey", _) => texts(&["a", "b"]),
        ("valueFrom", _) => {
            ["metadata.name", "metadata.namespace"].map(|field| json!({"fieldRef": {"fieldPath": field}})).to_vec()
        }
        ("podTemplate", _) => ["a", "b"].map(|value| json!({"metadata": {"labels": {"matrix": value}}})).to_vec(),
        ("alsoFrom" | "metricsFrom", _) => {
            ["a", "b"].map(|value| json!({"podSelector": {"matchLabels": {"matrix": value}}})).to_vec()
        }
        ("image", _) => texts(&["registry.example.org/matrix:v9.9.9", "registry.example.org/matrix:v9.9.8"]),
        ("host", _) => texts(&["127.0.0.1", "0.0.0.0"]),
        ("path", "metrics") => texts(&["/matrix-a", "/matrix-b"]),
        ("localhostProfile", _) => texts(&["matrix-a.json", "matrix-b.json"]),
        ("apis", _) => texts(&["txpool", "web3"]),
        ("origins", _) => texts(&["https://matrix-a.example.org", "*"]),
        ("methods", _) => texts(&["PUT", "DELETE"]),
        ("static", "p2p") => texts(&ENODES).into_iter().chain([json!("matrix")]).collect(),
        ("netRestrict", _) => texts(&["10.0.0.0/8", "192.168.0.0/16"]),
        ("journal", _) => texts(&["matrix.rlp", ""]),
        ("l2EthRpc" | "rollupRpc" | "superRootRpc" | "superRootRpcs", _) => {
            texts(&["http://matrix-a.example.org:8545", "http://matrix-b.example.org:8545"])
        }
        ("bin" | "server" | "konaServer", "cannon") => texts(&["/opt/matrix-a", "/opt/matrix-b", "matrix"]),
        ("inline", file) => files(file),
        ("address", "advertise") => texts(&["203.0.113.7", "$(POD_IP)"]),
        _ => return None,
    })
}

/// Files of a chain; `CHAIN` and `L1` stand for the chain ids of the network that they are given to.
pub fn files(field: &str) -> Vec<Value> {
    let file = |second: &str| {
        let text = match field {
            "rollupConfig" => {
                let whole = include_str!("../../oracle/files/rollup.json");
                let other = whole.replace("0x2222", &format!("0x{second}222"));
                other.replace(r#""l1_chain_id": 1"#, r#""l1_chain_id": L1"#).replace("901,", "CHAIN,")
            }
            "l2Genesis" => format!(r#"{{"config":{{"chainId":CHAIN}},"alloc":{{}},"gasLimit":"0x{second}"}}"#),
            _ => format!(r#"{{"chainId":L1,"homesteadBlock":{second}}}"#),
        };
        json!(text)
    };
    vec![file("1"), file("2")]
}

fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| json!(text)).collect()
}
