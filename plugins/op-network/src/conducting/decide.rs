//! The decision: what the operator does for op-conductor's cluster, and what it tells.
//!
//! ```text
//!   one is named founder ──► its op-conductor leads a cluster of one, paused
//!     ──► its op-node is started, from the highest block of all ──► the others join, one by one ──► it is resumed ──► formed
//! ```
//!
//! From then on op-conductor alone starts and stops sequencers. New ones join, those that are gone are taken out.
//!
//! What must stay true: nobody begins a second cluster beside one that may be there, and no sequencer is started before all
//! have said that they make no blocks and have no newer one. In doubt nothing is done.

use super::decision::{Decision, Record};
use super::seen::Seen;
use super::{forming, keeping};
use crate::sequencing::verdict::Standing;

/// Decides.
pub fn decide(mut record: Record, seen: &Seen) -> Decision {
    if seen.voters.is_empty() {
        return Decision::hold(record, Standing::NoSequencer, "the network has no OpNode of type sequencer");
    }
    let leaders: Vec<_> = seen.leaders().collect();
    match leaders.as_slice() {
        [] if record.formed => keeping::without_leader(record, seen),
        [] => forming::founding(record, seen),
        [(leader, said)] => {
            // A cluster that was there before: whoever formed it is done.
            record.formed |= record.founder.is_none() && said.members.len() > 1;
            if record.formed {
                keeping::formed(record, seen, leader, said)
            } else {
                forming::joining(record, seen, leader, said)
            }
        }
        several => {
            let names: Vec<_> = several.iter().map(|(leader, _)| leader.name()).collect();
            let message = format!(
                "the op-conductors of {} say that they lead; for a moment that may be so while the lead changes. If it stays so there are two clusters: see which one has the chain, and stop the others (spec.opNode.sequencer.stopped: true)",
                names.join(" and ")
            );
            Decision::hold(record, Standing::SeveralActive, message)
        }
    }
}
