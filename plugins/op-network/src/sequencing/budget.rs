//! The budget of a network's sequencers: of all of them, each in a workload of its own, one is away by choice at a time.
//! op-conductor's members are lost with their pods, and more than half of them have to be there.

use opstack_sdk::answer::Answer;
use opstack_sdk::kubernetes::{App, disruption_budget};
use opstack_sdk::opstack::active::{NETWORK, network_label};
use opstack_sdk::opstack::network::NetworkStatus;
use opstack_sdk::opstack::node::Node;
use std::collections::BTreeMap;

/// The budget is `<network>-sequencers`.
const SUFFIX: &str = "sequencers";
/// As op-node's plugin labels pods of sequencers.
const SEQUENCER: (&str, &str) = ("app.kubernetes.io/component", "sequencer");

/// Adds the budget where there are several in the network's namespace; a budget is for pods of its own namespace.
pub fn render(app: &App, nodes: &[Node], answer: &mut Answer<NetworkStatus>) {
    if nodes.iter().filter(|node| node.metadata.namespace == app.namespace()).count() < 2 {
        return;
    }
    let mut budget = disruption_budget(app);
    budget.metadata = app.metadata_with(SUFFIX);
    let labels = BTreeMap::from([
        (NETWORK.to_string(), network_label(app.namespace(), app.instance())),
        (SEQUENCER.0.into(), SEQUENCER.1.into()),
    ]);
    let selector = budget.spec.as_mut().and_then(|spec| spec.selector.as_mut());
    selector.into_iter().for_each(|selector| selector.match_labels = Some(labels.clone()));
    answer.child(&budget);
}
