//! A control plane, an operator with all plugins, and doubles in the place of the programs of pods.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process,
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use control_plane::AuditLevel;
use rpc_double::{Double, Recording};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{Hosts, Operator, Site, plugins};

/// How often plugins have endpoints asked.
pub const INTERVAL: Duration = Duration::from_secs(15);
/// Where all doubles are: a half of the loopback, so that an operator can be let dial them and nothing else of it.
pub const ADDRESSES: &str = "127.128.0.0/9";
/// Port of op-node's RPC where a spec says nothing.
const CONSENSUS_PORT: u16 = 9545;
/// Port of the execution client's RPC where a spec says nothing.
const EXECUTION_PORT: u16 = 8545;

/// Doubles live on it.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads"));

/// A control plane and an operator with all plugins.
pub struct World {
    /// The control plane.
    pub site: Site,
    /// The operator.
    pub operator: Operator,
    /// Names of Services; nothing where the operator can't be given any.
    pub hosts: Option<Hosts>,
}

impl World {
    /// Starts one; the operator gets more arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on(Site::start(AuditLevel::Metadata), arguments)
    }

    /// The same on a control plane that is there.
    pub fn start_on(site: Site, arguments: &[&str]) -> Self {
        let directory = plugins::argument();
        let arguments: Vec<&str> = arguments.iter().copied().chain([directory.as_str()]).collect();
        let hosts = Hosts::new(site.directory());
        let operator = match &hosts {
            Some(hosts) => Operator::start_among(&site, hosts, &arguments),
            None => Operator::start_with(&site, &arguments),
        };
        Self { site, operator, hosts }
    }
}

/// The one of all tests that don't disturb each other.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::start(&[]))
}

/// An address of [`ADDRESSES`] that nobody else has, of this process or of another.
pub fn address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let process = u8::try_from(process::id() % 128).unwrap_or_default();
    Ipv4Addr::new(127, 128 | process, high, low)
}

/// A double that answers as a program did, at an address and a port of its own.
pub fn double(recording: &str) -> Double {
    double_at(address(), 0, recording)
}

/// The same at an address.
pub fn double_at(address: Ipv4Addr, port: u16, recording: &str) -> Double {
    let double = RUNTIME.block_on(Double::start_at(SocketAddr::from((address, port))));
    double.replay(&Recording::load(recording));
    double
}

/// The two programs of a node's pod.
pub struct Pod {
    /// Where both listen.
    pub address: IpAddr,
    /// op-node.
    pub consensus: Double,
    /// The execution client.
    pub execution: Double,
}

impl Pod {
    /// Starts both, as those of a recorded `op-node-…` and its execution client.
    pub fn start(address: Ipv4Addr, consensus: &str, execution: &str) -> Self {
        Self {
            address: address.into(),
            consensus: double_at(address, CONSENSUS_PORT, consensus),
            execution: double_at(address, EXECUTION_PORT, execution),
        }
    }

    /// Lets op-node's newest block have this number and time, in seconds since 1970.
    pub fn head(&self, block: impl Fn() -> (u64, u64) + Send + Sync + 'static) {
        let recorded = Recording::load("op-node-sequencer").result("optimism_syncStatus").clone();
        self.consensus.on("optimism_syncStatus", move |_| {
            let (number, time) = block();
            let mut status: Value = recorded.clone();
            let head = &mut status["unsafe_l2"];
            head["number"] = number.into();
            head["timestamp"] = time.into();
            head["hash"] = format!("0x{number:064x}").into();
            Ok(status)
        });
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map(|since| since.as_secs()).unwrap_or_default()
}
