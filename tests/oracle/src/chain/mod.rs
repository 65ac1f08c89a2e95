//! A chain that lives: anvil as L1, op-geth and op-node as its sequencer, and the programs that work for it, on free ports
//! of the loopback. It has no contracts: what is called on L1 answers zeros, which is a DisputeGameFactory without games.

mod genesis;
mod http;
mod sequencers;

use anyhow::{Context as _, Result, bail, ensure};
use op_programs::{OpPrograms, Release, free_port};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use sequencers::Sequencers;

/// What the op-node of a sequencer at an address answers.
pub fn ask(address: Ipv4Addr, method: &str, params: Value) -> Result<Value> {
    http::rpc(&format!("http://{address}:{}", sequencers::RPC), method, params)
}

/// What has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(150);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A contract that is nothing but an address.
const FACTORY: &str = "0x00000000000000000000000000000000000f0001";
/// Answers 64 zeros to everything: `PUSH1 64, PUSH0, RETURN`.
const ZEROS: &str = "0x60405ff3";
/// Accounts that anvil gives ether to: sequencer and batcher, proposer, challenger.
const KEYS: [&str; 3] = [
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];

/// A program that ends with its test.
struct Running {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    child: Child,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The chain.
pub struct Chain {
    programs: OpPrograms,
    release: Release,
    directory: tempfile::TempDir,
    running: Vec<Running>,
    metrics: Vec<(&'static str, String)>,
    /// The RPC of op-node.
    node: String,
}

impl Chain {
    /// Starts all of it with the programs of a release. `other` is the URL of another sequencer, for its execution client and
    /// its op-node alike, that stands before the chain's own in the lists of the batcher.
    pub fn start(release: Release, other: Option<&str>) -> Result<Self> {
        let mut chain = Self::new(release)?;
        let l1 = chain.start_l1()?;
        let (l2, engine) = chain.start_execution(&l1)?;
        chain.node = chain.start_node(&l1, &l2, &engine)?;
        chain.start_services(&l1, &l2, other)?;
        Ok(chain)
    }

    /// Nothing runs yet.
    fn new(release: Release) -> Result<Self> {
        Ok(Self {
            programs: OpPrograms::find()?,
            release,
            directory: tempfile::tempdir()?,
            running: vec![],
            metrics: vec![],
            node: String::new(),
        })
    }

    /// What op-node answers.
    pub fn ask_node(&self, method: &str, params: Value) -> Result<Value> {
        http::rpc(&self.node, method, params)
    }

    /// The programs, and what each of them exposes now.
    pub fn scrape(&self, program: &str) -> Result<String> {
        let (_, url) = self.metrics.iter().find(|(name, _)| *name == program).context("it serves none")?;
        http::get(url)
    }

    /// Waits for something to be so; tells what it saw when it gives up, and what the programs wrote.
    pub fn wait<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        loop {
            let error = match look(self) {
                Ok(seen) => return Ok(seen),
                Err(error) => error,
            };
            if let Some(ended) = self.running.iter_mut().find_map(|one| one.ended()) {
                bail!("waiting for {what}: {ended}");
            }
            if begun.elapsed() > PATIENCE {
                return Err(error.context(format!("no {what} in {PATIENCE:?}")));
            }
            thread::sleep(LOOK);
        }
    }

    /// Ends a program as Kubernetes does, by SIGTERM, and starts it anew with the same arguments when it has ended. Says how
    /// it did.
    pub fn restart(&mut self, name: &str) -> Result<ExitStatus> {
        let at = self.running.iter().position(|one| one.name == name).context("it does not run")?;
        let mut old = self.running.remove(at);
        let sent = Command::new("kill").args(["-TERM", &old.child.id().to_string()]).status()?;
        ensure!(sent.success(), "{name} can't be told to end");
        let status = self.wait(&format!("end of {name}"), |_| old.child.try_wait()?.context("it still runs"))?;
        let (name, program, arguments) = (old.name, old.program.clone(), old.arguments.clone());
        self.spawn(name, &program, &arguments)?;
        Ok(status)
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, value: &Value) -> Result<String> {
        let path = self.path(name);
        fs::write(&path, value.to_string())?;
        Ok(path)
    }

    fn spawn(&mut self, name: &'static str, program: &Path, arguments: &[String]) -> Result<()> {
        let log = self.directory.path().join(format!("{name}.log"));
        let output = File::create(&log)?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start {}", program.display()))?;
        let (program, arguments) = (program.into(), arguments.to_vec());
        self.running.push(Running { name, program, arguments, child, log });
        Ok(())
    }

    /// The flags of a program of op-service for its metrics, as the plugins render them, and notes where they are.
    fn metered(&mut self, name: &'static str) -> Result<Vec<String>> {
        let port = free_port()?;
        self.metrics.push((name, format!("http://127.0.0.1:{port}/metrics")));
        Ok(words(&format!("--metrics.enabled=true --metrics.addr=127.0.0.1 --metrics.port={port}")))
    }

    fn start_l1(&mut self) -> Result<String> {
        let port = free_port()?;
        let anvil = self.programs.anvil().to_path_buf();
        let flags =
            format!("--port {port} --chain-id {} --hardfork prague --block-time 1 --slots-in-an-epoch 4", genesis::L1);
        self.spawn("anvil", &anvil, &words(&flags))?;
        let url = format!("http://127.0.0.1:{port}");
        self.wait("block of L1", |_| match http::rpc(&url, "eth_blockNumber", json!([]))? {
            number if number == "0x0" => bail!("only the genesis"),
            _ => Ok(()),
        })?;
        http::rpc(&url, "anvil_setCode", json!([FACTORY, ZEROS]))?;
        Ok(url)
    }

