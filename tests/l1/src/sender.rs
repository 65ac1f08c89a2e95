//! Transactions of one account, sent one after the other and looked after at the end: an L1 that makes a block every few
//! seconds takes many into one.

use std::{
    cell::{Cell, RefCell},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, hex};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::{Rpc, quantity};

/// Enough for the blocks of a slow L1.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// The first account that anvil unlocks.
#[derive(Debug)]
pub struct Sender<'a> {
    rpc: &'a Rpc,
    from: Address,
    nonce: Cell<u64>,
    sent: RefCell<Vec<Sent>>,
}

#[derive(Debug)]
struct Sent {
    what: String,
    hash: Value,
}

impl<'a> Sender<'a> {
    /// That account, and how many transactions it has made.
    pub fn new(rpc: &'a Rpc) -> Result<Self> {
        let accounts = rpc.call("eth_accounts", "[]")?;
        let from: Address = accounts[0].as_str().context("anvil has no account")?.parse()?;
        let nonce = rpc.call("eth_getTransactionCount", &json!([from.to_string(), "latest"]).to_string())?;
        let nonce = Cell::new(quantity(&nonce)?);
        Ok(Self { rpc, from, nonce, sent: RefCell::default() })
    }

    /// The endpoint.
    pub fn rpc(&self) -> &Rpc {
        self.rpc
    }

    /// The account.
    pub fn from(&self) -> Address {
        self.from
    }

    /// Where the next transaction puts a contract, if it deploys one.
    pub fn creates(&self) -> Address {
        self.from.create(self.nonce.get())
    }

    /// Sends a transaction; `to` is absent where it deploys. Whether it succeeds, [`Self::settle`] tells.
    pub fn send(&self, what: &str, to: Option<Address>, data: &[u8]) -> Result<()> {
        let nonce = self.nonce.replace(self.nonce.get() + 1);
        let mut transaction = json!({
            "from": self.from.to_string(),
            "nonce": format!("{nonce:#x}"),
            "gas": "0x1c00000",
            "data": hex::encode_prefixed(data),
        });
        if let Some(to) = to {
            transaction["to"] = json!(to.to_string());
        }
        let hash = self.rpc.call("eth_sendTransaction", &json!([transaction]).to_string());
        let hash = hash.with_context(|| format!("failed to send {what}"))?;
        self.sent.borrow_mut().push(Sent { what: what.into(), hash });
        Ok(())
    }

    /// Waits until all that was sent is in a block, and fails where one of them was reverted.
    pub fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for sent in self.sent.take() {
            let receipt = self.receipt(&sent, deadline)?;
            if receipt["status"] != "0x1" {
                bail!("{} was reverted: {receipt}", sent.what);
            }
        }
        Ok(())
    }

    fn receipt(&self, sent: &Sent, deadline: Instant) -> Result<Value> {
        while Instant::now() < deadline {
            let receipt = self.rpc.call("eth_getTransactionReceipt", &json!([sent.hash]).to_string())?;
            if !receipt.is_null() {
                return Ok(receipt);
            }
            thread::sleep(POLL);
        }
        bail!("{} was not mined within {PATIENCE:?}", sent.what)
    }
}
