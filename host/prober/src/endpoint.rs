//! Where questions go, once a target is known to be somewhere; and how a secret URL stays secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use opstack_core::probe::{SecretKey, Target};
use reqwest::Url;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Finds the endpoints of a target, now. The operator implements it from its caches.
pub trait Resolve: Send + Sync {
    /// One endpoint for a Service, a URL or a secret URL; one for each running pod of a workload.
    ///
    /// An error is shown to the plugin that asked, so there must be no secret in it.
    fn resolve<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Vec<Endpoint>, String>>;
}

/// One place that can be asked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name of the pod for a `pods` target, else empty.
    pub pod: String,
    /// Its address.
    pub url: EndpointUrl,
}

/// A text that is no URL we can ask. Doesn't hold the text, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It doesn't parse.
    #[error("not a URL: {0}")]
    Malformed(String),
    /// More than one, as some programs take them.
    #[error("several URLs, and the operator asks one")]
    Several,
    /// Neither `http` nor `https`.
    #[error("only http and https URLs can be asked")]
    Scheme,
}

/// An `http` or `https` URL that can be shown, because showing it leaves out what may be secret.
#[derive(Clone)]
pub struct EndpointUrl {
    url: Url,
    shown: Arc<str>,
    /// Parts of a secret URL that give it away, longest first.
    telltales: Arc<[String]>,
}

/// Where a URL leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

/// What takes the place of a secret in a text.
const REDACTED: &str = "[redacted]";
/// Shorter path segments (`v3`, `mainnet`) are no keys, and cutting them out would spoil answers.
const SHORTEST_SEGMENT: usize = 12;
/// As [`SHORTEST_SEGMENT`], for the values in a query and for the user's name and password.
const SHORTEST_VALUE: usize = 6;

impl EndpointUrl {
    /// A URL that is no secret. Shown as scheme, host and port.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn plain(text: &str) -> Result<Self, InvalidUrl> {
        let url = parse(text)?;
        let shown = url.origin().ascii_serialization().into();
        Ok(Self { url, shown, telltales: Arc::default() })
    }

    /// A URL read from a Secret. Shown as the name of the key; what it is asked for is searched for pieces of the URL.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn secret(text: &str, key: &SecretKey) -> Result<Self, InvalidUrl> {
        let url = parse(text)?;
        let telltales = telltales(text, &url).into();
        Ok(Self { url, shown: secret_name(key).into(), telltales })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Where it leads. Numbers in all their forms are addresses: the parser has read them as such.
    pub(crate) fn host(&self) -> Host<'_> {
        let host = self.url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(host),
        }
    }

    /// Scheme, host and port: what shares a limit. Not to be shown.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// An answer without the secret: servers like to repeat the path in an error page.
    pub(crate) fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.telltales.iter().fold(Cow::Borrowed(text), |text, telltale| match text.contains(telltale) {
            true => Cow::Owned(text.replace(telltale, REDACTED)),
            false => text,
        })
    }

    /// An error's text without the secret, and without its host, which certificate errors name.
    pub(crate) fn scrub_error(&self, text: &str) -> String {
        let text = self.scrub(text);
        match self.url.host_str() {
            Some(host) if !self.telltales.is_empty() => text.replace(host, REDACTED),
            _ => text.into_owned(),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({})", self.shown)
    }
}

/// A target in logs: enough to find it, nothing secret. A plain URL may hold a key all the same.
pub(crate) fn target_name(target: &Target) -> String {
    match target {
        Target::Service { namespace, name, port, .. } => format!("service {namespace}/{name}:{port}"),
        Target::Pods { workload, port, .. } => format!("pods of {workload}, port {port}"),
        Target::Url(url) => EndpointUrl::plain(url).map_or_else(|error| error.to_string(), |url| url.to_string()),
        Target::SecretUrl(key) => secret_name(key),
    }
}

fn secret_name(key: &SecretKey) -> String {
    format!("the URL in secret {}/{}, key {}", key.namespace, key.name, key.key)
}

