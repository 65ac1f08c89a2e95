//! Who uses a network: it can't be deleted under its components, which would be left without L1 and contracts.

use opstack_sdk::answer::Finalized;
use opstack_sdk::cluster::Context;
use opstack_sdk::opstack::references::Reference;
use opstack_sdk::opstack::{BATCHER, CHALLENGER, NODE, PROPOSER};
use opstack_sdk::{Kind, Metadata};
use serde::Deserialize;

#[derive(Deserialize)]
struct Component {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    optimism_network_ref: Option<Reference>,
}

/// Blocked while a component of any namespace refers to the network, and names them.
pub fn finalize(cx: &Context<'_>, network: &Metadata) -> Finalized {
    let users: Vec<_> =
        [NODE, BATCHER, PROPOSER, CHALLENGER].into_iter().flat_map(|kind| of_kind(cx, kind, network)).collect();
    if users.is_empty() {
        return Finalized::Proceed;
    }
    Finalized::Blocked(format!("in use by {}; delete them first, or point them to another network", users.join(", ")))
}

fn of_kind(cx: &Context<'_>, kind: Kind, network: &Metadata) -> Vec<String> {
    let refers = |component: &Component| {
        component.spec.optimism_network_ref.as_ref().is_some_and(|reference| {
            reference.name == network.name && reference.namespace(&component.metadata.namespace) == network.namespace
        })
    };
    let selector = format!(".spec.optimismNetworkRef.name={}", network.name);
    let listed = cx.cluster.list(&kind.to_ref(), None, &selector);
    // A component that does not parse can't be one that works with the network.
    let components = listed.iter().filter_map(|json| serde_json::from_str::<Component>(json).ok());
    components.filter(refers).map(|component| format!("{} {}", kind.kind, component.metadata.place())).collect()
}
