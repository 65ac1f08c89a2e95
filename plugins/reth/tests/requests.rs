//! Requests in, fragments out: what a node's case does not show.

use opstack_sdk::ExecutionClient;
use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{ClientFragment, ClientRequest};
use reth::Reth;
use serde_json::{Value, json};

/// A request with some settings.
fn render(settings: Value, more: Value) -> Result<ClientFragment, Failure> {
    let point = |volume: &str| json!({"volume": volume, "path": format!("/etc/{volume}")});
    let mut request = json!({
        "node": "n", "namespace": "ns", "sequencer": false, "chainId": 901, "settings": settings,
        "genesis": {"file": "/etc/genesis/genesis.json"}, "jwtPath": "/etc/jwt/jwt", "nodeKey": "/etc/key/$(POD_NAME)",
        "logging": {}, "metrics": false,
        "mounts": {"jwt": point("jwt"), "nodeKey": point("key"), "genesis": point("genesis"), "files": point("files")},
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    let request: ClientRequest = serde_json::from_value(request).unwrap();
    Reth::render(&request)
}

fn args(settings: Value, more: Value) -> Vec<String> {
    render(settings, more).unwrap().containers[0].args.clone().unwrap()
}

#[test]
fn chains_of_the_registry_have_other_names() {
    for (registry, chain) in [
        ("op-mainnet", "op-mainnet"),
        ("op-sepolia", "op-sepolia"),
        ("unichain-mainnet", "unichain"),
        ("unichain-sepolia", "unichain-sepolia"),
        ("settlus-mainnet", "settlus-mainnet"),
    ] {
        let args = args(json!({}), json!({"genesis": {"network": registry}}));
        assert!(args.contains(&format!("--chain={chain}")), "{args:?}");
    }
    let error = render(json!({}), json!({"genesis": {"network": "base-mainnet"}})).unwrap_err();
    assert!(matches!(&error, Failure::Waiting(what) if what.contains("base-mainnet")), "{error}");
}

#[test]
fn an_archive_prunes_nothing_and_nobody_prunes_bodies() {
    let prunes =
        |settings| args(settings, json!({})).into_iter().filter(|arg| arg.starts_with("--prune")).collect::<Vec<_>>();
    assert!(prunes(json!({"gcMode": "archive"})).is_empty());
    let full = prunes(json!({}));
    assert_eq!(full.len(), 4);
    assert!(full.iter().all(|arg| !arg.contains("bodies")), "{full:?}");
}

#[test]
fn a_sequencer_builds_fast_and_forwards_to_nobody() {
    let sequencer = args(json!({}), json!({"sequencer": true, "minerApi": true}));
    assert!(sequencer.contains(&"--builder.deadline=2".into()));
    assert!(sequencer.contains(&"--http.api=web3,eth,net,miner".into()));
    assert!(sequencer.iter().all(|arg| !arg.starts_with("--rollup.sequencer")));
    let replica = args(json!({}), json!({"sequencerHttp": "http://seq:8545"}));
    assert!(replica.contains(&"--rollup.sequencer=http://seq:8545".into()));
}

#[test]
fn a_users_flag_takes_the_place_of_the_rendered_one() {
    // op-reth refuses a flag that is given twice.
    let args = args(json!({}), json!({"extraArgs": ["--nat=extip:1.2.3.4"]}));
    assert_eq!(args.iter().filter(|arg| arg.starts_with("--nat")).collect::<Vec<_>>(), ["--nat=extip:1.2.3.4"]);
}

#[test]
fn peers_are_trusted() {
    let args = args(json!({"networking": {"p2p": {"static": ["enode://a@b:1"]}}}), json!({"peers": ["enode://c@d:2"]}));
    assert!(args.contains(&"--trusted-peers=enode://a@b:1,enode://c@d:2".into()));
}

#[test]
fn a_journal_is_in_the_data_directory_or_nowhere() {
    let journal = |journal: &str| args(json!({"dataDir": "/data/x", "txpool": {"journal": journal}}), json!({}));
    assert!(journal("pool.rlp").contains(&"--txpool.transactions-backup=/data/x/pool.rlp".into()));
    assert!(journal("").contains(&"--txpool.disable-transactions-backup".into()));
}

#[test]
fn the_reference_says_what_is_handed_through() {
    let (owned, env) = (reth::owned::settings(), "spec.executionClient.extraEnv");
    let handed = opstack_sdk::testkit::Handed {
        program: "op-reth",
        flags: None,
        owned: &owned,
        args: "spec.executionClient.extraArgs",
        env,
    };
    opstack_sdk::testkit::check_reference(env!("CARGO_MANIFEST_DIR"), "op-reth", &[handed]);
}
