//! Wiring: from settings to a running operator.
//!
//! A standby does all of it but write: its watches run, its plugins are compiled, its queues fill; it only waits for the Lease.

use anyhow::Context as _;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use opstack_core::answer::Facts as ClusterFacts;
use opstack_core::ids::{ObjectKey, PluginName};
use opstack_core::requeue::Requeue;
use opstack_engine::{Engine, EngineConfig};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::Admin;
use crate::budgets::Budgets;
use crate::cache::Keep;
use crate::cache::facts::Facts;
use crate::chain::Chain;
use crate::cli::offline;
use crate::cli::run::{Args, SharedArgs};
use crate::context::Context;
use crate::controller::Controllers;
use crate::hosts::Hosts;
use crate::hub::{Hub, Wake};
use crate::kinds::Kinds;
use crate::leader::{self, Leader};
use crate::namespaces::Namespaces;
use crate::own;
use crate::page::Page;
use crate::plugins::gate::Gate;
use crate::plugins::loader::{self, Loader};
use crate::plugins::service::Service;
use crate::plugins::{Registry, crd};
use crate::queue::Queue;
use crate::telemetry;

/// How often what nobody looks up any more is dropped.
const SWEEP: Duration = Duration::from_secs(60);

/// How long a name of the operator is looked for at its start.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start: no cluster, no right to read, a bad setting.
pub async fn run(args: Args) -> anyhow::Result<()> {
    // Before traces: whoever sends them wants it.
    install_crypto();
    let _guard = telemetry::start(&args.log)?;
    let listener = TcpListener::bind(args.server.listen)
        .await
        .with_context(|| format!("--listen {}: failed to listen", args.server.listen))?;
    info!(address = %listener.local_addr()?, "serving /healthz, /readyz and /metrics");
    let page = match args.server.page {
        Some(address) => Some(page_listener(address).await?),
        None => None,
    };
    let client = Client::try_from(config(None).await?).context("failed to make a client of the cluster")?;
    let stop = stop_signal()?;
    let operator = Operator::new(&args, client, stop.clone()).await?;
    operator.run(args, listener, page).await
}

/// Chooses the cryptography of TLS for the process.
pub fn install_crypto() {
    // Fails only if it was chosen before, by the same choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How the cluster is reached: by a context of the kubeconfig, else by its present one, else as a pod of the cluster.
///
/// # Errors
/// When there is no such thing.
pub async fn config(context: Option<&str>) -> anyhow::Result<Config> {
    let mut config = match context {
        Some(name) => {
            let options = KubeConfigOptions { context: Some(name.into()), ..KubeConfigOptions::default() };
            Config::from_kubeconfig(&options).await.with_context(|| format!("failed to use the context {name:?}"))?
        }
        None => Config::infer().await.context("failed to find a cluster: set KUBECONFIG, or run inside one")?,
    };
    let agent = http::HeaderValue::from_static(concat!("opstack/", env!("CARGO_PKG_VERSION")));
    config.headers.push((http::header::USER_AGENT, agent));
    Ok(config)
}

async fn page_listener(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("--page {address}: failed to listen"))?;
    info!(address = %listener.local_addr()?, "serving the page");
    Ok(listener)
}

fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        info!("stopping: finishing the work at hand");
        token.cancel();
    });
    Ok(stop)
}

struct Operator {
    cx: Arc<Context>,
    controllers: Arc<Controllers>,
    loader: Arc<Loader>,
    service: Arc<Service>,
    gate: Arc<Gate>,
    stop: CancellationToken,
}

impl Operator {
    async fn new(args: &Args, client: Client, stop: CancellationToken) -> anyhow::Result<Self> {
        let kinds = Arc::new(Kinds::default());
        kinds.refresh(&client).await.context("failed to ask the API server what it serves")?;
        let key = own::fingerprint_key(&client, &args.namespace).await?;
        let facts = Facts::keyed(key.value);
        let config = EngineConfig {
            cache_dir: args.cache_dir.clone().or_else(offline::cache_dir),
            shipped_dir: args.compiled_dir.clone(),
            compiler: args.compiler.compiler()?,
            ..EngineConfig::default()
        };
        let engine = Engine::new(config).context("failed to start the WebAssembly engine")?;
        let cluster = ClusterFacts {
            cluster_domain: args.cluster_domain.clone(),
            operator_namespace: args.namespace.clone(),
            host_version: env!("CARGO_PKG_VERSION").into(),
            api_groups: kinds.groups().into_iter().collect(),
            host_image: args.image.clone(),
        };
        let leader = Arc::new(leader(args, key.is_new));
        let namespaces = Namespaces::new(&args.watch_namespaces, &args.namespace);
        let hub = Hub::new(client.clone(), kinds, facts, namespaces);
        let probing = probing(&args.shared).await;
        let cx = Arc::new(Context {
            chain: Chain::new(hub.clone(), leader.clone(), &args.cluster_domain, probing),
            budgets: Budgets::new(args.shared.limits(), hub.clone()),
            hub,
            registry: Arc::new(Registry::default()),
            leader,
            metrics: Arc::default(),
            facts: Arc::new(cluster),
            baselines: Default::default(),
            written: Default::default(),
            turns: Default::default(),
            terms: Default::default(),
        });
        let gate = Arc::<Gate>::default();
        let controllers = Controllers::new(cx.clone(), args.concurrency.max(1), gate.clone(), stop.clone());
        let service = Arc::new(Service::new(cx.clone(), controllers.clone(), gate.clone()));
        let loader = Arc::new(Loader::new(cx.clone(), service.clone(), engine));
        Ok(Self { cx, controllers, loader, service, gate, stop })
    }

