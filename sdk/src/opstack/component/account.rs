//! The account on L1 that a component signs with: what it owns, and what it sent last.
//!
//! One question leads to the next: the number of transactions to the last one, that one to its receipt. An L1 without
//! `eth_getTransactionBySenderAndNonce` (geth lacks it; reth, anvil and the large providers have it) ends the chain
//! early, and what only the receipt tells stays absent.

use serde_json::{Value, json};

use super::Component;
use crate::answer::{Condition, Probe};
use crate::cluster::Context;
use crate::opstack::observed::{Finding, quantity, result, rpc_probe};
use crate::opstack::signing::Signing;

/// Condition: the account can pay for transactions.
pub const ACCOUNT_FUNDED: &str = "AccountFunded";
/// Methods of the probes.
pub const METHODS: [&str; 5] = [
    "eth_getBalance",
    "eth_getTransactionCount",
    "eth_getTransactionBySenderAndNonce",
    "eth_getTransactionReceipt",
    "eth_getBlockByHash",
];

const ACCOUNT: &str = "account";
const SENT: &str = "sent";
const RECEIPT: &str = "receipt";
/// What never changes is asked for seldom, in milliseconds.
const RARELY_MS: u32 = 60_000;

/// Wei of an ether.
const ETHER: u128 = 1_000_000_000_000_000_000;
const GWEI: u128 = 1_000_000_000;
/// Below this an account is called low: some days of a busy chain, or one bond of a dispute game.
const LOW: u128 = ETHER / 10;

/// What L1 says of the account now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Wei.
    pub balance: u128,
    /// Transactions that it sent and L1 included, ever.
    pub transactions: u64,
}

impl Account {
    /// The current answer, if there is one.
    pub fn of(cx: &Context<'_>) -> Option<Self> {
        let Finding::Answer(answer) = Finding::of(cx, ACCOUNT) else { return None };
        Self::read(&answer)
    }

    fn read(answer: &Value) -> Option<Self> {
        let balance = result(answer, 0).ok()?.as_str()?.strip_prefix("0x")?;
        Some(Self {
            balance: u128::from_str_radix(balance, 16).ok()?,
            transactions: quantity(result(answer, 1).ok()?)?,
        })
    }

    /// The balance in ether, for people: `1.25`.
    pub fn ether(&self) -> String {
        let text = format!("{}.{:06}", self.balance / ETHER, self.balance % ETHER / 1_000_000_000_000);
        text.trim_end_matches('0').trim_end_matches('.').into()
    }
}

/// A transaction of the account that L1 included.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Its hash.
    pub hash: String,
    /// Block of L1.
    pub block: u64,
    /// Unix time of that block, where the endpoint told which it is.
    pub time: Option<u64>,
    /// Gas that it used, beside that of its blobs.
    pub gas: u64,
    /// What it paid for its gas and its blobs.
    pub fee_gwei: u64,
    /// Whether it did not revert.
    pub succeeded: bool,
    /// Who sent it.
    pub from: Option<String>,
    /// To whom it was sent.
    pub to: Option<String>,
    /// What contracts logged.
    pub logs: Vec<Value>,
}

/// What is known of the account's last transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum LastSent {
    /// This one.
    Known(Sent),
    /// The L1 endpoint does not serve the questions.
    NotServed,
    /// There is none, or it is being asked for.
    NotYet,
}

impl LastSent {
    /// What the current answers say.
    pub fn of(cx: &Context<'_>) -> Self {
        let sent = match Finding::of(cx, RECEIPT) {
            Finding::Answer(answer) => Sent::read(&answer),
            _ => None,
        };
        let is_refused = match Finding::of(cx, SENT) {
            Finding::Answer(answer) => result(&answer, 0).is_err(),
            _ => matches!(Finding::of(cx, ACCOUNT), Finding::Answer(answer) if Account::read(&answer).is_none()),
        };
        match sent {
            Some(sent) => Self::Known(sent),
            None if is_refused => Self::NotServed,
            None => Self::NotYet,
        }
    }
}

impl Sent {
    /// The receipt, and the block behind it.
    fn read(answer: &Value) -> Option<Self> {
        let receipt = result(answer, 0).ok()?;
        let text = |field: &str| receipt[field].as_str().map(ToString::to_string);
        let number = |field: &str| quantity(&receipt[field]);
        let paid = |gas: &str, price: &str| {
            u128::from(number(gas).unwrap_or_default()) * u128::from(number(price).unwrap_or_default())
        };
        let wei = paid("gasUsed", "effectiveGasPrice") + paid("blobGasUsed", "blobGasPrice");
        Some(Self {
            hash: text("transactionHash")?,
            block: number("blockNumber")?,
            time: result(answer, 1).ok().and_then(|block| quantity(&block["timestamp"])),
            gas: number("gasUsed")?,
            fee_gwei: u64::try_from(wei / GWEI).ok()?,
            succeeded: number("status") == Some(1),
            from: text("from"),
            to: text("to"),
            logs: receipt["logs"].as_array().cloned().unwrap_or_default(),
        })
    }
}

