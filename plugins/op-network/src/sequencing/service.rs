//! The Service that leads to whichever sequencer makes blocks. What is done to a sequencer never goes through it: each call
//! is to the one pod that is meant.

use opstack_sdk::answer::Answer;
use opstack_sdk::kubernetes::App;
use opstack_sdk::opstack::active;
use opstack_sdk::opstack::network::{NetworkSpec, NetworkStatus};
use opstack_sdk::opstack::node::Node;
use opstack_sdk::opstack::sequencing::HaMode;

/// Adds the Service where the sequencer changes, or may: by the network's mode, or because there are several.
pub fn render(app: &App, spec: &NetworkSpec, nodes: &[Node], answer: &mut Answer<NetworkStatus>) {
    let changes = spec.sequencer.ha.mode != HaMode::Manual;
    if !changes && nodes.len() < 2 {
        return;
    }
    let Some(name) = active::service_name(app.instance()) else {
        let message =
            "the name of this network is too long for a Service, or has a dot: none leads to the active sequencer";
        answer.warn("NoSequencerService", message);
        return;
    };
    let elsewhere: Vec<_> = nodes
        .iter()
        .filter(|node| node.metadata.namespace != app.namespace())
        .map(|node| node.metadata.place())
        .collect();
    if !elsewhere.is_empty() {
        answer.warn("SequencerNotServed", format!(
            "the Service {name} leads to pods of the namespace {} alone, and so not to {}; make sequencers beside their network",
            app.namespace(),
            elsewhere.join(", ")
        ));
    }
    answer.child(&active::service(app));
    answer.status.sequencer_service = Some(name);
}
