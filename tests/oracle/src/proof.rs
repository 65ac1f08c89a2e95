//! What each program does only after it has taken its configuration.

use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use url::Url;

use crate::Container;
use crate::task::Proof;

/// Built into op-node, which asks for their addresses before it asks anybody else.
const BOOTNODES: [&str; 2] = ["bootnode.conduit.xyz", "bootnode.gelato.digital"];

/// Who is called by which name at which address: one address of the loopback for each name.
#[derive(Debug, Default)]
pub struct Surroundings {
    hosts: BTreeMap<String, IpAddr>,
    /// Where somebody is expected to listen.
    pub listeners: Vec<SocketAddr>,
}

impl Surroundings {
    /// All hosts and ports of the URLs in arguments and environment.
    pub fn of(container: &Container) -> Self {
        let mut all = Self::default();
        let values = container.environment.iter().map(|(_, value)| value.as_str());
        let arguments =
            container.command.iter().map(|argument| argument.split_once('=').map_or("", |(_, value)| value));
        for url in values.chain(arguments).flat_map(|list| list.split(',')) {
            // An address that is given by its number is not ours.
            if let Some(address) = all.address(url).filter(|address| address.ip().is_loopback())
                && !all.listeners.contains(&address)
            {
                all.listeners.push(address);
            }
        }
        for name in BOOTNODES {
            all.host(name);
        }
        for name in container.command.iter().filter_map(|argument| argument.strip_prefix("--p2p.advertise.ip=")) {
            all.host(name);
        }
        all
    }

    /// The address behind a URL; nothing if it is none.
    fn address(&mut self, url: &str) -> Option<SocketAddr> {
        let url = Url::parse(url).ok().filter(|url| url.has_host())?;
        let port = url.port_or_known_default()?;
        Some(SocketAddr::new(self.host(url.host_str()?), port))
    }

    fn host(&mut self, name: &str) -> IpAddr {
        if let Ok(address) = name.parse() {
            return address;
        }
        let next = u8::try_from(self.hosts.len() + 1).unwrap_or(u8::MAX);
        *self.hosts.entry(name.into()).or_insert(IpAddr::V4(Ipv4Addr::new(127, 1, 0, next)))
    }

    /// Lines of `/etc/hosts`.
    pub fn names(&self) -> Vec<(String, SocketAddr)> {
        self.hosts.iter().map(|(name, address)| (name.clone(), SocketAddr::new(*address, 0))).collect()
    }
}

/// What to wait for.
pub fn of(container: &Container, surroundings: &mut Surroundings) -> Result<Proof> {
    let words: Vec<_> = container.command.iter().map(String::as_str).collect();
    let argument =
        |name: &str| container.command.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    let mut dials = |urls: Vec<&str>| {
        let first = urls.iter().map(|list| list.split(',').next().unwrap_or_default());
        let addresses: Vec<_> = first.filter_map(|url| surroundings.address(url)).collect();
        ensure!(!addresses.is_empty(), "{} has no URL to connect to", container.name);
        Ok(Proof::Dials(addresses))
    };
    match words.first().copied().unwrap_or_default() {
        "op-node" | "op-batcher" | "op-proposer" | "op-challenger" => {
            let of_l1 = |name: &str| name.ends_with("_L1_ETH_RPC") || name.ends_with("_L1_BEACON");
            let urls = container.environment.iter().filter(|(name, _)| of_l1(name));
            // Where somebody else holds the key, it is asked first.
            dials(urls.map(|(_, value)| value.as_str()).chain(argument("--signer.endpoint")).collect())
        }
        "op-conductor" => dials(argument("--node.rpc").into_iter().collect()),
        "opstack" if words.contains(&"fetch") => dials(argument("--url").into_iter().collect()),
        "geth" => {
            // It connects to nobody at its start, and would find its own ports taken.
            surroundings.listeners.clear();
            let port = argument("--authrpc.port").context("geth without a port of the engine API")?.parse()?;
            Ok(Proof::Listens(SocketAddr::from(([127, 0, 0, 1], port))))
        }
        _ if container.is_init => Ok(Proof::Ends),
        other => bail!("nothing is known that proves that {other} takes its configuration"),
    }
}
