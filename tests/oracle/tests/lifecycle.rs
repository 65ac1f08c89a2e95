//! How a pod begins and ends: the chain is made once, the signal of Kubernetes stops the client as it should, and a name that
//! does not resolve stops op-node.

use op_programs::{OpPrograms, Release};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// No private key of anybody: 32 bytes that the two programs would share.
const JWT: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const GENESIS: &str = r#"{"config":{"chainId":901,"homesteadBlock":0,"eip150Block":0,"eip155Block":0,"eip158Block":0,
    "byzantiumBlock":0,"constantinopleBlock":0,"petersburgBlock":0,"istanbulBlock":0,"muirGlacierBlock":0,"berlinBlock":0,
    "londonBlock":0,"arrowGlacierBlock":0,"grayGlacierBlock":0,"mergeNetsplitBlock":0,"bedrockBlock":0,
    "terminalTotalDifficulty":0,"regolithTime":0,"optimism":{"eip1559Elasticity":6,"eip1559Denominator":50}},
    "difficulty":"0x0","gasLimit":"0x1c9c380","timestamp":"0x0","baseFeePerGas":"0x3b9aca00","alloc":{}}"#;

/// The script of the init container that a case renders.
fn init_script() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/op-node/tests/cases/files-by-url/expected.yaml");
    let answer: Value = serde_norway::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let children = answer["children"].as_array().unwrap().iter();
    let inits = children.filter_map(|child| child.pointer("/object/spec/template/spec/initContainers")?.as_array());
    let init = inits.flatten().find(|container| container["name"] == "geth-init").unwrap();
    assert_eq!((&init["command"][0], &init["command"][1]), (&"/bin/sh".into(), &"-ec".into()));
    init["command"][2].as_str().unwrap().into()
}

/// Runs the init container on a directory.
fn init(directory: &Path, script: &str) -> Output {
    let data = directory.join("data");
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", script, "geth-init"]).arg(&data).arg(format!("--datadir={}", data.display()));
    command.arg("--state.scheme=path").arg(directory.join("genesis.json"));
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path).output().unwrap()
}

/// Whether op-geth waits for a signal: it does from a moment on after it has begun to serve, and shows its goroutines.
fn awaits_signals(goroutines: SocketAddr) -> bool {
    let mut text = String::new();
    let asked = TcpStream::connect(goroutines).and_then(|mut stream| {
        stream.write_all(b"GET /debug/pprof/goroutine?debug=2 HTTP/1.0\r\n\r\n")?;
        stream.read_to_string(&mut text)
    });
    let waits = |goroutine: &str| goroutine.contains("[chan receive") && goroutine.contains("utils.StartNode.func1");
    asked.is_ok() && text.split("\n\n").any(waits)
}

/// Runs op-geth until it awaits signals, sends that of a kubelet, and gives what it said.
fn run_until_stopped(directory: &Path) -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let mut geth = Command::new(directory.join("geth"))
        .arg(format!("--datadir={}", directory.join("data").display()))
        .arg(format!("--authrpc.jwtsecret={}", directory.join("jwt").display()))
        .args(["--state.scheme=path", "--authrpc.port=0", "--port=0", "--nodiscover", "--maxpeers=0", "--ipcdisable"])
        .args(["--pprof".into(), format!("--pprof.port={}", free.port())])
        .stderr(fs::File::create(directory.join("log")).unwrap())
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(directory.join("log")).unwrap();
    let begin = Instant::now();
    while !awaits_signals(free) {
        assert!(begin.elapsed() < Duration::from_secs(120) && geth.try_wait().unwrap().is_none(), "{}", said());
        thread::yield_now();
    }
    kill_process(Pid::from_child(&geth), Signal::TERM).unwrap();
    assert!(geth.wait().unwrap().success(), "{}", said());
    said()
}

#[test]
fn the_chain_is_made_once_and_the_signal_to_stop_closes_it() {
    let programs = OpPrograms::find().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    symlink(programs.op_geth(), directory.join("geth")).unwrap();
    fs::write(directory.join("genesis.json"), GENESIS).unwrap();
    fs::write(directory.join("jwt"), JWT).unwrap();
    fs::create_dir(directory.join("data")).unwrap();
    let script = init_script();
    let first = init(directory, &script);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(!String::from_utf8_lossy(&first.stdout).contains("there already"));
    for _ in 0..2 {
        let said = run_until_stopped(directory);
        assert!(said.contains("Persisted dirty state to file") && said.contains("Blockchain stopped"), "{said}");
        assert!(!said.contains("Unclean shutdown detected"), "{said}");
    }
    let second = init(directory, &script);
    assert!(second.status.success() && String::from_utf8_lossy(&second.stdout).contains("the chain is there already"));
    // One that was interrupted is made again.
    fs::write(directory.join("data/init-unfinished"), "").unwrap();
    let third = init(directory, &script);
    assert!(third.status.success() && !directory.join("data/init-unfinished").exists());
    assert!(String::from_utf8_lossy(&third.stderr).contains("Successfully wrote genesis state"));
}

#[test]
fn op_node_ends_when_the_name_that_it_advertises_does_not_resolve() {
    let programs = OpPrograms::find().unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("jwt"), JWT).unwrap();
    for release in Release::ALL {
        let output = Command::new(programs.path(release, "op-node"))
            .current_dir(directory.path())
            .args([
                "--l1=http://127.0.0.1:1",
                "--l1.beacon.ignore=true",
                "--l2=http://127.0.0.1:1",
                "--network=op-sepolia",
            ])
            .args(["--l2.jwt-secret=jwt", "--p2p.priv.path=key", "--p2p.bootnodes=,", "--p2p.peerstore.path=memory"])
            .args(["--p2p.discovery.path=memory", "--p2p.advertise.ip=node-0.node-headless.ns.svc.invalid"])
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains("failed to lookup IP of"), "{said}");
    }
}
