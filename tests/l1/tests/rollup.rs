//! A rollup configuration as op-node has it is published without a loss.

use l1::settle;
use op_network::OptimismNetwork;
use op_programs::{OpPrograms, Release};
use opstack_sdk::wire::workload::Children;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

/// Answers each batch of one call with the same result, until the test ends.
fn serve(result: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = json!([{"jsonrpc": "2.0", "id": 0, "result": result}]).to_string();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(|stream| answer(stream, &body)));
    url
}

fn answer(mut stream: TcpStream, body: &str) {
    let mut request = [0; 4096];
    // The request is short, and comes in two parts.
    while !String::from_utf8_lossy(&request).contains("jsonrpc") {
        if stream.read(&mut request).is_ok_and(|length| length == 0) {
            return;
        }
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

#[test]
fn what_a_running_op_node_has_is_published_as_it_is() {
    let Some(programs) = OpPrograms::find().inspect_err(|why| println!("skipped: {why:#}")).ok() else { return };
    // The same type, printed by the same code, as `optimism_rollupConfig` answers with.
    let mut dump = Command::new(programs.path(Release::V1_19_6, "op-node"));
    let dumped = dump.args(["networks", "dump-rollup-config", "--network", "op-sepolia"]).output().unwrap();
    let config: Value = serde_json::from_slice(&dumped.stdout).unwrap();
    let network = json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": "OptimismNetwork",
        "metadata": {"name": "net", "namespace": "chains"},
        "spec": {
            "chainID": 11_155_420, "l1ChainID": 11_155_111, "l1RpcUrl": "http://127.0.0.1:9",
            "rollupRpcUrl": serve(config.clone()),
            "l2Genesis": {"inline": r#"{"config": {"chainId": 11155420}, "alloc": {}}"#},
            "contractAddresses": {"discoveryMethod": "manual"},
        },
    });
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    let Children::Apply(children) = &settled.response().children else { panic!("{:?}", settled.response().children) };
    let maps: Vec<Value> = children.iter().map(|child| serde_json::from_str(&child.object).unwrap()).collect();
    let published = maps.iter().find(|map| map["metadata"]["name"] == "net-rollup-config").unwrap();
    let text = published["data"]["rollup.json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), config);
    assert_eq!(settled.status["networkInfo"]["rollupConfig"]["source"], "autoDiscover");
}