fn parse(text: &str) -> Result<Url, InvalidUrl> {
    // The parser's errors name the rule that is broken, never the text.
    if text.split(',').skip(1).any(|next| next.contains("://")) {
        return Err(InvalidUrl::Several);
    }
    let url = Url::parse(text.trim()).map_err(|error| InvalidUrl::Malformed(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(InvalidUrl::Scheme),
    }
}

fn telltales(text: &str, url: &Url) -> Vec<String> {
    let whole = [text.trim(), url.as_str(), url.path()].map(|text| text.trim_end_matches('/').to_owned());
    let segments = url.path_segments().into_iter().flatten().map(str::to_owned);
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let raw_values = url.query().into_iter().flat_map(|query| query.split(['&', '=']).map(str::to_owned));
    let user = [url.username(), url.password().unwrap_or_default()].map(str::to_owned);
    let mut telltales: Vec<_> = (whole.into_iter().chain(segments).filter(|text| text.len() >= SHORTEST_SEGMENT))
        .chain(values.chain(raw_values).chain(user).chain(credentials(url)).filter(|text| text.len() >= SHORTEST_VALUE))
        .collect();
    // So that a piece is never cut out of a longer one, whose rest would stay.
    telltales.sort_by_key(|text| std::cmp::Reverse(text.len()));
    telltales.dedup();
    if telltales.is_empty() {
        // Something is needed to know that this one is secret; the whole URL can always be looked for.
        telltales.push(url.as_str().to_owned());
    }
    telltales
}

/// User and password as they are meant, and as HTTP sends them: a server that repeats headers shows this.
fn credentials(url: &Url) -> Vec<String> {
    let [user, password] = [url.username(), url.password().unwrap_or_default()].map(decoded);
    if user.is_empty() && password.is_empty() {
        return vec![];
    }
    let header = STANDARD.encode(format!("{user}:{password}"));
    vec![user, password, header]
}

/// Percent-decoded, as the value of a query is.
fn decoded(text: &str) -> String {
    let Ok(mut url) = Url::parse("http://localhost") else { return text.into() };
    url.set_query(Some(&format!("={}", text.replace('+', "%2B"))));
    url.query_pairs().map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SecretKey {
        SecretKey { namespace: "ns".into(), name: "l1".into(), key: "url".into() }
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let plain = EndpointUrl::plain("https://user:hunter22@l1.example:8545/v3/0123456789abcdef?x=y").unwrap();
        assert_eq!(plain.to_string(), "https://l1.example:8545");
        assert_eq!(format!("{plain:?}"), "EndpointUrl(https://l1.example:8545)");
        let secret = EndpointUrl::secret("https://l1.example/v3/0123456789abcdef", &key()).unwrap();
        assert_eq!(format!("{secret} {secret:?}").matches("example").count(), 0);
    }

    #[test]
    fn only_http_is_asked_and_a_bad_url_is_not_repeated() {
        for (text, wanted) in [
            ("ftp://secret-host/key", InvalidUrl::Scheme),
            ("file:///etc/passwd", InvalidUrl::Scheme),
            ("http://a.example/key,https://b.example/key", InvalidUrl::Several),
            ("secret-host/key", InvalidUrl::Malformed("relative URL without a base".into())),
        ] {
            assert_eq!(EndpointUrl::plain(text).unwrap_err(), wanted);
        }
    }

    #[test]
    fn an_address_is_one_in_every_form() {
        for text in ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1."] {
            let url = EndpointUrl::plain(&format!("http://{text}:8545/")).unwrap();
            assert_eq!(url.host(), Host::Address([127, 0, 0, 1].into()), "{text}");
        }
        let url = EndpointUrl::plain("http://[::ffff:7f00:1]/").unwrap();
        assert_eq!(url.host(), Host::Address("::ffff:127.0.0.1".parse().unwrap()));
        assert_eq!(EndpointUrl::plain("http://a.example/").unwrap().host(), Host::Name("a.example"));
    }

    #[test]
    fn every_piece_of_a_secret_url_is_cut_out_and_short_words_stay() {
        let text = "https://apiuser:pass%20word@node.example/v3/0123456789abcdef?key=s3cr3t%2Fkey&net=op";
        let url = EndpointUrl::secret(text, &key()).unwrap();
        // The last one is the header of `apiuser:pass word`.
        let header = "YXBpdXNlcjpwYXNzIHdvcmQ=";
        for piece in
            [text, "0123456789abcdef", "s3cr3t/key", "s3cr3t%2Fkey", "apiuser", "pass%20word", "pass word", header]
        {
            let said = format!("Cannot POST {piece}!");
            assert!(url.scrub(&said).starts_with("Cannot POST [redacted]"), "{piece}: {}", url.scrub(&said));
        }
        assert_eq!(url.scrub("op v3 net"), "op v3 net");
        assert_eq!(url.scrub_error("no certificate for node.example"), "no certificate for [redacted]");
    }

    #[test]
    fn the_host_of_a_secret_url_without_a_key_stays_out_of_errors() {
        let url = EndpointUrl::secret("http://a.io", &key()).unwrap();
        assert_eq!(url.scrub_error("a.io refused"), "[redacted] refused");
    }
}