    async fn run(self, args: Args, listener: TcpListener, page: Option<TcpListener>) -> anyhow::Result<()> {
        let operator = Arc::new(self);
        let admin = Admin::new(operator.cx.clone(), operator.gate.clone());
        if let Some(listener) = page {
            let page = Page::new(operator.cx.clone(), admin.clone(), Hosts::new(args.server.page_host.clone()));
            tokio::spawn(page.serve(listener, operator.stop.clone()));
        }
        let server = tokio::spawn(admin.clone().serve(listener, operator.stop.clone()));
        tokio::spawn({
            let (client, stop) = (operator.cx.hub.client.clone(), operator.stop.clone());
            async move { admin.ping(client, stop).await }
        });
        let lease = args.leader.leader_elect.then(|| {
            let (cx, stop) = (operator.cx.clone(), CancellationToken::new());
            let handle = tokio::spawn({
                let stop = stop.clone();
                async move { cx.leader.run(cx.hub.client.clone(), stop).await }
            });
            (handle, stop)
        });
        let hub = operator.cx.hub.clone();
        tokio::spawn(operator.clone().follow_crds());
        tokio::spawn(operator.clone().lead());
        tokio::spawn(operator.clone().resync(Duration::from_secs(args.resync_interval)));
        tokio::spawn(operator.clone().sweep());
        tokio::spawn(operator.clone().follow_plugins(args.plugins));
        tokio::spawn(async move { hub.named.run(&hub).await });
        operator.stop.cancelled().await;
        operator.controllers.drained().await;
        operator.cx.chain.stop().await;
        if let Some((handle, stop)) = lease {
            // Given back last: until the work at hand was done, it was ours.
            stop.cancel();
            handle.await.context("failed to give the lease back")?;
        }
        server.await.context("the admin server ended")?;
        Ok(())
    }

