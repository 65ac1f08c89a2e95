//! Who uses a network: it can't be deleted under its components, which would be left without L1 and contracts.

use opstack_sdk::answer::Finalized;
use opstack_sdk::cluster::Context;
use opstack_sdk::opstack::consent::{Consent, MemberRole};
use opstack_sdk::opstack::{BATCHER, CHALLENGER, NODE, PROPOSER};

/// Blocked while something takes part in the network, which is named. What the network does not permit blocks nothing.
pub fn finalize(cx: &Context<'_>, consent: Consent<'_>) -> Finalized {
    let roles: [&[MemberRole]; 4] = [
        &[MemberRole::Replica, MemberRole::Sequencer],
        &[MemberRole::Component],
        &[MemberRole::Component],
        &[MemberRole::Component],
    ];
    let kinds = [NODE, BATCHER, PROPOSER, CHALLENGER].into_iter().zip(roles);
    let users = kinds.flat_map(|(kind, roles)| {
        let members = consent.members(cx, kind, roles).into_iter();
        members.map(move |(member, _)| format!("{} {}", kind.kind, member.metadata.place()))
    });
    let users: Vec<_> = users.collect();
    if users.is_empty() {
        return Finalized::Proceed;
    }
    Finalized::Blocked(format!("in use by {}; delete them first, or point them to another network", users.join(", ")))
}
