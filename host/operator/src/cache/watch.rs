//! One watch: from the API server's stream to changes of the cache.

use futures::future::join_all;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource, PartialObjectMeta};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use opstack_core::ids::GroupKind;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// A watch of one kind, in the whole cluster or in some namespaces.
pub struct Watch {
    /// What is watched.
    pub resource: ApiResource,
    /// What is kept of it.
    pub keep: Keep,
    parts: Vec<Part>,
}

/// A namespace that is watched, or the whole cluster.
struct Part {
    namespace: Option<Arc<str>>,
    health: Mutex<Health>,
    listed: AtomicBool,
}

impl Part {
    fn new(namespace: Option<Arc<str>>) -> Self {
        Self { namespace, health: Mutex::default(), listed: AtomicBool::new(false) }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// A watch that is not yet running, of these namespaces; nothing stands for the whole cluster.
    pub fn new(resource: ApiResource, keep: Keep, namespaces: Vec<Option<Arc<str>>>) -> Self {
        Self { resource, keep, parts: namespaces.into_iter().map(Part::new).collect() }
    }

    /// How long the watch has been failing, in the namespace where it is worst; nothing while it is well.
    pub fn failing_for(&self) -> Option<Duration> {
        self.parts.iter().filter_map(|part| part.health().failing_for(Instant::now())).max()
    }

    /// Follows the kind for ever; every change of the cache goes to `on_change`.
    pub async fn run(
        &self,
        client: Client,
        cache: Arc<Cache>,
        facts: Facts,
        on_change: impl Fn(Change),
        on_listed: impl Fn(),
    ) {
        let parts =
            self.parts.iter().map(|part| self.run_part(part, client.clone(), &cache, &facts, &on_change, &on_listed));
        join_all(parts).await;
    }

    /// Follows the kind in one namespace, or in the whole cluster.
    ///
    /// A watch that fails begins anew with a list. To resume it where it was would spare the list, but a watch that was resumed
    /// and in which nothing happens can't be told from one that still waits to be.
    async fn run_part(
        &self,
        part: &Part,
        client: Client,
        cache: &Cache,
        facts: &Facts,
        on_change: impl Fn(Change),
        on_listed: impl Fn(),
    ) {
        let kind = GroupKind::new(&self.resource.group, &self.resource.kind);
        let mut pauses = watcher::DefaultBackoff::default();
        loop {
            let stream = stream(&kind, client.clone(), &self.resource, part.namespace.as_deref());
            let Some(error) = self.follow(part, stream, &kind, cache, facts, &on_change, &on_listed).await else {
                return;
            };
            warn!(%kind, namespace = part.namespace.as_deref(), %error, "watch failed; it begins anew");
            // Who may list and may not watch would list all the time.
            if part.health().failed(Instant::now()) && !is_forbidden(&error) {
                pauses.reset();
            }
            sleep(pauses.next().map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))).await;
        }
    }

    /// Follows one stream until it fails.
    #[allow(clippy::too_many_arguments, reason = "all but the first two are handed on as they are")]
    async fn follow(
        &self,
        part: &Part,
        mut stream: impl Stream<Item = Event> + Unpin,
        kind: &GroupKind,
        cache: &Cache,
        facts: &Facts,
        on_change: impl Fn(Change),
        on_listed: impl Fn(),
    ) -> Option<watcher::Error> {
        let entry = |watched: Watched| {
            let entry = cache.entry(kind, watched.object, self.keep, facts);
            if is_outlined(kind) { entry.outlined() } else { entry }
        };
        let mut listed = Vec::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => listed.push(entry(object)),
                Ok(watcher::Event::InitDone) => {
                    debug!(%kind, objects = listed.len(), "listed");
                    part.health().listed(Instant::now());
                    let namespace = part.namespace.as_deref();
                    cache.replace(kind, namespace, std::mem::take(&mut listed)).into_iter().for_each(&on_change);
                    part.listed.store(true, Ordering::Relaxed);
                    if self.parts.iter().all(|part| part.listed.load(Ordering::Relaxed)) {
                        cache.complete(kind);
                    }
                    on_listed();
                }
                Ok(watcher::Event::Apply(object)) => cache.put(entry(object)).into_iter().for_each(&on_change),
                Ok(watcher::Event::Delete(object)) => {
                    let last = Arc::new(entry(object));
                    cache.bury(last.clone());
                    cache.remove(&last).into_iter().for_each(&on_change);
                }
                // The connection broke. The stream asks for another, and fails if it gets none.
                Err(error @ watcher::Error::WatchFailed(_)) => debug!(%kind, %error, "watch interrupted"),
                Err(error) => return Some(error),
            }
        }
        None
    }
}

/// Whether of a kind only metadata are watched. A cluster has many ConfigMaps, of up to a megabyte each and of anybody; those
/// that a plugin looks up are read then.
pub fn is_outlined(kind: &GroupKind) -> bool {
    kind.group.is_empty() && kind.kind.as_ref() == "ConfigMap"
}

fn stream(
    kind: &GroupKind,
    client: Client,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> BoxStream<'static, Event> {
    let config = selection(kind);
    if is_outlined(kind) {
        // The type of the objects is what asks for metadata alone.
        let outlines: Api<PartialObjectMeta<Watched>> = api_in(client, resource, namespace);
        watcher(outlines, config).default_backoff().map_ok(outlined).boxed()
    } else {
        let whole: Api<Watched> = api_in(client, resource, namespace);
        watcher(whole, config).default_backoff().boxed()
    }
}

/// Objects of one namespace, or of the whole cluster.
fn api_in<T>(client: Client, resource: &ApiResource, namespace: Option<&str>) -> Api<T>
where
    T: Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}

/// What a watch tells.
type Event = watcher::Result<watcher::Event<Watched>>;

fn outlined(event: watcher::Event<PartialObjectMeta<Watched>>) -> watcher::Event<Watched> {
    match event {
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(outline(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
        watcher::Event::Apply(object) => watcher::Event::Apply(outline(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(outline(object)),
    }
}

fn outline(object: PartialObjectMeta<Watched>) -> Watched {
    let metadata = object.metadata;
    // A time that can't be told is the only thing that could fail.
    let told = serde_json::to_value(&metadata).unwrap_or_default();
    Watched { metadata, object: json!({"metadata": told}) }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.is_forbidden())
}

/// Which objects of a kind are looked at.
pub fn selection(kind: &GroupKind) -> watcher::Config {
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

#[cfg(test)]
mod tests {
    use super::*;
    use opstack_core::inventory::Live;

    #[test]
    fn an_outline_says_of_a_child_what_the_whole_says() {
        let whole = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2024-01-15T10:00:00Z",
                "annotations": {"opstack.optimism.io/owner": "OpNode.optimism.io/ns/a"},
                "managedFields": [{
                    "manager": "opstack/op-node", "operation": "Apply", "apiVersion": "v1", "time": "2024-01-15T10:00:00Z",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:b": {}, "f:a": {}, ".": {}}},
                }],
            },
        });
        let partial: PartialObjectMeta<Watched> = serde_json::from_value(whole.clone()).unwrap();
        let (outline, whole) = (Live::of(&outline(partial).object, false), Live::of(&whole, false));
        assert!(outline.fields_of("opstack/op-node").is_some());
        assert_eq!(format!("{outline:?}"), format!("{whole:?}"));
    }
}
