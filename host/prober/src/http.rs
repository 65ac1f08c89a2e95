//! HTTP as the prober needs it: nothing followed, nothing retried, nothing unbounded, no URL in an error.

use opstack_core::probe::Target;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, redirect, retry};
use std::error::Error;
use std::io;
use std::time::Duration;

use crate::endpoint::EndpointUrl;
use crate::failure::Failure;

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

/// Two clients: what lives in the cluster is asked directly, the world through the proxy of the environment, if any.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    inside: Client,
    outside: Client,
}

impl Http {
    /// For questions: connections are kept.
    pub(crate) fn for_probes() -> Result<Self, SetupError> {
        Self::new(|client| client.pool_idle_timeout(IDLE))
    }

    /// For actions: each has its own connection, for on a kept one it may stay unknown whether a call arrived.
    pub(crate) fn for_actions() -> Result<Self, SetupError> {
        Self::new(|client| client.pool_max_idle_per_host(0).connect_timeout(ACTION_CONNECT))
    }

    fn new(tune: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Self, SetupError> {
        // The client panics where a process has no provider of cryptography. An error means that it has one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would repeat a call elsewhere, and show the URL to whom it doesn't concern.
        let builder = || {
            let client = Client::builder().user_agent(USER_AGENT).redirect(redirect::Policy::none());
            tune(client.referer(false).retry(retry::never()))
        };
        Ok(Self { inside: build(&|| builder().no_proxy())?, outside: build(&builder)? })
    }

    pub(crate) fn client(&self, target: &Target) -> &Client {
        match target {
            Target::Service { .. } | Target::Pods { .. } => &self.inside,
            Target::Url(_) | Target::SecretUrl(_) => &self.outside,
        }
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
    pub(crate) body: Vec<u8>,
}

/// What to do with a body that is too long.
#[derive(Clone, Copy)]
pub(crate) enum Excess {
    Cut,
    Refuse,
}

pub(crate) async fn get(client: &Client, url: &EndpointUrl, limit: usize, excess: Excess) -> Result<Page, Failure> {
    let response = client.get(url.url().clone()).send().await.map_err(|error| failure(error, url))?;
    let status = response.status().as_u16();
    Ok(Page { status, body: read(response, url, limit, excess).await? })
}

/// Posts JSON and reads the body of an answer with a good status.
pub(crate) async fn post(client: &Client, url: &EndpointUrl, json: String, limit: usize) -> Result<Vec<u8>, Failure> {
    let request = client.post(url.url().clone()).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = request.body(json).send().await.map_err(|error| failure(error, url))?;
    if !response.status().is_success() {
        // Its body stays unread: error pages like to repeat the path, which may be a key.
        return Err(Failure::Status(response.status().as_u16()));
    }
    read(response, url, limit, Excess::Refuse).await
}

async fn read(mut response: Response, url: &EndpointUrl, limit: usize, excess: Excess) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, url))? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            match excess {
                Excess::Refuse => return Err(Failure::TooLarge(limit)),
                Excess::Cut => {
                    body.truncate(limit);
                    break;
                }
            }
        }
    }
    Ok(body)
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
    let text = url.scrub_error(&cause.to_string());
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
