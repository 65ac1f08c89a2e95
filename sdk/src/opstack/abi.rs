//! What is called on the chain's contracts: how it is asked, and what an answer can be.

use alloy_sol_types::SolCall;
use serde_json::Value;

use crate::values::Address;

mod interfaces;

pub use alloy_primitives::{U256, hex};
pub use interfaces::{DisputeGame, DisputeGameFactory, OptimismPortal, Permissioned, SystemConfig};

/// Why a call gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The contract refused it: it has no such getter, or is not initialised.
    Reverts,
    /// No data: a contract without this getter that takes every call, or none at all.
    Empty,
    /// Data that are no value of the type; says how.
    Malformed(String),
    /// The node could not run the call, for instance because it never ends; in the node's words.
    Failed(String),
}

impl Fault {
    /// The reason of a condition, and what happened, for messages.
    pub fn told(&self) -> (&'static str, String) {
        match self {
            Self::Reverts => ("CallReverted", "reverts".into()),
            Self::Empty => ("EmptyAnswer", "returns nothing".into()),
            Self::Malformed(how) => ("MalformedAnswer", format!("returns {how}")),
            Self::Failed(why) => ("CallFailed", format!("can't be called: {why}")),
        }
    }
}

/// Parameters of the `eth_call` that asks a contract.
pub fn params<C: SolCall>(to: &Address, call: &C) -> String {
    format!("[{{\"to\":\"{to}\",\"data\":\"0x{}\"}},\"latest\"]", hex::encode(call.abi_encode()))
}

/// The value of an `eth_call`, from its place in a batch.
///
/// # Errors
/// Why there is none.
pub fn value<C: SolCall>(call: &Value) -> Result<C::Return, Fault> {
    let Some(result) = call.get("result") else {
        let error = &call["error"];
        let message = error["message"].as_str().unwrap_or("no result");
        // Code 3 is that of geth and reth for a revert with data; without data some say so in words only.
        let reverts = error["code"] == 3 || message.contains("revert");
        return Err(if reverts { Fault::Reverts } else { Fault::Failed(message.into()) });
    };
    let malformed = || Fault::Malformed(format!("{}, which is no {}", excerpt(result), C::SIGNATURE));
    let data = hex::decode(result.as_str().ok_or_else(malformed)?).map_err(|_| malformed())?;
    if data.is_empty() {
        return Err(Fault::Empty);
    }
    C::abi_decode_returns_validate(&data).map_err(|_| malformed())
}

/// An answer can be long, and whoever reads the message needs its beginning.
fn excerpt(result: &Value) -> String {
    const LONGEST: usize = 80;
    let text = result.to_string();
    text.char_indices().nth(LONGEST).map_or_else(|| text.clone(), |(end, _)| format!("{}…", &text[..end]))
}

/// The SDK's form of an address; nothing for the zero address, by which contracts say that there is none.
pub fn address(found: alloy_primitives::Address) -> Option<Address> {
    (!found.is_zero()).then(|| Address::parse(&found.to_string()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn portal(call: &Value) -> Result<Option<Address>, Fault> {
        value::<SystemConfig::optimismPortalCall>(call).map(address)
    }

    #[test]
    fn each_kind_of_answer_is_told_apart() {
        let word = |digits: &str| json!({"result": format!("0x{digits:0>64}")});
        let found = portal(&word("beb5fc579115071764c7423a4f12edde41f106ed")).unwrap().unwrap();
        assert_eq!(found.as_str(), "0xbEb5Fc579115071764c7423A4f12eDde41f106Ed");
        assert_eq!(portal(&word("0")), Ok(None));
        assert_eq!(portal(&json!({"result": "0x"})), Err(Fault::Empty));
        for malformed in
            [json!({"result": "0x1234"}), word(&"f".repeat(64)), json!({"result": {}}), json!({"result": "no"})]
        {
            assert!(matches!(portal(&malformed), Err(Fault::Malformed(_))), "{malformed}");
        }
        let error = |code: i64, message: &str| json!({"error": {"code": code, "message": message}});
        assert_eq!(portal(&error(3, "execution reverted")), Err(Fault::Reverts));
        assert_eq!(portal(&error(-32000, "VM execution reverted")), Err(Fault::Reverts));
        assert_eq!(portal(&error(-32000, "out of gas")), Err(Fault::Failed("out of gas".into())));
    }
}
