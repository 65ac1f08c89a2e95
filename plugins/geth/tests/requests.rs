//! Requests in, fragments out: what a node's case does not show.

use geth::Geth;
use opstack_sdk::ExecutionClient;
use opstack_sdk::execution::{ClientFragment, ClientRequest};
use serde_json::{Value, json};

/// A request with some settings.
fn render(settings: Value, more: Value) -> ClientFragment {
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
    Geth::render(&request).unwrap()
}

fn args(fragment: &ClientFragment) -> &[String] {
    fragment.containers[0].args.as_deref().unwrap()
}

#[test]
fn a_sequencer_forwards_to_nobody_and_a_replica_to_its_sequencer() {
    let forwards =
        |fragment: &ClientFragment| args(fragment).iter().any(|arg| arg.starts_with("--rollup.sequencerhttp"));
    assert!(!forwards(&render(json!({}), json!({"sequencer": true}))));
    assert!(forwards(&render(json!({}), json!({"sequencerHttp": "http://seq:8545"}))));
}

#[test]
fn the_engine_api_stays_on_the_loopback() {
    let fragment = render(json!({"networking": {"authrpc": {"host": "0.0.0.0", "port": 9551}}}), json!({}));
    assert!(args(&fragment).contains(&"--authrpc.addr=127.0.0.1".into()));
    assert_eq!(fragment.ports.engine, 9551);
}

#[test]
fn init_runs_for_a_file_and_not_for_a_chain_of_the_registry() {
    assert_eq!(render(json!({}), json!({})).init_containers.len(), 1);
    let known = render(json!({}), json!({"genesis": {"network": "op-sepolia"}}));
    assert!(known.init_containers.is_empty());
    assert!(args(&known).contains(&"--op-network=op-sepolia".into()));
}

#[test]
fn a_users_flag_takes_the_place_of_the_rendered_one() {
    let fragment = render(json!({}), json!({"extraArgs": ["--cache=1", "--nat", "extip:1.2.3.4"]}));
    let caches: Vec<_> = args(&fragment).iter().filter(|arg| arg.starts_with("--cache")).collect();
    assert_eq!(caches, ["--cache=1"]);
    assert!(!args(&fragment).contains(&"--nat=none".into()));
}

#[test]
fn static_peers_are_in_the_configuration_file() {
    let fragment = render(json!({}), json!({"peers": ["enode://aa@seq:30303"]}));
    assert!(args(&fragment).contains(&"--config=/etc/files/config.toml".into()));
    assert_eq!(fragment.files["config.toml"], "[Node.P2P]\nStaticNodes = [\n  \"enode://aa@seq:30303\",\n]\n");
}

#[test]
fn peers_that_come_and_go_restart_nobody() {
    let (few, more) =
        (json!({"siblings": ["enode://bb@a:1"]}), json!({"siblings": ["enode://bb@a:1", "enode://cc@b:1"]}));
    let (few, more) = (render(json!({}), few), render(json!({}), more));
    assert_ne!(few.files, more.files);
    assert_eq!((few.containers, few.restart_on), (more.containers, more.restart_on.clone()));
    let lasting = render(json!({}), json!({"peers": ["enode://aa@seq:30303"], "siblings": ["enode://bb@a:1"]}));
    assert_ne!(lasting.restart_on, more.restart_on);
}

#[test]
fn what_op_geth_lacks_is_named() {
    let settings = json!({"networking": {"authrpc": {"apis": ["engine"]}, "http": {"cors": {"methods": ["GET"]}}}});
    let lacks: Vec<_> = render(settings, json!({})).unsupported.into_iter().map(|lack| lack.path).collect();
    assert_eq!(lacks, ["networking.authrpc.apis", "networking.http.cors.methods"]);
    assert!(render(json!({}), json!({})).unsupported.is_empty());
}

#[test]
fn what_is_off_is_neither_served_nor_announced() {
    let fragment = render(
        json!({"networking": {"http": {"enabled": false}, "ws": {"enabled": false}}}),
        json!({"metrics": false}),
    );
    assert!(
        args(&fragment)
            .iter()
            .all(|arg| !arg.starts_with("--http") && !arg.starts_with("--ws") && !arg.starts_with("--metrics"))
    );
    assert_eq!((fragment.ports.http, fragment.ports.ws, fragment.ports.metrics), (None, None, None));
}

#[test]
fn the_reference_says_what_is_handed_through() {
    let (owned, env) = (geth::owned::settings(), "spec.executionClient.extraEnv");
    let handed = opstack_sdk::testkit::Handed {
        program: "op-geth",
        flags: None,
        owned: &owned,
        args: "spec.executionClient.extraArgs",
        env,
    };
    opstack_sdk::testkit::check_reference(env!("CARGO_MANIFEST_DIR"), "op-geth", &[handed]);
}
