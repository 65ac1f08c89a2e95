//! A proxy between an operator and its API server: it counts the calls, and makes those fail that a rule picks.
//!
//! Towards the operator it speaks plain HTTP/1.1, towards the API server TLS with the plane's authority. Headers go through, the
//! bearer token with them, so the API server sees the operator's own user.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use control_plane::ControlPlane;
use futures::{FutureExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    header::{self, HeaderMap},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::block_in_place};

use crate::{
    api,
    call::{Call, Class},
};

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answer = io::Result<Response<Body>>;

/// When a call is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The API server never hears of it.
    Before,
    /// The API server has done it; the operator never hears of that.
    After,
}

/// What becomes of a call.
#[derive(Clone)]
pub enum Fault {
    /// Nothing bad.
    None,
    /// The proxy answers in place of the API server, with this status.
    Answer(u16),
    /// The same, and `Retry-After` in seconds.
    Later(u16, u64),
    /// The connection is cut.
    Cut(Moment),
    /// Something is done to the world, and the connection is cut.
    Strike(Moment, Arc<dyn Fn() + Send + Sync>),
    /// The call is passed on after so long.
    Delay(Duration),
    /// A watch is answered by an event that says that its version is too old.
    Expired,
}

type Rule = Box<dyn Fn(&Call) -> Fault + Send + Sync>;

struct Book {
    rule: Rule,
    calls: Vec<Call>,
    counts: HashMap<&'static str, usize>,
    hits: usize,
}

struct Shared {
    upstream: reqwest::Client,
    base: String,
    book: Mutex<Book>,
    dropped: watch::Sender<u64>,
    busy: watch::Sender<usize>,
}

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Runtime,
}

impl Proxy {
    /// Starts a proxy before the plane's API server.
    pub fn start(plane: &ControlPlane) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let shared = Arc::new(Shared {
            upstream: api::client(plane)?,
            base: plane.url(),
            book: Mutex::new(Book::new(Box::new(|_| Fault::None))),
            dropped: watch::Sender::new(0),
            busy: watch::Sender::new(0),
        });
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, runtime })
    }

    /// A kubeconfig that leads through this proxy, in `directory`.
    pub fn kubeconfig(&self, directory: &Path, token: &str) -> Result<PathBuf> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "user", "namespace": "default"}}],
            "current-context": "proxy",
        });
        let path = directory.join(format!("kubeconfig-{}", self.address.port()));
        std::fs::write(&path, config.to_string()).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }

    /// Sets what becomes of calls from now on, and begins to count anew. The rule is asked once for each call, in order.
    pub fn rule(&self, rule: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
        *self.shared.book() = Book::new(Box::new(rule));
    }

    /// Lets everything through from now on. The count goes on.
    pub fn calm(&self) {
        self.shared.book().rule = Box::new(|_| Fault::None);
    }

    /// Lets everything through, and begins to count anew.
    pub fn count(&self) {
        self.rule(|_| Fault::None);
    }

    /// The calls of a class since the rule was set.
    pub fn calls(&self, class: Class) -> Vec<Call> {
        self.shared.book().calls.iter().filter(|call| call.class == class).cloned().collect()
    }

    /// How many calls the rule has hit.
    pub fn hits(&self) -> usize {
        self.shared.book().hits
    }

    /// Cuts every watch, be it in the middle or not begun yet.
    pub fn drop_watches(&self) {
        self.shared.dropped.send_modify(|count| *count += 1);
    }

    /// Returns when no call but watches is under way any more.
    pub fn wait_idle(&self, within: Duration) -> Result<()> {
        let mut busy = self.shared.busy.subscribe();
        let idle = async { tokio::time::timeout(within, busy.wait_for(|busy| *busy == 0)).await.map(|_| ()) };
        self.runtime.block_on(idle).context("calls are under way for too long")
    }
}

impl Book {
    fn new(rule: Rule) -> Self {
        Self { rule, calls: Vec::new(), counts: HashMap::new(), hits: 0 }
    }

