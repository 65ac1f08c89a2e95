//! Whether a sequencer makes blocks as soon as it runs.

use opstack_sdk::opstack::honoured::Honoured;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::sequencing::HaMode;

use crate::siblings::{self, Sibling, title};

/// What op-node's sequencer does. Two that make blocks at a time fork the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SequencerMode {
    /// There is none.
    #[default]
    Off,
    /// It makes blocks from the start.
    Active,
    /// It waits for `admin_startSequencer`; the user wants it so.
    Stopped,
    /// It waits, because of another one. Says why.
    Standby(String),
    /// It waits for the operator, which chooses among the network's sequencers (`spec.sequencer.ha.mode: Operator`).
    Operated,
    /// It waits for op-conductor beside it, which votes with those of the other sequencers (`Conductor`).
    Conducted,
}

/// The oldest sequencer of a network makes blocks. A later one waits, and goes on waiting when the other is gone: only
/// the user knows that its pod is, and says so by `stopped: false`.
pub fn mode(me: &Sibling, network: &Network, others: &[Sibling], honoured: &mut Honoured) -> SequencerMode {
    let wish = me.spec.op_node.sequencer.stopped;
    if !me.spec.sequences() {
        return SequencerMode::Off;
    }
    if network.ha_mode() != HaMode::Manual {
        if wish == Some(false) {
            honoured.refuse("spec.opNode.sequencer.stopped", "the network's spec.sequencer.ha.mode is not Manual, so every sequencer boots stopped; leave it out, or write true to keep this one from making blocks");
        }
        return match network.ha_mode() {
            // Without a vote it is never chosen.
            HaMode::Conductor if wish == Some(true) => SequencerMode::Stopped,
            HaMode::Conductor => SequencerMode::Conducted,
            HaMode::Operator | HaMode::Manual => SequencerMode::Operated,
        };
    }
    if wish == Some(true) {
        return SequencerMode::Stopped;
    }
    let mine = siblings::age(me);
    if let Some(first) = others.iter().find(|other| siblings::is_active(other) && siblings::age(other) < mine) {
        return SequencerMode::Standby(format!(
            "{} makes the blocks of this network; two that do so fork the chain, so this one boots stopped. Set spec.opNode.sequencer.stopped: true to keep it as a standby",
            title(first)
        ));
    }
    if wish.is_none() && ["Standby", "Operated", "Conducted"].iter().any(|mode| me.status["sequencer"] == *mode) {
        return SequencerMode::Standby(
            "this one stood by for another sequencer, which is gone. Set spec.opNode.sequencer.stopped: false once its pod is known to have ended".into(),
        );
    }
    SequencerMode::Active
}
