//! The stages of a change to another execution client beside the one that serves.
//!
//! Pure: from what is remembered, what is wanted and what is seen to what comes next. A stage that is remembered was carried out:
//! the status that holds it is written after the objects.
//!
//! ```text
//!           another client is wanted           it is synced           it has served for a while
//!  Serving ──────────────────────────► Syncing ────────────► Moved ──────────────────────────► Serving
//!          ◄──────────────────────────         ◄────────────
//!             the old one is again           it fell behind, and the old one did not
//! ```

use opstack_sdk::kubernetes::APART;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::workloads::Execution;

/// How long the old workload stays after the Services left it, in seconds: until each node of the cluster knows of that, and what
/// was being answered is.
pub const LINGER_SECONDS: u64 = 15;

/// An execution client in a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// Name of the StatefulSet.
    pub name: String,
    /// Name of the client.
    pub client: String,
    /// What of the spec is this client's.
    pub spec: Execution,
}

/// Which workloads a node has. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// One, and it serves.
    Serving(Workload),
    /// The old one serves while the new one syncs.
    Syncing {
        /// It serves.
        old: Workload,
        /// It syncs.
        new: Workload,
        /// Since when it does; nothing before anybody was asked.
        since: Option<u64>,
    },
    /// The new one serves, and the old one is there still.
    Moved {
        /// It serves.
        new: Workload,
        /// It goes.
        old: Workload,
        /// When the Services moved.
        at: u64,
    },
}

/// What the spec wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of the client.
    pub client: String,
    /// What of the spec is the client's.
    pub spec: Execution,
    /// Whether a new client comes beside the old one.
    pub side_by_side: bool,
}

/// Names of a node's workloads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Name of the node, and of its first workload.
    pub node: String,
    /// In which workload each client was last: there its claims are.
    pub noted: BTreeMap<String, String>,
}

/// How many pods of a workload are at the chain's head, and labelled so: Services lead to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// One at least.
    pub some: bool,
    /// All that are wanted, and each by an answer of its own that is fresh.
    pub all: bool,
}

/// What is seen of two workloads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Of the old one.
    pub old: Synced,
    /// Of the new one.
    pub new: Synced,
    /// Time of the newest answer of any pod; nothing before anybody was asked.
    pub now: Option<u64>,
}

impl Wanted {
    fn at(self, name: String) -> Workload {
        Workload { name, client: self.client, spec: self.spec }
    }
}

impl Names {
    /// The workload for a client that comes beside the one called `taken`: the one where it was, a new one, or the first.
    pub fn beside(&self, client: &str, taken: &str) -> String {
        let noted = self.noted.get(client).cloned();
        // No node may be called so: it would share the keys of the workload.
        let new = || format!("{}{APART}{client}", self.node);
        noted
            .filter(|name| name != taken)
            .or_else(|| Some(new()).filter(|name| name != taken))
            .unwrap_or_else(|| self.node.clone())
    }
}

impl Stage {
    /// The workload that the Services lead to.
    pub fn serving(&self) -> &Workload {
        match self {
            Self::Serving(one) => one,
            Self::Syncing { old, .. } => old,
            Self::Moved { new, .. } => new,
        }
    }

    /// The other one, while there are two.
    pub fn beside(&self) -> Option<&Workload> {
        match self {
            Self::Serving(_) => None,
            Self::Syncing { new, .. } => Some(new),
            Self::Moved { old, .. } => Some(old),
        }
    }

    /// The one that has another client than the spec wants, or is about to go.
    pub fn old(&self) -> Option<&Workload> {
        match self {
            Self::Serving(_) => None,
            Self::Syncing { old, .. } | Self::Moved { old, .. } => Some(old),
        }
    }

    /// The stage as the spec wants it, before anything is seen. Whoever serves goes on; one that syncs and is not wanted any more
    /// goes.
    #[must_use]
    pub fn intend(self, wanted: Wanted, names: &Names) -> Self {
        if !wanted.side_by_side {
            return Self::Serving(wanted.at(self.into_serving().name));
        }
        match self {
            Self::Moved { new, old, at } if new.client == wanted.client => {
                Self::Moved { new: wanted.at(new.name), old, at }
            }
            stage if stage.serving().client == wanted.client => Self::Serving(wanted.at(stage.into_serving().name)),
            Self::Syncing { old, new, since } if new.client == wanted.client => {
                Self::Syncing { old, new: wanted.at(new.name), since }
            }
            stage => {
                let old = stage.into_serving();
                let name = names.beside(&wanted.client, &old.name);
                Self::Syncing { old, new: wanted.at(name), since: None }
            }
        }
    }

    /// The stage after what is seen. Services move where all pods are synced, or some are and of the others none; the old workload
    /// goes when the new one has served for [`LINGER_SECONDS`].
    #[must_use]
    pub fn advance(self, seen: &Seen) -> Self {
        // Without an answer of anybody nothing is known, and nothing changes.
        let Some(now) = seen.now else { return self };
        match self {
            Self::Syncing { old, new, .. } if seen.new.all || seen.new.some && !seen.old.some => {
                Self::Moved { new, old, at: now }
            }
            Self::Syncing { old, new, since } => Self::Syncing { old, new, since: since.or(Some(now)) },
            Self::Moved { new, old, .. } if seen.old.some && !seen.new.some => {
                Self::Syncing { old, new, since: Some(now) }
            }
            Self::Moved { new, at, .. } if seen.new.all && now >= at + LINGER_SECONDS => Self::Serving(new),
            stage => stage,
        }
    }