    /// What only a leader does: installs the operator's own kind, and lets plugins serve that were loaded on standby.
    async fn lead(self: Arc<Self>) {
        let mut terms = self.cx.leader.subscribe();
        loop {
            let Ok(Some(term)) = terms.wait_for(Option::is_some).await.map(|term| term.map(|term| term.token)) else {
                return;
            };
            while let Err(error) = self.install_own().await {
                warn!(%error, "failed to install the CustomResourceDefinition of Plugin; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let unclear = self.service.begin(term).await;
            self.watch_plugins().await;
            // Their statuses are the leader's to write.
            self.cx.hub.cache.keys(&loader::gvk().group_kind).iter().for_each(|key| self.cx.hub.wake(key));
            self.service.retry(unclear, term).await;
            // A term that was lost and gained again while nobody looked is another one.
            if terms.wait_for(|now| now.is_none_or(|now| now.token != term)).await.is_err() {
                return;
            }
        }
    }

    /// Looks at every object again now and then: a net under everything that should have woken it.
    async fn resync(self: Arc<Self>, interval: Duration) {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
        loop {
            ticks.tick().await;
            self.controllers.kinds().iter().for_each(|kind| self.controllers.wake_all(&kind.group_kind));
        }
    }

    /// Drops now and then what nobody looks up any more.
    async fn sweep(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(SWEEP);
        loop {
            ticks.tick().await;
            self.cx.hub.sweep();
        }
    }

    async fn install_own(&self) -> anyhow::Result<()> {
        self.cx.leader.during(own::install_kind(&self.cx.hub.client)).await?
    }

    /// Follows the CustomResourceDefinitions of plugins.
    async fn follow_crds(self: Arc<Self>) {
        let queue = Arc::new(Queue::default());
        let gvk = crd::gvk();
        self.cx.hub.serve(gvk.group_kind.clone(), queue.clone(), Wake::OnAny);
        self.cx.hub.need(&gvk, Keep { body: true, status: false });
        self.cx.hub.listed(std::slice::from_ref(&gvk.group_kind)).await;
        self.controllers.watch_all(
            self.cx.hub.cache.list(&gvk.group_kind, None).iter().filter_map(|crd| crd::served(&crd.parsed())),
        );
        loop {
            let key = queue.next().await;
            let served = self.cx.hub.cache.get(&key).and_then(|entry| crd::served(&entry.parsed()));
            let mut requeue = Requeue::Await;
            if let Some(served) = served
                && self.cx.hub.kinds.get(&served.gvk).is_none()
            {
                if let Err(error) = self.cx.hub.kinds.refresh(&self.cx.hub.client).await {
                    warn!(%error, "failed to ask the API server what it serves");
                }
                if self.cx.hub.kinds.get(&served.gvk).is_none() {
                    // Established, and not yet in the discovery document.
                    requeue = Requeue::Backoff;
                }
            }
            if requeue == Requeue::Await {
                self.controllers.consider(&key);
                self.controllers.watch_again();
                self.cx.hub.notify();
            }
            queue.done(key, requeue, rand::random());
        }
    }

    async fn watch_plugins(&self) {
        let gvk = loader::gvk();
        while self.cx.hub.kinds.get(&gvk).is_none() && !self.stop.is_cancelled() {
            if let Err(error) = self.cx.hub.kinds.refresh(&self.cx.hub.client).await {
                warn!(%error, "failed to ask the API server what it serves");
            }
            if self.cx.hub.kinds.get(&gvk).is_none() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        self.cx.hub.need(&gvk, Keep { body: true, status: false });
        self.cx.hub.need(&opstack_core::ids::Gvk::new("", "v1", "ConfigMap"), Keep { body: true, status: true });
    }

    /// Follows Plugin objects, each by itself. Those that are there at the start open the gate for all reconciles.
    async fn follow_plugins(self: Arc<Self>, dir: Option<std::path::PathBuf>) {
        let queue = Arc::new(Queue::default());
        let gvk = loader::gvk();
        self.cx.hub.serve(gvk.group_kind.clone(), queue.clone(), Wake::OnIntent);
        // A leader installs the kind; a standby sees it then.
        self.watch_plugins().await;
        let config_maps = opstack_core::ids::GroupKind::new("", "ConfigMap");
        self.cx.hub.listed(&[gvk.group_kind.clone(), config_maps]).await;
        if let Some(dir) = dir {
            self.loader.load_dir(&dir).await;
        }
        let keys = self.cx.hub.cache.keys(&gvk.group_kind);
        self.gate.expect(keys.iter().filter_map(|key| PluginName::parse(&key.name).ok()).collect());
        keys.into_iter().for_each(|key| queue.add(key));
        tokio::spawn(self.clone().open_gate());
        loop {
            let key: ObjectKey = queue.next().await;
            let (operator, queue) = (self.clone(), queue.clone());
            tokio::spawn(async move {
                let requeue = operator.loader.reconcile(&key).await;
                if let Ok(name) = PluginName::parse(&key.name) {
                    operator.gate.loaded(&name);
                }
                queue.done(key, requeue, rand::random());
            });
        }
    }

    /// Opens the gate when all plugins are loaded and their kinds are served, or when that takes long.
    async fn open_gate(self: Arc<Self>) {
        let served = async {
            self.gate.all_loaded().await;
            let mut listed = self.cx.hub.subscribe();
            loop {
                listed.borrow_and_update();
                let kinds = self.controllers.kinds();
                if self.service.kinds().iter().all(|kind| kinds.contains(kind)) || listed.changed().await.is_err() {
                    return;
                }
            }
        };
        let mut served = pin!(served);
        if tokio::time::timeout(SERVED_WITHIN, &mut served).await.is_err() {
            warn!("some plugins are not loaded yet, or their kinds not served; the objects of others go on");
            self.gate.open();
            if tokio::time::timeout(SETTLED_WITHIN, &mut served).await.is_err() {
                warn!("some plugins' kinds are still not served; see their Plugin objects");
            }
        }
        info!("plugins are loaded");
        self.gate.settle();
    }
}

/// How long all objects wait at the start for what plugins there are.
const SERVED_WITHIN: Duration = Duration::from_secs(20);
/// How much longer this replica is not ready for the sake of plugins that are compiled, two at a time.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// How chains are asked.
async fn probing(args: &SharedArgs) -> opstack_prober::Config {
    let (allow, deny) = (args.probe_allow.clone(), args.probe_deny.clone());
    let mut own = vec![];
    for address in args.own_address.iter().map(|address| address.trim()).filter(|address| !address.is_empty()) {
        match address.parse() {
            Ok(address) => own.push(address),
            // A Service's address is the same for as long as it lives.
            Err(_) => match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((address, 0))).await {
                Ok(Ok(found)) => own.extend(found.map(|found| found.ip())),
                _ => warn!(address, "--own-address was not found in DNS, so probes are not kept from it"),
            },
        }
    }
    let reach = opstack_prober::Reach { allow, deny, own };
    let (total, kept) = (args.probe_slots.into(), args.kept());
    opstack_prober::Config { total, kept, reach, ..Default::default() }
}

fn leader(args: &Args, is_first: bool) -> Leader {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_string();
    let config = leader::Config {
        namespace: args.namespace.clone(),
        name: leader::LEASE.into(),
        // Two processes of one host, or of one pod after a restart, are two holders.
        identity: format!("{}_{:08x}", args.leader.identity.clone().unwrap_or_else(host), rand::random::<u32>()),
        duration: args.leader.lease_duration,
        is_first,
    };
    if args.leader.leader_elect { Leader::new(config) } else { Leader::alone(config) }
}
