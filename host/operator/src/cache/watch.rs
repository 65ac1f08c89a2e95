//! One watch: from the API server's stream to changes of the cache.

use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use opstack_core::ids::GroupKind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::facts::Facts;
use super::health::Health;
use super::{Cache, Change, Keep};

/// An object as it arrives: a JSON document, and the little metadata that the watcher asks for.
#[derive(Clone, Debug)]
pub struct Watched {
    metadata: ObjectMeta,
    /// The document.
    pub object: Value,
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = |field: &str| object["metadata"][field].as_str().map(ToString::to_string);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, object })
    }
}

impl Resource for Watched {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The longest pause before a watch that failed begins anew: what happens meanwhile is not seen.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A watch of one kind in the whole cluster.
pub struct Watch {
    /// What is watched.
    pub resource: ApiResource,
    /// What is kept of it.
    pub keep: Keep,
    health: Mutex<Health>,
}

impl Watch {
    /// A watch that is not yet running.
    pub fn new(resource: ApiResource, keep: Keep) -> Self {
        Self { resource, keep, health: Mutex::default() }
    }

    /// How long the watch has been failing; nothing while it is well.
    pub fn failing_for(&self) -> Option<Duration> {
        self.health().failing_for(Instant::now())
    }

    /// Follows the kind for ever; every change of the cache goes to `on_change`.
    ///
    /// A watch that fails begins anew with a list. To resume it where it was would spare the list, but a watch that was resumed
    /// and in which nothing happens can't be told from one that still waits to be.
    pub async fn run(
        &self,
        client: Client,
        cache: Arc<Cache>,
        facts: Facts,
        on_change: impl Fn(Change),
        on_listed: impl Fn(),
    ) {
        let kind = GroupKind::new(&self.resource.group, &self.resource.kind);
        let api = Api::<Watched>::all_with(client, &self.resource);
        let config = selection(&kind);
        let mut pauses = watcher::DefaultBackoff::default();
        loop {
            let stream = Box::pin(watcher(api.clone(), config.clone()).default_backoff());
            let Some(error) = self.follow(stream, &kind, &cache, &facts, &on_change, &on_listed).await else { return };
            warn!(%kind, %error, "watch failed; it begins anew");
            // Who may list and may not watch would list all the time.
            if self.health().failed(Instant::now()) && !is_forbidden(&error) {
                pauses.reset();
            }
            sleep(pauses.next().map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))).await;
        }
    }

    /// Follows one stream until it fails.
    async fn follow(
        &self,
        mut stream: impl Stream<Item = watcher::Result<watcher::Event<Watched>>> + Unpin,
        kind: &GroupKind,
        cache: &Cache,
        facts: &Facts,
        on_change: impl Fn(Change),
        on_listed: impl Fn(),
    ) -> Option<watcher::Error> {
        let entry = |watched: Watched| cache.entry(kind, watched.object, self.keep, facts);
        let mut listed = Vec::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => listed.push(entry(object)),
                Ok(watcher::Event::InitDone) => {
                    debug!(%kind, objects = listed.len(), "listed");
                    self.health().listed(Instant::now());
                    cache.replace(kind, std::mem::take(&mut listed)).into_iter().for_each(&on_change);
                    on_listed();
                }
                Ok(watcher::Event::Apply(object)) => cache.put(entry(object)).into_iter().for_each(&on_change),
                Ok(watcher::Event::Delete(object)) => cache.remove(&entry(object)).into_iter().for_each(&on_change),
                // The connection broke. The stream asks for another, and fails if it gets none.
                Err(error @ watcher::Error::WatchFailed(_)) => debug!(%kind, %error, "watch interrupted"),
                Err(error) => return Some(error),
            }
        }
        None
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.is_forbidden())
}

/// Which objects of a kind are looked at.
fn selection(kind: &GroupKind) -> watcher::Config {
    let config = watcher::Config::default().page_size(100);
    match kind.kind.as_ref() {
        // Helm keeps whole releases in Secrets; nobody refers to those.
        "Secret" if kind.group.is_empty() => config.fields("type!=helm.sh/release.v1"),
        // A cluster has many; those of workloads that were rendered are labelled.
        "Pod" if kind.group.is_empty() => config.labels(opstack_core::ids::WORKLOAD_LABEL),
        "CustomResourceDefinition" => config.labels(crate::plugins::crd::PLUGIN_LABEL),
        _ => config,
    }
}
