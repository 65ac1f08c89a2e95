//! Several sequencers of one chain, each an op-node and an op-geth at an address of its own, as pods have. All boot stopped.

use anyhow::{Context as _, Result, bail, ensure};
use op_programs::{Release, free_port};
use serde_json::{Value, json};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use super::{Chain, KEYS, genesis, http, words};

/// Names of the programs, by sequencer.
const NODES: [&str; 3] = ["op-node-0", "op-node-1", "op-node-2"];
const CLIENTS: [&str; 3] = ["op-geth-0", "op-geth-1", "op-geth-2"];
/// Port of op-node's RPC, as in a pod.
pub(super) const RPC: u16 = 9545;
/// And that for its peers.
const P2P: u16 = 9222;

/// Address of the key of all sequencers, `KEYS[0]`.
const SIGNER: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// Where SystemConfig has it (`UnsafeBlockSignerAddressSystemConfigStorageSlot` of op-node v1.19.6).
const SIGNER_SLOT: &str = "0x65a7ed542fb37fe237fdfbdd70b31598523fe5b32879e307bae27a0bd9581c08";

/// The sequencers, on an L1 that makes blocks.
pub struct Sequencers {
    chain: Chain,
    addresses: Vec<Ipv4Addr>,
    l1: String,
    /// Arguments of each op-node.
    flags: Vec<Vec<String>>,
    /// RPC of each execution client.
    clients: Vec<String>,
}

impl Sequencers {
    /// Starts as many as there are addresses, three at most.
    pub fn start(release: Release, addresses: &[Ipv4Addr]) -> Result<Self> {
        let mut chain = Chain::new(release)?;
        let l1 = chain.start_l1()?;
        let mut sequencers = Self { chain, addresses: addresses.to_vec(), l1, flags: vec![], clients: vec![] };
        sequencers.name_signer()?;
        sequencers.write_files()?;
        for at in 0..addresses.len().min(NODES.len()) {
            let engine = sequencers.start_client(at)?;
            let flags = sequencers.flags_of(at, &engine)?;
            sequencers.flags.push(flags);
            sequencers.begin(at)?;
        }
        sequencers.acquaint_clients()?;
        Ok(sequencers)
    }

    /// URL of the L1.
    pub fn l1(&self) -> &str {
        &self.l1
    }

    /// The chain's rollup configuration, its genesis, and the configuration of its L1.
    pub fn files(&self) -> Result<[Value; 3]> {
        let read =
            |name: &str| Ok::<_, anyhow::Error>(serde_json::from_str(&fs::read_to_string(self.chain.path(name))?)?);
        Ok([read("rollup.json")?, read("genesis.json")?, read("l1.json")?])
    }

    /// What the op-node of a sequencer answers.
    pub fn ask(&self, at: usize, method: &str, params: Value) -> Result<Value> {
        let address = self.addresses.get(at).context("there is no such sequencer")?;
        super::ask(*address, method, params)
    }

    /// Ends an op-node by a signal that it can't refuse, and waits for its end.
    pub fn kill(&mut self, at: usize) -> Result<()> {
        let name = NODES.get(at).context("there is no such sequencer")?;
        // Dropping it does so.
        self.chain.running.retain(|one| one.name != *name);
        Ok(())
    }

