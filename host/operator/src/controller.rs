//! Controllers: one for each kind, made when its CustomResourceDefinition appears.
//!
//! A controller outlives its plugin: while the plugin is not loaded, objects can still be deleted, and say why nothing else happens.

use opstack_core::ids::{GroupKind, Gvk, ObjectKey, PluginName};
use opstack_core::requeue::Requeue;
use rand::Rng;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, info, info_span};

use crate::cache::Keep;
use crate::context::Context;
use crate::hub::Wake;
use crate::named;
use crate::plugins::crd;
use crate::plugins::gate::Gate;
use crate::queue::Queue;
use crate::reconcile::{ServedKind, reconcile};

struct Controller {
    /// Name of the CustomResourceDefinition.
    crd: Arc<str>,
    served: Arc<ServedKind>,
    queue: Arc<Queue>,
    stop: CancellationToken,
}

/// All controllers.
pub struct Controllers {
    cx: Arc<Context>,
    running: Mutex<HashMap<GroupKind, Controller>>,
    workers: TaskTracker,
    stop: CancellationToken,
    concurrency: usize,
    gate: Arc<Gate>,
}

impl Controllers {
    /// No controllers yet; each will work on `concurrency` objects at once until `stop`.
    pub fn new(cx: Arc<Context>, concurrency: usize, gate: Arc<Gate>, stop: CancellationToken) -> Arc<Self> {
        let (running, workers) = (Mutex::default(), TaskTracker::new());
        Arc::new(Self { cx, running, workers, stop, concurrency, gate })
    }

    /// Looks at the CustomResourceDefinition of a name and starts, changes or stops its controller.
    pub fn consider(self: &Arc<Self>, crd: &ObjectKey) {
        let served = self.cx.hub.cache.get(crd).and_then(|entry| crd::served(&entry.parsed()));
        match served {
            Some(served) => self.start(served, &crd.name),
            None => self.stop_by_crd(&crd.name),
        }
    }

    fn start(self: &Arc<Self>, served: ServedKind, crd: &Arc<str>) {
        let kind = served.gvk.group_kind.clone();
        self.watch_all([served.clone()]);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&kind).is_some_and(|known| *known.served == served) {
            return;
        }
        let queue = match running.remove(&kind) {
            Some(old) => {
                old.stop.cancel();
                old.queue
            }
            None => Arc::default(),
        };
        info!(%kind, plugin = %served.plugin, "serving");
        let (served, stop) = (Arc::new(served), self.stop.child_token());
        let controller = Controller { crd: crd.clone(), served, queue: queue.clone(), stop };
        self.cx.hub.serve(kind.clone(), queue.clone(), Wake::OnIntent);
        for _ in 0..self.concurrency {
            let span = info_span!("controller", plugin = %controller.served.plugin);
            let work = self.clone().work(controller.served.clone(), queue.clone(), controller.stop.clone());
            self.workers.spawn(work.instrument(span));
        }
        self.cx.hub.cache.keys(&kind).into_iter().for_each(|key| queue.add(key));
        running.insert(kind, controller);
    }

    /// Watches all that the objects of some kinds are made of and look at; each once, with all that is to be kept of it.
    pub fn watch_all(&self, kinds: impl IntoIterator<Item = ServedKind>) {
        let mut needs: BTreeMap<Gvk, Keep> = BTreeMap::new();
        for served in kinds {
            let mut need = |kind: &Gvk, keep: Keep| {
                let known = needs.entry(kind.clone()).or_default();
                *known = known.or(keep);
            };
            need(&served.gvk, Keep { body: true, status: true });
            served.owns.iter().for_each(|kind| need(kind, Keep { body: false, status: true }));
            served.reads.iter().for_each(|kind| need(kind, Keep { body: true, status: false }));
        }
        // What is read by name is watched only where plugins own some: then its status is kept, too.
        let needs = needs.iter().filter(|(kind, keep)| keep.status || !named::is_named(&kind.group_kind));
        needs.for_each(|(kind, keep)| self.cx.hub.need(kind, *keep));
    }

    fn stop_by_crd(&self, crd: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> =
            running.iter().filter(|(_, c)| c.crd.as_ref() == crd).map(|(kind, _)| kind.clone()).collect();
        for kind in gone {
            if let Some(controller) = running.remove(&kind) {
                info!(%kind, "no longer serving");
                controller.stop.cancel();
                // Nobody reconciles its objects any more, so nobody else would.
                self.cx.hub.cache.keys(&kind).iter().for_each(|key| self.cx.forget(key));
                self.cx.hub.unserve(&kind);
            }
        }
    }

    /// Names every object of a kind.
    pub fn wake_all(&self, kind: &GroupKind) {
        for key in self.cx.hub.cache.keys(kind) {
            self.cx.hub.wake(&key);
        }
    }

    /// Kinds served at present.
    pub fn kinds(&self) -> Vec<Gvk> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().map(|controller| controller.served.gvk.clone()).collect()
    }

    /// The plugin behind a kind.
    pub fn plugin_of(&self, kind: &GroupKind) -> Option<PluginName> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(kind).map(|controller| controller.served.plugin.clone())
    }

    /// Watches kinds that were not served when they were first asked for.
    pub fn watch_again(&self) {
        let all: Vec<ServedKind> = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.values().map(|controller| controller.served.as_ref().clone()).collect()
        };
        self.watch_all(all);
    }

    /// Waits until the work at hand is done.
    pub async fn drained(&self) {
        self.workers.close();
        self.workers.wait().await;
    }

    async fn work(self: Arc<Self>, served: Arc<ServedKind>, queue: Arc<Queue>, stop: CancellationToken) {
        let kinds: Vec<_> = [&served.gvk]
            .into_iter()
            .chain(&served.owns)
            .chain(&served.reads)
            .map(|kind| kind.group_kind.clone())
            .collect();
        loop {
            let key = tokio::select! { key = queue.next() => key, () = stop.cancelled() => return };
            // Asked when there is something to do: the term in which this worker began to wait may be long over.
            let admitted = async {
                let term = self.cx.leader.leading().await;
                self.gate.admits(&served.plugin, term).await;
                // A picture with holes would make objects wait that need not.
                self.cx.hub.listed(&kinds).await;
                self.cx.enter(term).await
            };
            let within = tokio::select! {
                within = admitted => within,
                () = stop.cancelled() => return queue.done(key, Requeue::Behind, 0.0),
            };
            queue.begin(&key);
            let span = info_span!("reconcile", kind = %key.kind.kind, ns = %key.namespace, name = %key.name);
            let timer = self.cx.metrics.reconcile(served.plugin.as_str());
            let requeue = reconcile(&self.cx, &served, &key, queue.depth()).instrument(span).await;
            drop((timer, within));
            debug!(%key, ?requeue, "reconciled");
            queue.done(key, requeue, rand::rng().random());
        }
    }
}
