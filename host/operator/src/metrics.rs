//! Counters and histograms for Prometheus. Labels have few values: plugins, stages, outcomes; never an object's name.

use opstack_core::conditions::Standing;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    plugin: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    write: &'static str,
    outcome: &'static str,
}

type Seconds = Family<PluginLabels, Histogram>;

/// The operator's metrics.
pub struct Metrics {
    registry: Registry,
    reconciles: Family<OutcomeLabels, Counter>,
    reconcile_seconds: Seconds,
    render_seconds: Seconds,
    writes: Family<WriteLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram = || Histogram::new(exponential_buckets(0.000_1, 4.0, 9));
        let metrics = Self {
            registry: Registry::with_prefix("opstack"),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(histogram),
            render_seconds: Family::new_with_constructor(histogram),
            writes: Family::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("reconciles", "Reconciles by where the object stood afterwards", self.reconciles.clone());
        let help = "Time of a reconcile";
        registry.register_with_unit("reconcile", help, Unit::Seconds, self.reconcile_seconds.clone());
        let help = "Time of a plugin's call, instantiation included";
        registry.register_with_unit("render", help, Unit::Seconds, self.render_seconds.clone());
        registry.register("writes", "Writes to the API server", self.writes.clone());
        self
    }

    /// Counts a write.
    pub fn write(&self, write: &'static str, ok: bool) {
        self.writes.get_or_create(&WriteLabels { write, outcome: if ok { "ok" } else { "error" } }).inc();
    }

    /// Counts a reconcile by what it came to.
    pub fn standing(&self, plugin: &str, standing: &Standing) {
        let outcome = match standing {
            Standing::Ready => "ready",
            Standing::Progressing(..) => "progressing",
            Standing::Waiting(_) => "waiting",
            Standing::Invalid(_) => "invalid",
            Standing::Faulty { fault, .. } => fault.blame.as_str(),
            Standing::Paused => "paused",
            Standing::DeletionBlocked(_) => "deletion_blocked",
        };
        self.reconciles.get_or_create(&OutcomeLabels { plugin: plugin.into(), outcome }).inc();
    }

    /// Times a plugin's call until dropped.
    pub fn render(&self, plugin: &str) -> Timer {
        Timer::new(&self.render_seconds, plugin)
    }

    /// Times a reconcile until dropped.
    pub fn reconcile(&self, plugin: &str) -> Timer {
        Timer::new(&self.reconcile_seconds, plugin)
    }

    /// The text that Prometheus reads; `gauges` are appended lines measured now.
    pub fn text(&self, gauges: &[(String, f64)]) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode_registry(&mut text, &self.registry).is_err() {
            text.clear();
        }
        for (name, value) in gauges {
            text.push_str(&format!("opstack_{name} {value}\n"));
        }
        text.push_str("# EOF\n");
        text
    }
}

/// Observes the time from its making to its drop.
pub struct Timer {
    histogram: Histogram,
    begun: Instant,
}

impl Timer {
    fn new(family: &Seconds, plugin: &str) -> Self {
        let histogram = family.get_or_create(&PluginLabels { plugin: plugin.into() }).clone();
        Self { histogram, begun: Instant::now() }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.histogram.observe(self.begun.elapsed().as_secs_f64());
    }
}