    fn into_serving(self) -> Workload {
        match self {
            Self::Serving(one) => one,
            Self::Syncing { old, .. } => old,
            Self::Moved { new, .. } => new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Synced = Synced { some: true, all: true };
    const SOME: Synced = Synced { some: true, all: false };
    const NONE: Synced = Synced { some: false, all: false };

    fn names(noted: &[(&str, &str)]) -> Names {
        let noted = noted.iter().map(|(client, name)| ((*client).into(), (*name).into())).collect();
        Names { node: "rep".into(), noted }
    }

    fn at(name: &str, client: &str) -> Workload {
        Workload { name: name.into(), client: client.into(), spec: Execution::default() }
    }

    fn wanted(client: &str) -> Wanted {
        Wanted { client: client.into(), spec: Execution::default(), side_by_side: true }
    }

    fn syncing() -> Stage {
        Stage::Syncing { old: at("rep", "geth"), new: at("rep--reth", "reth"), since: Some(5) }
    }

    fn moved(since: u64) -> Stage {
        Stage::Moved { new: at("rep--reth", "reth"), old: at("rep", "geth"), at: since }
    }

    fn seen(old: Synced, new: Synced, now: u64) -> Seen {
        Seen { old, new, now: Some(now) }
    }

    #[test]
    fn a_new_client_comes_beside_or_in_place() {
        let serving = || Stage::Serving(at("rep", "geth"));
        let comes = Stage::Syncing { old: at("rep", "geth"), new: at("rep--reth", "reth"), since: None };
        assert_eq!(serving().intend(wanted("reth"), &names(&[("geth", "rep")])), comes);
        let in_place = Wanted { side_by_side: false, ..wanted("reth") };
        assert_eq!(serving().intend(in_place.clone(), &names(&[])), Stage::Serving(at("rep", "reth")));
        assert_eq!(syncing().intend(in_place.clone(), &names(&[])), Stage::Serving(at("rep", "reth")));
        assert_eq!(moved(9).intend(in_place, &names(&[])), Stage::Serving(at("rep--reth", "reth")));
    }

    #[test]
    fn a_client_goes_where_its_claims_are_unless_somebody_is_there() {
        let noted = names(&[("geth", "rep"), ("reth", "rep--reth")]);
        for (taken, client, name) in [
            ("rep--reth", "geth", "rep"),
            ("rep", "reth", "rep--reth"),
            // It was changed in place.
            ("rep", "geth", "rep--geth"),
            ("rep--erigon", "erigon", "rep"),
        ] {
            assert_eq!(noted.beside(client, taken), name, "{client}");
        }
    }

    #[test]
    fn who_changes_their_mind_is_served_all_the_while() {
        let noted = names(&[("geth", "rep"), ("reth", "rep--reth")]);
        assert_eq!(syncing().intend(wanted("geth"), &noted), Stage::Serving(at("rep", "geth")));
        let third = Stage::Syncing { old: at("rep", "geth"), new: at("rep--erigon", "erigon"), since: None };
        assert_eq!(syncing().intend(wanted("erigon"), &noted), third);
        let back = Stage::Syncing { old: at("rep--reth", "reth"), new: at("rep", "geth"), since: None };
        assert_eq!(moved(9).intend(wanted("geth"), &noted), back);
        for stage in [syncing(), moved(9)] {
            assert_eq!(stage.clone().intend(wanted("reth"), &noted), stage, "the same again");
        }
    }

    #[test]
    fn services_move_to_what_is_synced_and_back_if_that_falls_out() {
        assert_eq!(syncing().advance(&seen(ALL, SOME, 10)), syncing());
        assert_eq!(syncing().advance(&seen(ALL, ALL, 10)), moved(10));
        assert_eq!(syncing().advance(&seen(NONE, SOME, 10)), moved(10), "better some than none");
        assert_eq!(syncing().advance(&seen(NONE, NONE, 10)), syncing());
        let back = Stage::Syncing { old: at("rep", "geth"), new: at("rep--reth", "reth"), since: Some(12) };
        assert_eq!(moved(10).advance(&seen(SOME, NONE, 12)), back);
        assert_eq!(moved(10).advance(&seen(NONE, NONE, 100)), moved(10));
    }

    #[test]
    fn the_old_one_goes_when_the_new_one_has_served_for_a_while() {
        let last = 10 + LINGER_SECONDS;
        assert_eq!(moved(10).advance(&seen(ALL, ALL, last - 1)), moved(10));
        assert_eq!(moved(10).advance(&seen(ALL, SOME, last)), moved(10));
        assert_eq!(moved(10).advance(&seen(ALL, ALL, last)), Stage::Serving(at("rep--reth", "reth")));
    }

    #[test]
    fn without_an_answer_nothing_changes() {
        for stage in [syncing(), moved(10)] {
            assert_eq!(stage.clone().advance(&Seen { old: NONE, new: ALL, now: None }), stage);
        }
    }
}
