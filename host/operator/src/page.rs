//! A page for browsers that shows what there is: the files of `page/`, and `/view.json`, which they ask for again and again.
//!
//! It is read from the cache, so it costs the API server nothing, and nothing can be changed by it. It has a port of its own,
//! because it has no login: the admin server's port has to be open to the kubelet and to who collects metrics.

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use opstack_core::ids::GroupKind;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::cache::Entry;
use crate::context::Context;
use crate::hosts::{self, Hosts};
use crate::plugins::{crd, loader};
use crate::server;
use crate::view::declared::Declared;
use crate::view::{Part, Snapshot, View};

/// However many browsers ask, the cache is read so often at most.
const PACE: Duration = Duration::from_secs(1);

/// Path, type and text of each file.
const FILES: [(&str, &str, &str); 6] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/layout.js", "text/javascript; charset=utf-8", include_str!("page/layout.js")),
    ("/draw.js", "text/javascript; charset=utf-8", include_str!("page/draw.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// Nothing from elsewhere, nothing inline, no frame around it, no form in it.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// The page of a running operator.
pub struct Page {
    cx: Arc<Context>,
    admin: Arc<Admin>,
    /// Under which it is visited.
    hosts: Hosts,
    /// What was told last, and when.
    told: Mutex<Option<(Instant, Arc<str>)>>,
}

/// What `/view.json` says.
#[derive(Serialize)]
struct Told {
    /// Version of the operator.
    version: &'static str,
    /// Whether this replica is the one that writes.
    leader: bool,
    #[serde(flatten)]
    view: View,
}

impl Page {
    /// The page of an operator.
    pub fn new(cx: Arc<Context>, admin: Arc<Admin>, hosts: Hosts) -> Arc<Self> {
        Arc::new(Self { cx, admin, hosts, told: Mutex::default() })
    }

    /// Serves until `stop`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let mut router = Router::new().route("/view.json", get(view));
        for (path, kind, text) in FILES {
            router = router.route(path, get(move || async move { (HEADERS, [(CONTENT_TYPE, kind)], text) }));
        }
        let known = from_fn_with_state(self.hosts.clone(), hosts::check);
        server::serve(listener, router.with_state(self).layer(known), stop).await;
    }

    /// What there is, read at most so long ago as [`PACE`] says.
    async fn tell(&self) -> Arc<str> {
        let mut told = self.told.lock().await;
        if let Some((_, text)) = told.as_ref().filter(|(when, _)| when.elapsed() < PACE) {
            return text.clone();
        }
        let (cx, warnings) = (self.cx.clone(), self.admin.unready().into_iter().collect());
        let read = tokio::task::spawn_blocking(move || {
            let leader = cx.leader.check().is_ok();
            let told = Told { version: env!("CARGO_PKG_VERSION"), leader, view: snapshot(&cx, warnings).view() };
            serde_json::to_string(&told).unwrap_or_default()
        });
        // It fails only while the process ends.
        let text: Arc<str> = read.await.unwrap_or_default().into();
        *told = Some((Instant::now(), text.clone()));
        text
    }
}

async fn view(State(page): State<Arc<Page>>) -> impl IntoResponse {
    (HEADERS, [(CONTENT_TYPE, "application/json")], page.tell().await.to_string())
}

/// All that the operator knows.
fn snapshot(cx: &Context, warnings: Vec<String>) -> Snapshot {
    let cache = &cx.hub.cache;
    let documents = |kind: &GroupKind| cache.list(kind, None).into_iter().map(|entry| entry.parsed());
    let kinds: Vec<_> = documents(&crd::gvk().group_kind).filter_map(|crd| Declared::of(&crd)).collect();
    let pods = GroupKind::new("", "Pod");
    let pod = |entry: Arc<Entry>| Part::known(entry.key.clone(), entry.live.clone());
    let (mut objects, mut parts) = (vec![], cache.list(&pods, None).into_iter().map(pod).collect::<Vec<_>>());
    for declared in &kinds {
        for entry in cache.list(&declared.kind, None) {
            let made = cache.inventory(&entry.key, []).into_iter().filter(|(key, _)| key.kind != pods);
            parts.extend(made.map(|(key, live)| Part::known(key, live)));
            objects.push((declared.kind.clone(), entry.parsed()));
        }
    }
    let plugins = documents(&loader::gvk().group_kind).collect();
    Snapshot { now: Timestamp::now(), warnings, plugins, kinds, objects, parts }
}
