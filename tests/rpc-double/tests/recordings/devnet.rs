//! A chain of real programs on the loopback: an L1, a sequencer, a replica, and what works for them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use op_programs::{OpPrograms, Release};
use serde_json::{Value, json};

use crate::ask;

const PATIENCE: Duration = Duration::from_secs(60);
/// A contract that says that its version is 1.0.0, and answers zero to all else: as much of a DisputeGameFactory as it takes.
const FACTORY: &str = "0x4444444444444444444444444444444444444444";
const FACTORY_CODE: &str =
    "0x60003560e01c6354fd4d501460145760206000f35b6020600052600560205264312e302e3060d81b60405260606000f3";
/// Accounts that anvil has: batcher and sequencer, proposer, challenger.
const KEYS: [&str; 3] = [
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];
const SECRET: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// Where a program is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    pub rpc: u16,
    pub metrics: u16,
}

/// The running programs; they end when it is dropped.
pub struct Devnet<'a> {
    programs: &'a OpPrograms,
    directory: tempfile::TempDir,
    running: Vec<(&'static str, Ports, Child)>,
}

impl Drop for Devnet<'_> {
    fn drop(&mut self) {
        for (_, _, child) in self.running.iter_mut().rev() {
            // Both fail only if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free() -> u16 {
    op_programs::free_port().expect("a free port")
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oracle/files").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

impl<'a> Devnet<'a> {
    /// Starts all programs and waits until the sequencer makes blocks.
    pub fn start(programs: &'a OpPrograms) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut devnet = Self { programs, directory, running: Vec::new() };
        devnet.write("jwt.txt", SECRET);
        let l1 = devnet.l1();
        let origin = devnet.answer(l1, "eth_getBlockByNumber", json!(["latest", false]));
        let mut genesis = fixture("genesis.json");
        genesis["timestamp"] = origin["timestamp"].clone();
        devnet.write("genesis.json", &genesis.to_string());
        let mut chain = fixture("l1-chain-config.json");
        chain["chainId"] = 900.into();
        devnet.write("l1.json", &chain.to_string());
        let (engine, sequencer) = devnet.execution("op-geth", &[]);
        let first = devnet.answer(sequencer, "eth_getBlockByNumber", json!(["0x0", false]));
        devnet.write("rollup.json", &rollup(&origin, &first).to_string());
        let p2p = free();
        let active = ["--sequencer.enabled", "--sequencer.l1-confs=0", "--p2p.sequencer.key", KEYS[0]];
        let node = devnet.consensus("op-node-sequencer", l1, engine, p2p, &active);
        let peer = devnet.answer(node, "opp2p_self", json!([]))["peerID"].as_str().unwrap_or_default().to_owned();
        let (engine, _) = devnet.execution("op-geth-replica", &[format!("--rollup.sequencerhttp={}", url(sequencer))]);
        let known = format!("--p2p.static=/ip4/127.0.0.1/tcp/{p2p}/p2p/{peer}");
        devnet.consensus("op-node-replica", l1, engine, free(), &[&known]);
        devnet.workers(l1, sequencer, node);
        devnet
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).expect("written");
    }

    fn spawn(&mut self, name: &'static str, program: PathBuf, ports: Ports, arguments: &[String]) {
        let log = File::create(self.directory.path().join(format!("{name}.log"))).expect("a log");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let child = go_build::spawn(command).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.running.push((name, ports, child));
    }

    /// The answer to a call, as soon as there is one.
    fn answer(&self, port: u16, method: &str, params: Value) -> Value {
        let begun = Instant::now();
        loop {
            let answer = ask::call(port, &method.into(), &params);
            match answer.get("result") {
                Some(result) if !result.is_null() => return result.clone(),
                _ if begun.elapsed() > PATIENCE => panic!("no answer to {method}: {answer}"),
                _ => thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn l1(&mut self) -> u16 {
        let port = free();
        let arguments = format!(
            "--host 127.0.0.1 --port {port} --chain-id 900 --block-time 2 --slots-in-an-epoch 4 --hardfork prague"
        );
        self.spawn("anvil", self.programs.anvil().into(), Ports { rpc: port, metrics: 0 }, &words(&arguments));
        self.answer(port, "eth_chainId", json!([]));
        // Its beacon API takes slots for blocks.
        ask::call(port, &"anvil_setBlockTimestampInterval".into(), &json!([2]));
        ask::call(port, &"anvil_setCode".into(), &json!([FACTORY, FACTORY_CODE]));
        port
    }

    /// An execution client; gives its engine's port and that of its RPC.
    fn execution(&mut self, name: &'static str, more: &[String]) -> (u16, u16) {
        let [engine, http, p2p] = [free(), free(), free()];
        let init = Command::new(self.programs.op_geth())
            .args(["init", "--datadir", name, "--state.scheme=hash", "genesis.json"])
            .current_dir(self.directory.path())
            .output()
            .expect("op-geth runs");
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let arguments = format!(
            "--datadir {name} --networkid 901 --syncmode full --gcmode archive --state.scheme=hash --port {p2p} \
             --http --http.addr 127.0.0.1 --http.port {http} --http.api eth,net,web3,debug,txpool,miner \
             --authrpc.addr 127.0.0.1 --authrpc.port {engine} --authrpc.jwtsecret jwt.txt --nodiscover --nat none --ipcdisable"
        );
        let arguments = [words(&arguments), more.to_vec()].concat();
        self.spawn(name, self.programs.op_geth().into(), Ports { rpc: http, metrics: 0 }, &arguments);
        self.answer(http, "eth_chainId", json!([]));
        (engine, http)
    }

    fn consensus(&mut self, name: &'static str, l1: u16, engine: u16, p2p: u16, more: &[&str]) -> u16 {
        let ports = Ports { rpc: free(), metrics: free() };
        let (l1, engine) = (url(l1), url(engine));
        let arguments = format!(
            "--l1 {l1} --l1.trustrpc --l1.beacon {l1} --l1.beacon.slot-duration-override 2 --l1.beacon.ignore \
             --l1.http-poll-interval 1s --l1.epoch-poll-interval 4s --rollup.l1-chain-config l1.json --rollup.config rollup.json \
             --l2 {engine} --l2.jwt-secret jwt.txt --l2.enginekind geth --p2p.listen.ip 127.0.0.1 --p2p.listen.tcp {p2p} \
             --p2p.listen.udp {p2p} --p2p.no-discovery --p2p.bootnodes , --p2p.priv.path {name}.key \
             --p2p.peerstore.path memory --p2p.discovery.path memory --rpc.addr 127.0.0.1 --rpc.port {} --rpc.enable-admin \
             --metrics.enabled --metrics.addr 127.0.0.1 --metrics.port {}",
            ports.rpc, ports.metrics
        );
        let arguments = [words(&arguments), more.iter().map(ToString::to_string).collect()].concat();
        self.spawn(name, self.programs.path(Release::V1_19_6, "op-node"), ports, &arguments);
        self.answer(ports.rpc, "optimism_syncStatus", json!([]));
        ports.rpc
    }

    /// The batcher, the proposer and the challenger.
    fn workers(&mut self, l1: u16, l2: u16, node: u16) {
        let (l1, l2, node) = (url(l1), url(l2), url(node));
        let own = [
            (
                "op-batcher",
                format!(
                    "--l2-eth-rpc {l2} --rollup-rpc {node} --poll-interval 1s --max-channel-duration 2 \
                     --num-confirmations 1 --txmgr.receipt-query-interval 1s"
                ),
            ),
            (
                "op-proposer",
                format!(
                    "--rollup-rpc {node} --game-factory-address {FACTORY} --game-type 255 --proposal-interval 10s \
                     --poll-interval 1s --num-confirmations 1 --allow-non-finalized --txmgr.receipt-query-interval 1s"
                ),
            ),
            (
                "op-challenger",
                format!(
                    "--l1-beacon {l1} --l2-eth-rpc {l2} --rollup-rpc {node} --game-factory-address {FACTORY} \
                     --game-types alphabet --datadir challenger"
                ),
            ),
        ];
        for ((name, own), key) in own.into_iter().zip(KEYS) {
            let ports = Ports { rpc: free(), metrics: free() };
            let rpc = match name {
                // It has no such server.
                "op-challenger" => String::new(),
                _ => format!("--rpc.addr 127.0.0.1 --rpc.port {} --rpc.enable-admin", ports.rpc),
            };
            let metrics = format!("--metrics.enabled --metrics.addr 127.0.0.1 --metrics.port {}", ports.metrics);
            let arguments = words(&format!("--l1-eth-rpc {l1} --private-key 0x{key} {own} {rpc} {metrics}"));
            self.spawn(name, self.programs.path(Release::V1_19_6, name), ports, &arguments);
        }
    }

    /// Where the program of a recording is asked.
    pub fn ports(&self, recording: &str) -> Ports {
        let known = self.running.iter().find(|(name, ..)| *name == recording);
        known.map(|(_, ports, _)| *ports).unwrap_or_default()
    }

    /// The end of what a program said.
    pub fn log(&self, recording: &str) -> String {
        let text = fs::read_to_string(self.directory.path().join(format!("{recording}.log"))).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The rollup configuration of a chain that begins with these two blocks.
fn rollup(origin: &Value, first: &Value) -> Value {
    let number = |value: &Value| {
        let digits = value.as_str().unwrap_or_default().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).expect("a quantity")
    };
    let mut rollup = fixture("rollup.json");
    rollup["genesis"]["l1"] = json!({"hash": origin["hash"], "number": number(&origin["number"])});
    rollup["genesis"]["l2"] = json!({"hash": first["hash"], "number": 0});
    rollup["genesis"]["l2_time"] = number(&origin["timestamp"]).into();
    rollup["l1_chain_id"] = 900.into();
    rollup
}
