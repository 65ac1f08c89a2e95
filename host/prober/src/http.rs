//! HTTP as the prober needs it: nothing followed, nothing retried, nothing unbounded, no URL in an error.

use opstack_core::probe::Target;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, redirect, retry};
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{EndpointUrl, Host};
use crate::failure::{Failure, shown};
use crate::names::Names;
use crate::reach::{Reach, Refused, Side};
use crate::slots::{Class, Slot, Slots};

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up the HTTP client")]
pub struct SetupError(#[from] reqwest::Error);

const USER_AGENT: &str = concat!("opstack/", env!("CARGO_PKG_VERSION"));
/// A connection serves the questions of one round. Kept till the next, each of thousands of pods would hold its buffers,
/// and a question would meet connections of which the server is tired.
const IDLE: Duration = Duration::from_secs(3);
/// How long a connection for an action may take. What fails here was surely not sent.
const ACTION_CONNECT: Duration = Duration::from_secs(3);

/// From this size on a body is read only while it holds one of [`LARGE_BODIES`] slots.
const LARGE: usize = 64 * 1024;
/// Large bodies in memory at once, beside one of each namespace.
const LARGE_BODIES: usize = 16;
/// How much a server may send ahead of what is read, in bytes.
const AHEAD: u32 = 64 * 1024;
/// Where the environment may name a proxy for URLs.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Two clients: what lives in the cluster is asked directly, the world through the proxy of the environment, if any.
#[derive(Clone)]
pub(crate) struct Http {
    inside: Client,
    outside: Client,
    /// URLs may go to a proxy, which then finds their names.
    proxied: bool,
    reach: Arc<Reach>,
    names: Arc<Names>,
    large: Slots,
}

/// The way to an endpoint that may be asked.
#[derive(Clone)]
pub(crate) struct Way {
    client: Client,
    pub(crate) url: EndpointUrl,
    namespace: Arc<str>,
    large: Slots,
}

impl Http {
    /// For questions: connections are kept.
    pub(crate) fn for_probes(reach: &Reach) -> Result<Self, SetupError> {
        Self::new(reach, Names::of_system(), |client| client.pool_idle_timeout(IDLE))
    }

    /// For actions: each has its own connection, for on a kept one it may stay unknown whether a call arrived.
    pub(crate) fn for_actions(reach: &Reach) -> Result<Self, SetupError> {
        let tune = |client: ClientBuilder| client.pool_max_idle_per_host(0).connect_timeout(ACTION_CONNECT);
        Self::new(reach, Names::of_system(), tune)
    }

    fn new(
        reach: &Reach,
        names: Arc<Names>,
        tune: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, SetupError> {
        // The client panics where a process has no provider of cryptography. An error means that it has one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reach = Arc::new(reach.clone());
        // A redirect would repeat a call elsewhere, and show the URL to whom it doesn't concern.
        let builder = |side| {
            let guard = Guard { side, reach: reach.clone(), names: names.clone() };
            let client = Client::builder().user_agent(USER_AGENT).redirect(redirect::Policy::none());
            let client = client.http2_initial_stream_window_size(AHEAD).http2_initial_connection_window_size(AHEAD);
            tune(client.referer(false).retry(retry::never()).dns_resolver(guard))
        };
        let inside = build(&|| builder(Side::Inside).no_proxy())?;
        let outside = build(&|| builder(Side::Outside))?;
        let proxied = PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        Ok(Self { inside, outside, proxied, reach, names, large: Slots::new(LARGE_BODIES, 1) })
    }

    /// Finds the way to an endpoint, on behalf of a namespace. Fails if its address may not be asked.
    pub(crate) async fn way(&self, namespace: &Arc<str>, target: &Target, url: &EndpointUrl) -> Result<Way, Failure> {
        let side = Side::of(target);
        let found = match url.host() {
            Host::Address(address) => Some(Arc::from([address])),
            Host::Name(_) if side == Side::Outside && self.proxied => None,
            Host::Name(name) => {
                let found = self.names.find(namespace, name).await;
                Some(found.map_err(|error| unresolved(&error, url))?)
            }
        };
        if let Some(found) = found {
            self.reach.permitted(side, &found).map_err(|refused| Failure::Unreachable(refused.to_string()))?;
        }
        let client = match side {
            Side::Inside => &self.inside,
            Side::Outside => &self.outside,
        };
        let (client, url, namespace) = (client.clone(), url.clone(), namespace.clone());
        Ok(Way { client, url, namespace, large: self.large.clone() })
    }
}

fn unresolved(error: &io::Error, url: &EndpointUrl) -> Failure {
    Failure::Unreachable(format!("name not resolved: {}", shown(&url.scrub_error(&error.to_string()))))
}

/// Lets the client dial only what may be asked. It is asked at each connection, so a name that leads elsewhere a moment
/// after [`Http::way`] has looked at it leads nowhere.
struct Guard {
    side: Side,
    reach: Arc<Reach>,
    names: Arc<Names>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (side, reach, names) = (self.side, self.reach.clone(), self.names.clone());
        Box::pin(async move {
            // Whoever asks has just looked it up; but for a proxy's name.
            let found = names.find(&"".into(), name.as_str()).await?;
            let permitted = reach.permitted(side, &found)?;
            Ok(Box::new(permitted.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

impl Reach {
    /// Those of a name's addresses that may be asked.
    fn permitted(&self, side: Side, found: &[IpAddr]) -> Result<Vec<IpAddr>, Refused> {
        let judged: Vec<_> = found.iter().map(|address| self.check(side, *address).map(|()| *address)).collect();
        if let Some(Err(refused)) = judged.first().filter(|_| judged.iter().all(Result::is_err)) {
            return Err(*refused);
        }
        Ok(judged.into_iter().flatten().collect())
    }
}

/// An image without CA certificates can still ask what is in the cluster, over plain HTTP.
fn build(builder: &dyn Fn() -> ClientBuilder) -> Result<Client, reqwest::Error> {
    builder().build().or_else(|error| {
        tracing::warn!(%error, "no https endpoint can be asked");
        let nobody = rustls::RootCertStore::empty();
        let config = rustls::ClientConfig::builder().with_root_certificates(nobody).with_no_client_auth();
        builder().tls_backend_preconfigured(config).build()
    })
}

/// A response's status and as much of its body as was wanted.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: Body,
}

/// A body in memory. A large one counts as such until it is dropped.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    _large: Option<Slot>,
}

/// What to do with a body that is too long.
#[derive(Clone, Copy)]
pub(crate) enum Excess {
    Cut,
    Refuse,
}

pub(crate) async fn get(way: &Way, limit: usize, excess: Excess) -> Result<Page, Failure> {
    let Way { client, url, .. } = way;
    let response = client.get(url.url().clone()).send().await.map_err(|error| failure(error, url))?;
    let status = response.status().as_u16();
    Ok(Page { status, body: read(response, way, limit, excess).await? })
}

/// Posts JSON and reads the body of an answer with a good status.
pub(crate) async fn post(way: &Way, json: String, limit: usize) -> Result<Body, Failure> {
    let Way { client, url, .. } = way;
    let request = client.post(url.url().clone()).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = request.body(json).send().await.map_err(|error| failure(error, url))?;
    if !response.status().is_success() {
        // Its body stays unread: error pages like to repeat the path, which may be a key.
        return Err(Failure::Status(response.status().as_u16()));
    }
    read(response, way, limit, Excess::Refuse).await
}

async fn read(mut response: Response, way: &Way, limit: usize, excess: Excess) -> Result<Body, Failure> {
    let (mut bytes, mut large) = (Vec::new(), None);
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, &way.url))? {
        if large.is_none() && bytes.len() + chunk.len() > LARGE {
            large = Some(way.large.take(&way.namespace, Class::Prompt).await);
        }
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit {
            match excess {
                Excess::Refuse => return Err(Failure::TooLarge(limit)),
                Excess::Cut => {
                    bytes.truncate(limit);
                    break;
                }
            }
        }
    }
    Ok(Body { bytes, _large: large })
}

/// The innermost cause says most, and is about sockets, names or certificates, not about URLs.
fn failure(error: reqwest::Error, url: &EndpointUrl) -> Failure {
    let unreachable = error.is_connect();
    let error = error.without_url();
    let mut cause: &(dyn Error + 'static) = &error;
    let mut about = about(cause);
    while let Some(source) = cause.source() {
        cause = source;
        about = about.or_else(|| self::about(cause));
    }
    if cause.is::<Refused>() {
        return Failure::Unreachable(cause.to_string());
    }
    // A certificate says what it likes.
    let text = shown(&url.scrub_error(&cause.to_string()));
    let text = about.map_or(text.clone(), |about| format!("{about}: {text}"));
    if unreachable { Failure::Unreachable(text) } else { Failure::Broken(text) }
}

/// What a cause is about, where its text alone would not tell names and certificates from sockets. Plugins know these words.
fn about(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    if cause.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Some("TLS");
    }
    let text = cause.to_string();
    if text.starts_with("tls handshake") {
        return Some("TLS");
    }
    // The type is private to hyper-util (`client/legacy/connect/http.rs`), so its message has to do.
    text.starts_with("dns error").then_some("name not resolved")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A client that may ask 127.0.0.2 and not the rest of the loopback, and a name that leads there when it is first
    /// looked up, and elsewhere ever after.
    fn rebinding() -> (Http, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let look_up = move |_: &str| {
            let last = if count.fetch_add(1, Ordering::SeqCst) == 0 { 2 } else { 1 };
            Ok(vec![IpAddr::from([127, 0, 0, last])])
        };
        let reach = Reach { allow: vec!["127.0.0.2/32".parse().unwrap()], ..Reach::default() };
        (Http::new(&reach, Names::of(Arc::new(look_up)), |client| client.no_proxy()).unwrap(), asked)
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_when_it_is_dialed_leads_nowhere() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://rebinds.example:{}/", listener.local_addr().unwrap().port());
        let (http, asked) = rebinding();
        let url = EndpointUrl::plain(&url).unwrap();
        let way = http.way(&"ns".into(), &Target::Url(String::new()), &url).await.unwrap();
        // As if what was found has grown old.
        http.names.forget();
        let Err(Failure::Unreachable(why)) = get(&way, 1, Excess::Cut).await else { panic!("it was dialed") };
        assert!(why.starts_with("it leads to a loopback address"), "{why}");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert!(listener.accept().is_err(), "nobody came");
    }

    #[tokio::test]
    async fn only_the_addresses_of_a_name_that_may_be_asked_are_dialed() {
        let found = [[127, 0, 0, 1], [10, 0, 0, 7], [169, 254, 169, 254]].map(IpAddr::from);
        let permitted = |found: &[IpAddr]| Reach::default().permitted(Side::Outside, found).ok();
        assert_eq!(permitted(&found), Some(vec![IpAddr::from([10, 0, 0, 7])]));
        assert_eq!(permitted(&found[..1]), None);
    }
}
