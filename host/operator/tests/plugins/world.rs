//! One replica of the operator, as much of it as brings plugins into service.

use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use opstack_core::answer::Facts as ClusterFacts;
use opstack_core::budget::Limits;
use opstack_core::ids::{Gvk, ObjectKey, PluginName};
use opstack_core::requeue::Requeue;
use opstack_engine::{CompileLimits, Compiler, Engine, EngineConfig};
use opstack_operator::budgets::Budgets;
use opstack_operator::cache::Keep;
use opstack_operator::cache::facts::Facts;
use opstack_operator::chain::Chain;
use opstack_operator::cli::compile_worker;
use opstack_operator::context::Context;
use opstack_operator::controller::Controllers;
use opstack_operator::hub::{Hub, Wake};
use opstack_operator::kinds::{Kinds, Served};
use opstack_operator::leader::{self, Leader};
use opstack_operator::namespaces::Namespaces;
use opstack_operator::plugins::crd;
use opstack_operator::plugins::gate::Gate;
use opstack_operator::plugins::loader::{self, Loader};
use opstack_operator::plugins::service::{self, Service};
use opstack_operator::queue::Queue;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::api::Api;

pub const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/system/leases/opstack-leader";

/// A replica.
pub struct World {
    pub api: Api,
    pub cx: Arc<Context>,
    pub loader: Arc<Loader>,
    pub service: Arc<Service>,
    pub gate: Arc<Gate>,
    /// Of `Plugin` objects.
    pub queue: Arc<Queue>,
    pub dir: tempfile::TempDir,
}

/// This program's compiler, as a child with limits.
pub fn child(limits: CompileLimits) -> Compiler {
    Compiler::Child(compile_worker::compiler(env!("CARGO_BIN_EXE_opstack").into(), limits))
}

/// An engine that keeps what it compiles in a directory.
pub fn engine(dir: &Path, compiler: Compiler) -> Engine {
    Engine::new(EngineConfig { cache_dir: Some(dir.into()), compiler, ..EngineConfig::default() }).unwrap()
}

impl World {
    /// A replica that waits for the Lease, which another one holds.
    pub async fn standby() -> Self {
        let config = leader::Config {
            namespace: "system".into(),
            name: leader::LEASE.into(),
            identity: "this".into(),
            duration: Duration::from_secs(5),
            is_first: false,
        };
        let world = Self::new(Leader::new(config), CompileLimits::default()).await;
        let spec = json!({"holderIdentity": "another", "leaseDurationSeconds": 3600, "leaseTransitions": 7});
        let metadata = json!({"name": "opstack-leader", "namespace": "system"});
        let lease =
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
        world.api.put(LEASE, lease);
        let (cx, client) = (world.cx.clone(), world.api.client.clone());
        tokio::spawn(async move { cx.leader.run(client, CancellationToken::new()).await });
        world
    }

    /// A replica that leads.
    pub async fn leading(limits: CompileLimits) -> Self {
        let config = leader::Config {
            namespace: "system".into(),
            name: leader::LEASE.into(),
            identity: "this".into(),
            duration: Duration::from_secs(15),
            is_first: true,
        };
        Self::new(Leader::alone(config), limits).await
    }

