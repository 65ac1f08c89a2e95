//! How often contracts are looked up: what is settled as seldom as the spec allows, all else as often as the rest.

use opstack_sdk::opstack::network::NetworkSpec;
use opstack_sdk::opstack::observed::INTERVAL_MS;

/// A role can change hands by a transaction, and whoever does that wants to see it.
const ROLES_MS: u32 = 300_000;

/// Milliseconds between two lookups of what was found.
pub fn cached(spec: &NetworkSpec) -> u32 {
    u32::try_from(spec.contract_addresses.cache_timeout.as_millis()).unwrap_or(u32::MAX).max(INTERVAL_MS)
}

/// Milliseconds between two lookups of roles that were found.
pub fn roles(spec: &NetworkSpec) -> u32 {
    cached(spec).min(ROLES_MS)
}
