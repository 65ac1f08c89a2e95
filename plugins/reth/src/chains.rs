//! Chains that op-reth knows by name (`--chain`, op-reth v2.4.0).

use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{ClientRequest, Genesis};

/// Built-in chains. The registry's name of a mainnet chain ends in `-mainnet`; op-reth leaves that out, and keeps the
/// ending of test networks.
const BUILT_IN: [&str; 58] = [
    "automata",
    "bob",
    "boba",
    "boba-sepolia",
    "camp-sepolia",
    "celo",
    "celo-sep-sepolia",
    "cyber",
    "cyber-sepolia",
    "ethernity",
    "fraxtal",
    "funki",
    "funki-sepolia",
    "hashkeychain",
    "ink",
    "ink-sepolia",
    "lisk",
    "lisk-sepolia",
    "lyra",
    "metal",
    "metal-sepolia",
    "mint",
    "mode",
    "mode-sepolia",
    "op",
    "op-mainnet",
    "op-sepolia",
    "oplabs-devnet-0-sepolia-dev-0",
    "optimism",
    "optimism-sepolia",
    "optimism_sepolia",
    "orderly",
    "ozean-sepolia",
    "pivotal-sepolia",
    "polynomial",
    "race",
    "race-sepolia",
    "radius_testnet-sepolia",
    "redstone",
    "sepolia-devnet-2-sepolia-devnet-2",
    "settlus-mainnet",
    "settlus-sepolia-sepolia",
    "shape",
    "shape-sepolia",
    "silent-data-mainnet",
    "soneium",
    "soneium-minato-sepolia",
    "sseed",
    "swan",
    "tbn",
    "tbn-sepolia",
    "unichain",
    "unichain-sepolia",
    "worldchain",
    "worldchain-sepolia",
    "xterio-eth",
    "zora",
    "zora-sepolia",
];

/// Value of `--chain`.
///
/// # Errors
/// `waiting` for a chain of the registry that op-reth does not know.
pub fn chain(request: &ClientRequest) -> Result<&str, Failure> {
    let name = match &request.genesis {
        Genesis::File(path) => return Ok(path),
        Genesis::Network(name) => name.as_str(),
    };
    let short = name.strip_suffix("-mainnet").unwrap_or(name);
    let known = [name, short].into_iter().find(|name| BUILT_IN.contains(name));
    known.ok_or_else(|| {
        Failure::waiting(format!(
            "a genesis of {name}, which op-reth does not know by name: give the OptimismNetwork spec.l2Genesis (url with sha256, configMapRef or inline)"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        let is_word = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        assert_eq!(BUILT_IN.iter().find(|name| !is_word(name)), None);
    }

    #[test]
    fn names_are_unique() {
        let mut names = BUILT_IN.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BUILT_IN.len());
    }
}
