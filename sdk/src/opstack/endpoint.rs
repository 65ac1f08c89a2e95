//! URLs of L1 and L2 endpoints, which may carry an API key.
//!
//! A URL reaches a program through its environment, never through an argument, which everybody who may list pods or
//! processes can read. A URL in a Secret stays there (`valueFrom`): its value never passes through a plugin. A plain
//! URL in a custom resource is not secret by its author's own choice, so it becomes a plain value of the environment.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::honoured::Honoured;
use super::references::{FromSecret, SecretKeyRef, secret_facts};
use crate::answer::{Failure, FieldError, SecretKey, Target};
use crate::cluster::Context;

/// Where a program finds the URL of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Written in a custom resource, or that of a Service.
    Plain(String),
    /// A key of a Secret in the namespace of the pod.
    Secret(SecretKeyRef),
}

impl Endpoint {
    /// The Secret, which is more deliberate, before the plain URL.
    pub fn of(from: Option<&FromSecret>, plain: Option<&String>) -> Option<Self> {
        let secret = from.map(|from| Self::Secret(from.secret_key_ref.clone()));
        secret.or_else(|| plain.filter(|url| !url.is_empty()).cloned().map(Self::Plain))
    }

    /// The URL, where it stands in plain sight.
    pub fn plain(self) -> Option<String> {
        match self {
            Self::Plain(url) => Some(url),
            Self::Secret(_) => None,
        }
    }

    /// The environment variable that brings the URL to a program.
    pub fn env(&self, name: &str) -> EnvVar {
        match self {
            Self::Plain(url) => EnvVar { name: name.into(), value: Some(url.clone()), ..Default::default() },
            Self::Secret(secret) => secret_env(name, secret),
        }
    }

    /// Checks that a pod in `namespace` can have the URL. Answers the fingerprint of a secret one, for rollouts.
    ///
    /// # Errors
    /// `waiting` when the Secret or its key is missing in that namespace.
    pub fn fingerprint(&self, cx: &Context<'_>, namespace: &str) -> Result<Option<String>, Failure> {
        match self {
            Self::Plain(_) => Ok(None),
            Self::Secret(secret) => secret_facts(cx, namespace, secret).map(|facts| Some(facts.fingerprint)),
        }
    }

    /// Where the host's prober asks; nothing for a plain URL that does not speak HTTP.
    pub fn target(&self, namespace: &str) -> Option<Target> {
        match self {
            Self::Plain(url) if url.starts_with("http://") || url.starts_with("https://") => {
                Some(Target::Url(url.clone()))
            }
            Self::Plain(_) => None,
            Self::Secret(SecretKeyRef { name, key }) => {
                Some(Target::SecretUrl(SecretKey { namespace: namespace.into(), name: name.clone(), key: key.clone() }))
            }
        }
    }
}

/// An environment variable whose value stays in its Secret.
pub fn secret_env(name: &str, secret: &SecretKeyRef) -> EnvVar {
    let selector = SecretKeySelector { name: secret.name.clone(), key: secret.key.clone(), optional: None };
    EnvVar {
        name: name.into(),
        value_from: Some(EnvVarSource { secret_key_ref: Some(selector), ..Default::default() }),
        ..Default::default()
    }
}

/// What is wrong with a URL where the programs take one: that several stand there.
pub fn check_single(path: &str, url: Option<&String>) -> Option<FieldError> {
    let count = url?.split(',').filter(|part| part.contains("://")).count();
    (count > 1).then(|| {
        let message = format!(
            "holds {count} URLs, and the programs take one; write one, or that of a proxy that fails over between them"
        );
        FieldError::new(path, message)
    })
}

/// What is wrong with a URL, or with a list of them with commas between, which a program dials. What stands there is not repeated: it may
/// hold an API key.
pub fn check_urls(path: &str, urls: Option<&String>) -> Option<FieldError> {
    let wrong = urls?.split(',').filter(|url| !is_url(url)).count();
    (wrong > 0).then(|| no_url(path))
}

/// The same of one URL where the programs take one.
pub fn check_url(path: &str, url: Option<&String>) -> Option<FieldError> {
    let is_wrong = || url.is_some_and(|url| !is_url(url));
    check_single(path, url).or_else(|| is_wrong().then(|| no_url(path)))
}

fn no_url(path: &str) -> FieldError {
    let message =
        "holds something that is no URL; write one that begins with http://, https://, ws:// or wss://, then the host";
    FieldError::new(path, message)
}

/// Whether Go's `net/url` reads a URL with a host.
fn is_url(url: &str) -> bool {
    let rest = ["http://", "https://", "ws://", "wss://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let in_host = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()*+;=:@[],".contains(c);
    !host.is_empty() && host.chars().all(in_host) && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// A component's own L1 endpoints, where they differ from those of its network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct L1Spec {
    /// URL of the execution RPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(https?|wss?)://\S+$"))]
    pub rpc_url: Option<String>,
    /// URL of the execution RPC in a Secret; goes before `rpcUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_url_from: Option<FromSecret>,
    /// URL of the beacon API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub beacon_url: Option<String>,
    /// URL of the beacon API in a Secret; goes before `beaconUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon_url_from: Option<FromSecret>,
}

impl L1Spec {
    /// The execution RPC, if this block names one.
    pub fn rpc(&self) -> Option<Endpoint> {
        Endpoint::of(self.rpc_url_from.as_ref(), self.rpc_url.as_ref())
    }

    /// What is wrong with the URLs of this block.
    pub fn errors(&self) -> Vec<FieldError> {
        let fields = [("spec.l1.rpcUrl", &self.rpc_url), ("spec.l1.beaconUrl", &self.beacon_url)];
        fields.into_iter().filter_map(|(path, url)| check_url(path, url.as_ref())).collect()
    }

    /// For programs that dial no beacon API: says so, if this block names one.
    pub fn report_beacon(&self, honoured: &mut Honoured) {
        for (field, given) in
            [("beaconUrl", self.beacon_url.is_some()), ("beaconUrlFrom", self.beacon_url_from.is_some())]
        {
            if given {
                honoured.refuse(format!("spec.l1.{field}"), "the program dials no beacon API; remove it");
            }
        }
    }

    /// The beacon API, if this block names one.
    pub fn beacon(&self) -> Option<Endpoint> {
        Endpoint::of(self.beacon_url_from.as_ref(), self.beacon_url.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_program_can_dial_is_told() {
        for (text, is_right) in [
            ("http://sequencer:8545", true),
            ("https://a.example.org/key,wss://b.example.org", true),
            ("sequencer:8545", false),
            ("http://", false),
            ("http:///path", false),
            ("http://a.example.org, http://b.example.org", false),
            ("http://a.example.org,", false),
            ("ftp://a.example.org", false),
            ("http://{{ .Values.host }}:8545", false),
            ("ws://a.example.org/\u{0}", false),
            ("http://user:pass@[::1]:8545/a?b={c}", true),
        ] {
            assert_eq!(check_urls("spec.rollupRpc", Some(&text.into())).is_none(), is_right, "{text}");
        }
        assert_eq!(check_urls("spec.rollupRpc", None), None);
    }

    #[test]
    fn several_urls_are_told_where_one_is_taken() {
        for (text, is_right) in
            [("https://a.example.org/x,y", true), ("https://a,https://b", false), ("https://a, ws://b", false)]
        {
            assert_eq!(check_single("spec.l1RpcUrl", Some(&text.into())).is_none(), is_right, "{text}");
        }
    }
}