/// The questions about the transaction that was asked for: some endpoints answer its hash, others all of it.
fn calls_of_receipt(cx: &Context<'_>) -> Vec<(&'static str, String)> {
    let Finding::Answer(answer) = Finding::of(cx, SENT) else { return vec![] };
    let Ok(sent) = result(&answer, 0) else { return vec![] };
    let Some(hash) = sent.as_str().or_else(|| sent["hash"].as_str()) else { return vec![] };
    let receipt = ("eth_getTransactionReceipt", json!([hash]).to_string());
    let block = sent["blockHash"].as_str().map(|block| ("eth_getBlockByHash", json!([block, false]).to_string()));
    [receipt].into_iter().chain(block).collect()
}

impl Component<'_> {
    /// The questions about the account that signs.
    pub fn account_probes(&self, signing: Option<&Signing>) -> Vec<Probe> {
        let Some((target, address)) = self.l1_target().zip(signing.and_then(Signing::address)) else { return vec![] };
        let latest = json!([address, "latest"]).to_string();
        let calls = [("eth_getBalance", latest.as_str()), ("eth_getTransactionCount", latest.as_str())];
        let mut probes = vec![rpc_probe(ACCOUNT, target.clone(), &calls, &["/0", "/1"])];
        let mut seldom = |id, calls: &[(&str, String)], wake_on: &[&str]| {
            let calls: Vec<_> = calls.iter().map(|(method, params)| (*method, params.as_str())).collect();
            probes.push(Probe { interval_ms: RARELY_MS, ..rpc_probe(id, target.clone(), &calls, wake_on) });
        };
        let last = Account::of(self.cx).and_then(|account| account.transactions.checked_sub(1));
        if let Some(nonce) = last {
            let params = json!([address, format!("{nonce:#x}")]).to_string();
            seldom(SENT, &[("eth_getTransactionBySenderAndNonce", params)], &["/0"]);
            let calls = calls_of_receipt(self.cx);
            if !calls.is_empty() {
                seldom(RECEIPT, &calls, &["/0", "/1/result/timestamp"]);
            }
        }
        probes
    }

    /// The condition [`ACCOUNT_FUNDED`].
    pub(super) fn account_condition(&self, signing: Option<&Signing>) -> Condition {
        let unknown = |reason, message: String| Condition::unknown(ACCOUNT_FUNDED, reason, message);
        let Some(address) = signing.and_then(Signing::address) else {
            return unknown("NoAccount", "the account is not known, for its key is not there".into());
        };
        let finding = Finding::seek(self.cx, ACCOUNT, self.l1_target().is_some());
        if let Finding::Failed(why) = finding {
            return unknown("NotObserved", format!("the L1 RPC endpoint gave no answer: {why}"));
        }
        finding.condition(ACCOUNT_FUNDED, "the L1 RPC endpoint", |answer| match Account::read(answer) {
            None => unknown("RPCError", "the L1 RPC endpoint does not tell the balance of the account".into()),
            Some(account) if account.balance < LOW => Condition::no(
                ACCOUNT_FUNDED,
                "LowBalance",
                format!(
                    "{address} has {} ether on L1, less than 0.1; send it more before its transactions fail",
                    account.ether()
                ),
            ),
            Some(account) => {
                Condition::yes(ACCOUNT_FUNDED, "Funded", format!("{address} has {} ether on L1", account.ether()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wei_become_ether() {
        for (balance, text) in [
            (0, "0"),
            (ETHER, "1"),
            (ETHER * 5 / 4, "1.25"),
            (99_999_999_999_999_999, "0.099999"),
            (10_000 * ETHER, "10000"),
            (999_999_999_999, "0"),
        ] {
            assert_eq!(Account { balance, transactions: 0 }.ether(), text);
        }
    }

    #[test]
    fn what_is_no_answer_is_not_read() {
        let answer = |balance: &str| json!([{"result": balance}, {"result": "0x5"}]);
        assert_eq!(Account::read(&answer("0x10")), Some(Account { balance: 16, transactions: 5 }));
        assert_eq!(Account::read(&answer("16")), None);
        assert_eq!(Account::read(&json!([{"error": {"message": "no"}}, {"result": "0x5"}])), None);
    }
}