    async fn new(leader: Leader, limits: CompileLimits) -> Self {
        let (api, dir) = (Api::start().await, tempfile::tempdir().unwrap());
        let kinds = Arc::new(Kinds::default());
        for (kind, plural, namespaced) in [
            (loader::gvk(), "plugins", false),
            (crd::gvk(), "customresourcedefinitions", false),
            (Gvk::new("apps", "v1", "StatefulSet"), "statefulsets", true),
        ] {
            let gvk = GroupVersionKind::gvk(&kind.group_kind.group, &kind.version, &kind.group_kind.kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
            kinds.insert(kind, Served { resource, namespaced });
        }
        let (hub, leader) =
            (Hub::new(api.client.clone(), kinds, Facts::keyed([0; 32]), Namespaces::default()), Arc::new(leader));
        let cx = Arc::new(Context {
            chain: Chain::new(hub.clone(), leader.clone(), "cluster.local", opstack_prober::Config::default()),
            budgets: Budgets::new(Limits::default(), hub.clone()),
            hub,
            registry: Arc::default(),
            leader,
            metrics: Arc::default(),
            facts: Arc::new(ClusterFacts {
                cluster_domain: "cluster.local".into(),
                operator_namespace: "system".into(),
                host_version: "0.1.0".into(),
                api_groups: vec![],
                host_image: "opstack".into(),
            }),
            baselines: Default::default(),
            written: Default::default(),
            turns: Default::default(),
            terms: Default::default(),
        });
        let own = loader::gvk();
        cx.hub.need(&own, Keep { body: true, status: false });
        cx.hub.listed(std::slice::from_ref(&own.group_kind)).await;
        let (gate, queue) = (Arc::<Gate>::default(), Arc::<Queue>::default());
        let controllers = Controllers::new(cx.clone(), 1, gate.clone(), CancellationToken::new());
        cx.hub.serve(loader::gvk().group_kind, queue.clone(), Wake::OnIntent);
        let service = Arc::new(Service::new(cx.clone(), controllers, gate.clone()));
        let engine = engine(&dir.path().join("cache"), child(limits));
        let loader = Arc::new(Loader::new(cx.clone(), service.clone(), engine));
        Self { api, cx, loader, service, gate, queue, dir }
    }

    /// Lets the other replica give the Lease back, and waits until this one has it. Gives the term.
    pub async fn gain(&self) -> u64 {
        let mut lease = self.api.get(LEASE).unwrap();
        lease["spec"]["holderIdentity"] = Value::Null;
        lease["metadata"]["annotations"][leader::RELEASED] = lease["spec"]["leaseTransitions"].to_string().into();
        self.api.put(LEASE, lease);
        self.cx.leader.leading().await
    }

    /// Lets another replica take the Lease, and waits until this one knows.
    pub async fn lose(&self) {
        let mut lease = self.api.get(LEASE).unwrap();
        lease["spec"]["holderIdentity"] = "another".into();
        self.api.put(LEASE, lease);
        self.cx.leader.subscribe().wait_for(Option::is_none).await.unwrap();
    }

    /// Lets a watch tell of an object.
    pub fn tell(&self, key: &ObjectKey, object: Value) {
        let keep = Keep { body: true, status: true };
        let entry = self.cx.hub.cache.entry(&key.kind, object, keep, &Facts::keyed([0; 32]));
        if let Some(change) = self.cx.hub.cache.put(entry) {
            self.cx.hub.route(&change);
        }
    }

    /// A `Plugin` object whose component is in a file, in this version of the file.
    pub fn plugin(&self, name: &str, component: &[u8], version: u32) -> ObjectKey {
        self.pinned(name, component, version, None)
    }

    /// The same with a digest that it must have.
    pub fn pinned(&self, name: &str, component: &[u8], version: u32, digest: Option<&str>) -> ObjectKey {
        let file = self.dir.path().join(format!("{name}-{version}.wasm"));
        std::fs::write(&file, component).unwrap();
        let key = service::key_of(&PluginName::parse(name).unwrap());
        let object = json!({
            "apiVersion": "optimism.io/v1alpha1",
            "kind": "Plugin",
            "metadata": {"name": name, "generation": version},
            "spec": {
                "source": {"path": file},
                "digest": digest,
                "grants": {"serves": [{"group": "test.org", "kind": "Fox"}]},
            },
        });
        let object = self.api.put(&path_of(&key), object);
        self.tell(&key, object);
        key
    }

    /// Looks at a `Plugin` object, and gives the conditions `Loaded` and `Ready` that were written.
    pub async fn reconcile(&self, key: &ObjectKey) -> (Requeue, [String; 2]) {
        let requeue = self.loader.reconcile(key).await;
        let object = self.api.get(&path_of(key)).unwrap();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let said = ["Loaded", "Ready"].map(|name| {
            let condition = conditions.iter().find(|condition| condition["type"] == name);
            condition.map_or_else(String::new, |one| {
                format!("{}: {}", one["status"].as_str().unwrap(), one["reason"].as_str().unwrap())
            })
        });
        (requeue, said)
    }

    /// The version of a plugin that is in service.
    pub fn serving(&self, name: &str) -> Option<String> {
        let serving = self.cx.registry.get(&PluginName::parse(name).unwrap())?;
        Some(serving.manifest().unwrap().version.clone())
    }

    /// Puts the definition of a kind into the cluster, as a plugin has it installed.
    pub fn installed(&self, component: &[u8], change: impl Fn(&mut Value)) -> ObjectKey {
        let engine = Engine::new(EngineConfig::default()).unwrap();
        let serving = loader::trusted(&engine, component).unwrap();
        let mut crd = crd::dressed(serving.manifest().unwrap(), &serving.name).unwrap();
        change(&mut crd);
        self.define(crd)
    }

    /// The same as it is given.
    pub fn define(&self, crd: Value) -> ObjectKey {
        let name = crd["metadata"]["name"].as_str().unwrap().to_string();
        let key = ObjectKey::new(crd::gvk().group_kind, "", &name);
        let crd = self.api.put(&definition(&name), crd);
        self.tell(&key, crd);
        key
    }

    /// Whether somebody is named within a moment.
    pub async fn is_named(&self, key: &ObjectKey) -> bool {
        let named = tokio::time::timeout(Duration::from_secs(5), self.queue.next()).await;
        let Ok(named) = named else { return false };
        self.queue.done(named.clone(), Requeue::Await, 0.0);
        named == *key
    }
}

pub fn path_of(plugin: &ObjectKey) -> String {
    format!("/apis/optimism.io/v1alpha1/plugins/{}", plugin.name)
}

pub fn definition(name: &str) -> String {
    format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
}
