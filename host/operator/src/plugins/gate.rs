//! When objects may be reconciled: once the plugins that were there at the start are dealt with, and in each term of leadership once
//! their plugin has passed the guard of its kind.
//!
//! One plugin that takes long holds up the objects of its own kind. All others wait for it for a moment only, because a picture
//! with holes would make them wait for what is about to come.

use opstack_core::ids::PluginName;
use std::collections::BTreeSet;
use tokio::sync::watch;

#[derive(Default)]
struct State {
    /// Plugins that were there at the start and are neither loaded nor refused yet; nothing before they are known.
    loading: Option<BTreeSet<PluginName>>,
    /// They are dealt with, or have taken long enough.
    open: bool,
    /// They are dealt with, and their kinds served.
    settled: bool,
    /// Last term whose plugins went through the guard.
    term: Option<u64>,
    /// Of that term's plugins those of which it is not known yet whether they may serve.
    unclear: BTreeSet<PluginName>,
}

impl State {
    fn admits(&self, plugin: &PluginName, term: u64) -> bool {
        let is_loading = self.loading.as_ref().is_none_or(|loading| loading.contains(plugin));
        self.open && !is_loading && self.term >= Some(term) && !self.unclear.contains(plugin)
    }
}

/// The gate before all reconciles.
#[derive(Default)]
pub struct Gate(watch::Sender<State>);

impl Gate {
    /// These plugins are there at the start.
    pub fn expect(&self, plugins: BTreeSet<PluginName>) {
        self.0.send_modify(|state| state.loading = Some(plugins));
    }

    /// A plugin was loaded or refused.
    pub fn loaded(&self, plugin: &PluginName) {
        self.0.send_modify(|state| {
            state.loading.as_mut().map(|loading| loading.remove(plugin));
        });
    }

    /// Returns when all plugins that are expected were loaded or refused.
    pub async fn all_loaded(&self) {
        let all = |state: &State| state.loading.as_ref().is_some_and(BTreeSet::is_empty);
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(all).await;
    }

    /// What is not loaded by now is not waited for by others.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// The plugins of the start are dealt with and their kinds served, or that took far too long.
    pub fn settle(&self) {
        self.0.send_modify(|state| (state.open, state.settled) = (true, true));
    }

    /// Whether the plugins of the start are dealt with.
    pub fn is_settled(&self) -> bool {
        self.0.borrow().settled
    }

    /// A term begins, in which it is not known yet of these plugins whether they may serve.
    pub fn begin(&self, term: u64, unclear: BTreeSet<PluginName>) {
        self.0.send_modify(|state| (state.term, state.unclear) = (Some(term), unclear));
    }

    /// A plugin serves, or is refused.
    pub fn clear(&self, plugin: &PluginName) {
        self.0.send_modify(|state| _ = state.unclear.remove(plugin));
    }

    /// Returns when the objects of a plugin may be reconciled in a term.
    pub async fn admits(&self, plugin: &PluginName, term: u64) {
        let _ = self.0.subscribe().wait_for(|state| state.admits(plugin, term)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn admits(gate: &Gate, plugin: &str, term: u64) -> bool {
        gate.admits(&PluginName::parse(plugin).unwrap(), term).now_or_never().is_some()
    }

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<PluginName> {
        names.into_iter().map(|name| PluginName::parse(name).unwrap()).collect()
    }

    #[test]
    fn one_that_takes_long_holds_up_its_own_kind_alone() {
        let gate = Gate::default();
        gate.begin(1, BTreeSet::new());
        assert!(!admits(&gate, "quick", 1), "what there is at the start is not known yet");
        gate.expect(names(["quick", "bomb"]));
        gate.loaded(&PluginName::parse("quick").unwrap());
        assert!(gate.all_loaded().now_or_never().is_none());
        assert!(!admits(&gate, "quick", 1), "for a moment");
        gate.open();
        assert!(admits(&gate, "quick", 1) && admits(&gate, "of-another-time", 1));
        assert!(!admits(&gate, "bomb", 1));
        gate.loaded(&PluginName::parse("bomb").unwrap());
        assert!(admits(&gate, "bomb", 1) && gate.all_loaded().now_or_never().is_some());
    }

    #[test]
    fn each_term_has_its_own_guard() {
        let gate = Gate::default();
        gate.expect(BTreeSet::new());
        gate.open();
        gate.begin(1, BTreeSet::new());
        assert!(admits(&gate, "a", 1));
        assert!(!admits(&gate, "a", 2), "it passed in a term that is over");
        gate.begin(2, names(["a"]));
        assert!(!admits(&gate, "a", 2) && admits(&gate, "b", 2));
        gate.clear(&PluginName::parse("a").unwrap());
        assert!(admits(&gate, "a", 2));
    }
}