    fn start_execution(&mut self, l1: &str) -> Result<(String, String)> {
        let head = http::rpc(l1, "eth_getBlockByNumber", json!(["latest", false]))?;
        let genesis = self.write("genesis.json", &genesis::l2(&head)?)?;
        self.write("rollup.json", &genesis::rollup(&head)?)?;
        self.write("l1.json", &genesis::l1())?;
        fs::write(self.path("jwt"), "7".repeat(64))?;
        let geth = self.programs.op_geth().to_path_buf();
        let data = self.path("geth");
        let init = Command::new(&geth).args(["init", "--datadir", &data, "--state.scheme=hash", &genesis]).output()?;
        ensure!(init.status.success(), "op-geth init: {}", String::from_utf8_lossy(&init.stderr));
        let (http, engine, metrics) = (free_port()?, free_port()?, free_port()?);
        self.metrics.push(("op-geth", format!("http://127.0.0.1:{metrics}/debug/metrics/prometheus")));
        let flags = format!(
            "--datadir={data} --networkid={} --syncmode=full --gcmode=archive --state.scheme=hash --port=0 --nodiscover --ipcdisable \
             --http --http.port={http} --http.api=eth,net,web3,debug,txpool,miner --authrpc.port={engine} --authrpc.jwtsecret={} \
             --metrics --metrics.addr=127.0.0.1 --metrics.port={metrics}",
            genesis::L2,
            self.path("jwt")
        );
        self.spawn("op-geth", &geth, &words(&flags))?;
        let url = format!("http://127.0.0.1:{http}");
        let first = self.wait("genesis of L2", |_| http::rpc(&url, "eth_getBlockByNumber", json!(["0x0", false])))?;
        let mut rollup = genesis::rollup(&head)?;
        rollup["genesis"]["l2"]["hash"] = first["hash"].clone();
        self.write("rollup.json", &rollup)?;
        Ok((url, format!("http://127.0.0.1:{engine}")))
    }

    fn start_node(&mut self, l1: &str, l2: &str, engine: &str) -> Result<String> {
        let (rpc, p2p) = (free_port()?, free_port()?);
        let flags = format!(
            "--l1={l1} --l1.trustrpc --l1.beacon={l1} --l1.beacon.ignore --l1.http-poll-interval=1s --l1.epoch-poll-interval=4s \
             --rollup.config={} --rollup.l1-chain-config={} --l2={engine} --l2.jwt-secret={} --l2.enginekind=geth \
             --sequencer.enabled --sequencer.l1-confs=0 --p2p.sequencer.key={} --p2p.listen.ip=127.0.0.1 --p2p.listen.tcp={p2p} \
             --p2p.no-discovery --p2p.bootnodes=, --p2p.peerstore.path=memory --p2p.discovery.path=memory \
             --rpc.addr=127.0.0.1 --rpc.port={rpc} --rpc.enable-admin",
            self.path("rollup.json"),
            self.path("l1.json"),
            self.path("jwt"),
            KEYS[0]
        );
        let flags = [words(&flags), self.metered("op-node")?].concat();
        self.spawn("op-node", &self.programs.path(self.release, "op-node"), &flags)?;
        self.wait("block of L2", |_| match http::rpc(l2, "eth_blockNumber", json!([]))? {
            number if number == "0x0" => bail!("only the genesis"),
            _ => Ok(()),
        })?;
        Ok(format!("http://127.0.0.1:{rpc}"))
    }

    fn start_services(&mut self, l1: &str, l2: &str, other: Option<&str>) -> Result<()> {
        let (data, rollup) = (self.path("challenger"), self.node.clone());
        let listed = |own: &str| other.into_iter().chain([own]).collect::<Vec<_>>().join(",");
        let (executions, rollups) = (listed(l2), listed(&rollup));
        let common = "--num-confirmations=1 --txmgr.receipt-query-interval=1s";
        for (name, key, flags) in [
            (
                "op-batcher",
                KEYS[0],
                format!(
                    "--l2-eth-rpc={executions} --rollup-rpc={rollups} --max-channel-duration=1 --sub-safety-margin=4 --poll-interval=1s \
                     --data-availability-type=calldata --wait-node-sync=true --rpc.addr=127.0.0.1 --rpc.port={}",
                    free_port()?
                ),
            ),
            (
                "op-proposer",
                KEYS[1],
                format!(
                    "--rollup-rpc={rollup} --game-factory-address={FACTORY} --game-type=255 --proposal-interval=10s \
                     --poll-interval=1s --allow-non-finalized --wait-node-sync=true --rpc.addr=127.0.0.1 --rpc.port={}",
                    free_port()?
                ),
            ),
            (
                "op-challenger",
                KEYS[2],
                format!(
                    "--l1-beacon={l1} --l2-eth-rpc={l2} --rollup-rpc={rollup} --game-factory-address={FACTORY} --game-types=alphabet \
                     --datadir={data} --http-poll-interval=1s"
                ),
            ),
        ] {
            let flags = words(&format!("--l1-eth-rpc={l1} --private-key={key} {common} {flags}"));
            let flags = [flags, self.metered(name)?].concat();
            self.spawn(name, &self.programs.path(self.release, name), &flags)?;
        }
        Ok(())
    }
}

impl Running {
    /// How it ended, if it did.
    fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<_> = log.lines().rev().take(3).collect();
        Some(format!("{} ended with {status}: {}", self.name, last.join(" / ")))
    }
}

fn words(flags: &str) -> Vec<String> {
    flags.split_whitespace().map(ToString::to_string).collect()
}
