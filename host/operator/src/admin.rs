//! The admin server: `/healthz`, `/readyz`, `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use kube::Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::plugins::gate::Gate;
use crate::server;

/// A watch may fail for so long before what it fed counts as stale.
const STALE_AFTER: Duration = Duration::from_secs(30);
/// The API server may be silent for so long.
const SILENT_AFTER: Duration = Duration::from_secs(15);

/// What the endpoints look at.
pub struct Admin {
    cx: Arc<Context>,
    started: Instant,
    /// When the API server answered last, in milliseconds since the start.
    answered: AtomicU64,
    gate: Arc<Gate>,
}

impl Admin {
    /// An admin server for a running operator.
    pub fn new(cx: Arc<Context>, gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self { cx, started: Instant::now(), answered: AtomicU64::new(0), gate })
    }

    /// Serves until `stop`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let router = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self);
        server::serve(listener, router, stop).await;
    }

    /// Asks the API server now and then whether it is there: a watch can be silent for long without being broken.
    pub async fn ping(&self, client: Client, stop: CancellationToken) {
        let mut ticks = interval(SILENT_AFTER / 5);
        loop {
            tokio::select! { _ = ticks.tick() => {}, () = stop.cancelled() => return }
            if let Ok(Ok(_)) = timeout(SILENT_AFTER / 3, client.apiserver_version()).await {
                let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.answered.store(now, Ordering::Relaxed);
            }
        }
    }

    /// Why the operator's picture of the cluster may not be trusted; nothing if it may.
    pub fn unready(&self) -> Option<String> {
        if !self.gate.is_settled() {
            return Some("plugins are being loaded".into());
        }
        if let Some((kind, since)) = self.cx.hub.stale().filter(|(_, since)| *since > STALE_AFTER) {
            return Some(format!("the watch of {kind} has been failing for {} s", since.as_secs()));
        }
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        let silent = self.started.elapsed().saturating_sub(answered);
        (silent > SILENT_AFTER).then(|| format!("the API server has not answered for {} s", silent.as_secs()))
    }
}

async fn ready(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    match admin.unready() {
        None => (StatusCode::OK, "ok".to_string()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let mut gauges = vec![("leader".to_string(), f64::from(u8::from(admin.cx.leader.check().is_ok())))];
    let kind = |kind: &opstack_core::ids::GroupKind| format!("{{kind=\"{kind}\"}}");
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    gauges
        .extend(admin.cx.hub.cache.sizes().into_iter().map(|(k, n)| (format!("cached_objects{}", kind(&k)), count(n))));
    let texts = |size: &opstack_core::ids::GroupKind| admin.cx.hub.cache.bytes(size, None);
    let sizes = admin.cx.hub.cache.sizes().into_iter();
    gauges.extend(sizes.map(|(k, _)| (format!("cached_bytes{}", kind(&k)), count(texts(&k)))));
    gauges.extend(admin.cx.hub.depths().into_iter().map(|(k, n)| (format!("queue_depth{}", kind(&k)), count(n))));
    gauges.extend(admin.cx.chain.gauges());
    let body = admin.cx.metrics.text(&gauges);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], body)
}
