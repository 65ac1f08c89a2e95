//! Batches of questions to one chain: how they are declared as probes, and what was heard.
//!
//! Every batch begins with `eth_chainId`, so that no answer of another chain is ever taken, and every probe's name ends
//! with a digest of what is asked, of whom and for which spec, so that no answer to an older question is.

use alloy_sol_types::SolCall;
use opstack_sdk::answer::{Probe, Question, RpcCall, Target};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::opstack::abi;
use opstack_sdk::opstack::observed::{Finding, observation, probe, quantity, result};
use opstack_sdk::values::Address;
use serde_json::Value;
use std::marker::PhantomData;

/// Calls to one endpoint, in order.
pub struct Batch(Vec<RpcCall>);

/// The place of a contract's getter in a batch.
pub struct Getter<C>(usize, PhantomData<C>);

/// The place of an `eth_getCode` in a batch.
#[derive(Clone, Copy)]
pub struct Code(usize);

impl Batch {
    /// Only the question which chain it is.
    pub fn new() -> Self {
        Self(vec![RpcCall { method: "eth_chainId".into(), params: "[]".into() }])
    }

    /// What a contract's getter gives.
    pub fn call<C: SolCall>(&mut self, to: &Address, call: &C) -> Getter<C> {
        Getter(self.add("eth_call", abi::params(to, call)), PhantomData)
    }

    /// Whether there is a contract.
    pub fn code(&mut self, address: &Address) -> Code {
        Code(self.add("eth_getCode", format!("[\"{address}\",\"latest\"]")))
    }

    fn add(&mut self, method: &str, params: String) -> usize {
        self.0.push(RpcCall { method: method.into(), params });
        self.0.len() - 1
    }
}

/// An endpoint, and the probes that were declared for it.
pub struct Asker<'a> {
    cx: &'a Context<'a>,
    target: Target,
    chain_id: u64,
    timeout_ms: u32,
    digest: Hash,
    probes: Vec<Probe>,
    all_heard: bool,
}

/// What an endpoint said to a batch.
pub struct Answer {
    batch: Value,
    /// When, in seconds since the Unix epoch.
    pub at: u64,
}

/// Why there is nothing to be taken from an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nobody has asked yet, or the last answer is old.
    NotAsked,
    /// No answer; says why.
    NoAnswer(String),
    /// It is another chain.
    OtherChain(u64),
}

impl<'a> Asker<'a> {
    /// Asks `target`, which has to serve `chain_id`. Another `digest` makes other questions of the same calls.
    pub fn new(cx: &'a Context<'a>, target: Target, chain_id: u64, timeout_ms: u32, digest: Hash) -> Self {
        Self { cx, target, chain_id, timeout_ms, digest, probes: vec![], all_heard: true }
    }

    /// Declares a probe, and gives what it found.
    pub fn ask(&mut self, name: &str, batch: Batch) -> Result<Answer, Silence> {
        let calls = batch.0;
        let digest = calls.iter().fold(self.digest, |digest, call| digest.with(&call.method).with(&call.params));
        let id = format!("{name}-{}", digest.short());
        let watched: Vec<_> = (0..calls.len()).map(|index| format!("/{index}")).collect();
        let watched: Vec<_> = watched.iter().map(String::as_str).collect();
        let mut probe = probe(&id, self.target.clone(), Question::JsonRpc(calls), &watched);
        probe.timeout_ms = self.timeout_ms;
        self.probes.push(probe);
        let heard = self.heard(&id);
        self.all_heard &= heard.is_ok();
        heard
    }

    /// Whether every question was answered.
    pub fn all_heard(&self) -> bool {
        self.all_heard
    }

    fn heard(&self, id: &str) -> Result<Answer, Silence> {
        let batch = match Finding::of(self.cx, id) {
            Finding::Answer(batch) => batch,
            Finding::Failed(why) => return Err(Silence::NoAnswer(why)),
            Finding::NotAsked | Finding::Stale | Finding::NotObservable => return Err(Silence::NotAsked),
        };
        let chain = result(&batch, 0).map_err(Silence::NoAnswer)?;
        match quantity(chain) {
            Some(chain) if chain == self.chain_id => {}
            Some(other) => return Err(Silence::OtherChain(other)),
            None => return Err(Silence::NoAnswer(format!("{chain} is not a chain id"))),
        }
        let at = observation(self.cx, id).map_or(0, |observation| observation.measured_at / 1000);
        Ok(Answer { batch, at })
    }

    /// The probes, each asked again after so many milliseconds (by the name that it was declared with).
    pub fn probes(self, interval_ms: impl Fn(&str) -> u32) -> Vec<Probe> {
        let paced = |mut probe: Probe| {
            let name = probe.id.rsplit_once('-').map_or(probe.id.as_str(), |(name, _)| name);
            probe.interval_ms = interval_ms(name);
            probe
        };
        self.probes.into_iter().map(paced).collect()
    }
}

impl Answer {
    /// What a getter gave.
    pub fn value<C: SolCall>(&self, getter: Getter<C>) -> Result<C::Return, abi::Fault> {
        abi::value::<C>(&self.batch[getter.0])
    }

    /// Whether there is a contract.
    ///
    /// # Errors
    /// The endpoint's own, where it would not tell.
    pub fn has_code(&self, code: Code) -> Result<bool, String> {
        result(&self.batch, code.0).map(|code| code != "0x")
    }
}