    /// Enters a call and says what becomes of it.
    fn enter(&mut self, mut call: Call) -> Fault {
        let class = match call.class {
            Class::Watch => "watch",
            Class::List => "list",
            Class::Discovery => "discovery",
            Class::Lease => "lease",
            Class::Turn => "turn",
            Class::Work => "work",
        };
        let count = self.counts.entry(class).or_default();
        *count += 1;
        call.number = *count;
        let fault = (self.rule)(&call);
        self.hits += usize::from(!matches!(fault, Fault::None));
        self.calls.push(call);
        fault
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, request: Request<Incoming>) -> Answer {
        let uri = request.uri();
        let call = Call::of(request.method().as_str(), uri.path(), uri.query().unwrap_or_default());
        let lasts = call.class == Class::Watch;
        // An operator that was killed has given its calls up, but they may still be on their way to the API server.
        let _busy = (!lasts).then(|| Busy::new(&self.busy));
        let fault = self.book().enter(call);
        match fault {
            Fault::None => {}
            Fault::Answer(status) => return Ok(refusal(status, None)),
            Fault::Later(status, after) => return Ok(refusal(status, Some(after))),
            Fault::Delay(time) => {
                // A watch that waits is a watch: it is dropped with the others.
                let mut dropped = self.dropped.subscribe();
                tokio::select! {
                    () = tokio::time::sleep(time) => {}
                    Ok(()) = dropped.changed(), if lasts => return cut(),
                }
            }
            Fault::Expired => return Ok(expired()),
            Fault::Cut(Moment::Before) => return cut(),
            Fault::Strike(Moment::Before, strike) => {
                block_in_place(|| strike());
                return cut();
            }
            Fault::Cut(Moment::After) => {
                self.forward(request, false).await?;
                return cut();
            }
            Fault::Strike(Moment::After, strike) => {
                self.forward(request, false).await?;
                block_in_place(|| strike());
                return cut();
            }
        }
        self.forward(request, lasts).await
    }

    async fn forward(&self, request: Request<Incoming>, lasts: bool) -> Answer {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let upstream = self
            .upstream
            .request(head.method.clone(), format!("{}{target}", self.base))
            .headers(without_hops(&head.headers))
            .body(body)
            .send()
            .await
            .map_err(io::Error::other)?;
        let (status, headers) = (upstream.status(), without_hops(upstream.headers()));
        let body = if lasts {
            stream_of(upstream, self.dropped.subscribe())
        } else {
            Full::new(upstream.bytes().await.map_err(io::Error::other)?).map_err(|never| match never {}).boxed_unsync()
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// Counts a call that is under way.
struct Busy<'a>(&'a watch::Sender<usize>);

impl<'a> Busy<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((connection, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            // Requests are served in tasks of their own: they go on when their connection ends, as they do at an API server.
            let service = service_fn(move |request| {
                let shared = shared.clone();
                let served = tokio::spawn(async move { shared.serve(request).await });
                served.map(|answer| answer.map_err(io::Error::other)?)
            });
            // Ends badly whenever a rule cuts it.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

/// An error of the service ends the connection without an answer.
fn cut() -> Answer {
    Err(io::ErrorKind::ConnectionReset.into())
}

/// Headers that are about one connection and not about the request. The length is that of the body, which stays.
fn without_hops(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for hop in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TE] {
        headers.remove(hop);
    }
    headers
}

/// A body that goes on as long as the API server's, or until watches are dropped.
fn stream_of(upstream: reqwest::Response, dropped: watch::Receiver<u64>) -> Body {
    let chunks = stream::unfold(Some((upstream, dropped)), |state| async move {
        let (mut upstream, mut dropped) = state?;
        tokio::select! {
            chunk = upstream.chunk() => match chunk {
                Ok(Some(chunk)) => Some((Ok(Frame::data(chunk)), Some((upstream, dropped)))),
                Ok(None) => None,
                Err(error) => Some((Err(io::Error::other(error)), None)),
            },
            _ = dropped.changed() => Some((Err(io::ErrorKind::ConnectionReset.into()), None)),
        }
    });
    StreamBody::new(chunks).boxed_unsync()
}

fn refusal(code: u16, retry_after: Option<u64>) -> Response<Body> {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "code": code, "message": format!("{code} by the test's proxy"),
    });
    let mut answer = of_json(&status);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// How an API server usually says 410 to a watch: in its stream.
fn expired() -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": "Expired", "code": 410, "message": "too old resource version",
    });
    of_json(&json!({"type": "ERROR", "object": status}))
}

fn of_json(value: &serde_json::Value) -> Response<Body> {
    let text = Bytes::from(format!("{value}\n"));
    let mut answer = Response::new(Full::new(text).map_err(|never| match never {}).boxed_unsync());
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}