    /// Sends an op-node a signal by its name: `STOP`, `CONT`.
    pub fn signal(&self, at: usize, signal: &str) -> Result<()> {
        let name = NODES.get(at).context("there is no such sequencer")?;
        let one = self.chain.running.iter().find(|one| one.name == *name).context("it does not run")?;
        let sent = Command::new("kill").args([&format!("-{signal}"), &one.child.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { bail!("{name} can't be sent {signal}") }
    }

    /// Starts an op-node that was ended, with the arguments that it had. It boots stopped.
    pub fn begin(&mut self, at: usize) -> Result<()> {
        let program = self.chain.programs.path(self.chain.release, "op-node");
        let (name, flags) =
            (NODES.get(at).context("no such sequencer")?, self.flags.get(at).context("no flags")?.clone());
        self.chain.spawn(name, &PathBuf::from(&program), &flags)
    }

    /// Lets each op-node that answers know the others, which it forgets when it ends.
    pub fn acquaint(&self) {
        let ids: Vec<_> = (0..self.addresses.len()).map(|at| self.id(at)).collect();
        for at in 0..self.addresses.len() {
            for (other, id) in ids.iter().enumerate().filter(|(other, _)| *other != at) {
                let (Some(address), Ok(id)) = (self.addresses.get(other), id) else { continue };
                // One that is away is made known when it is there again.
                let _ = self.ask(at, "opp2p_connectPeer", json!([format!("/ip4/{address}/tcp/{P2P}/p2p/{id}")]));
            }
        }
    }

    /// Lets each execution client know the others. Without a batcher nobody but they can give a standby the blocks that were made
    /// while its op-node was away: gossip begins where it comes back.
    fn acquaint_clients(&mut self) -> Result<()> {
        let clients = self.clients.clone();
        for (at, client) in clients.iter().enumerate() {
            let enode = http::rpc(client, "admin_nodeInfo", json!([]))?["enode"].clone();
            for other in clients.iter().take(at) {
                http::rpc(other, "admin_addPeer", json!([enode]))?;
            }
        }
        let others = format!("{:#x}", clients.len().saturating_sub(1));
        self.chain.wait("peers of the execution clients", |_| {
            for client in &clients {
                let count = http::rpc(client, "net_peerCount", json!([]))?;
                ensure!(count == others.as_str(), "{count} of {others}");
            }
            Ok(())
        })
    }

    fn id(&self, at: usize) -> Result<String> {
        let known = self.ask(at, "opp2p_self", json!([]))?;
        known["peerID"].as_str().map(ToString::to_string).context("a peer without an id")
    }

    /// Has L1 name the key of the sequencers as that which signs blocks, without which no op-node takes a block of its peers.
    fn name_signer(&mut self) -> Result<()> {
        let word = format!("0x{:0>64}", SIGNER.trim_start_matches("0x"));
        http::rpc(&self.l1, "anvil_setStorageAt", json!([genesis::SYSTEM_CONFIG, SIGNER_SLOT, word]))?;
        let l1 = self.l1.clone();
        let before = http::rpc(&l1, "eth_blockNumber", json!([]))?;
        // What was set is in the state of the next block.
        self.chain.wait("block of L1 that names the signer", |_| match http::rpc(&l1, "eth_blockNumber", json!([]))? {
            number if number == before => bail!("only block {number}"),
            _ => Ok(()),
        })
    }

    fn write_files(&self) -> Result<()> {
        let head = http::rpc(&self.l1, "eth_getBlockByNumber", json!(["latest", false]))?;
        self.chain.write("genesis.json", &genesis::l2(&head)?)?;
        self.chain.write("rollup.json", &genesis::rollup(&head)?)?;
        self.chain.write("l1.json", &genesis::l1())?;
        Ok(fs::write(self.chain.path("jwt"), "7".repeat(64))?)
    }

    fn start_client(&mut self, at: usize) -> Result<String> {
        let name = CLIENTS.get(at).context("there is no such sequencer")?;
        let geth = self.chain.programs.op_geth().to_path_buf();
        let (data, genesis) = (self.chain.path(name), self.chain.path("genesis.json"));
        let init = Command::new(&geth).args(["init", "--datadir", &data, "--state.scheme=hash", &genesis]).output()?;
        if !init.status.success() {
            bail!("op-geth init: {}", String::from_utf8_lossy(&init.stderr));
        }
        let (http, engine) = (free_port()?, free_port()?);
        let flags = format!(
            "--datadir={data} --networkid={} --syncmode=full --gcmode=archive --state.scheme=hash --port=0 --nodiscover --ipcdisable \
             --http --http.port={http} --http.api=eth,net,admin --authrpc.port={engine} --authrpc.jwtsecret={}",
            genesis::L2,
            self.chain.path("jwt")
        );
        self.chain.spawn(name, &geth, &words(&flags))?;
        let url = format!("http://127.0.0.1:{http}");
        let first =
            self.chain.wait("genesis of L2", |_| http::rpc(&url, "eth_getBlockByNumber", json!(["0x0", false])))?;
        let mut rollup: Value = serde_json::from_str(&fs::read_to_string(self.chain.path("rollup.json"))?)?;
        rollup["genesis"]["l2"]["hash"] = first["hash"].clone();
        self.chain.write("rollup.json", &rollup)?;
        self.clients.push(url);
        Ok(format!("http://127.0.0.1:{engine}"))
    }

    fn flags_of(&self, at: usize, engine: &str) -> Result<Vec<String>> {
        let (address, l1) = (self.addresses.get(at).context("there is no such sequencer")?, &self.l1);
        let flags = format!(
            "--l1={l1} --l1.trustrpc --l1.beacon={l1} --l1.beacon.ignore --l1.http-poll-interval=1s --l1.epoch-poll-interval=4s \
             --rollup.config={} --rollup.l1-chain-config={} --l2={engine} --l2.jwt-secret={} --l2.enginekind=geth \
             --sequencer.enabled --sequencer.stopped --sequencer.l1-confs=0 --p2p.sequencer.key={} \
             --p2p.listen.ip={address} --p2p.listen.tcp={P2P} --p2p.priv.path={} \
             --p2p.no-discovery --p2p.bootnodes=, --p2p.peerstore.path=memory --p2p.discovery.path=memory \
             --rpc.addr={address} --rpc.port={RPC} --rpc.enable-admin",
            self.chain.path("rollup.json"),
            self.chain.path("l1.json"),
            self.chain.path("jwt"),
            KEYS[0],
            self.chain.path(&format!("peer-{at}")),
        );
        Ok(words(&flags))
    }
}
