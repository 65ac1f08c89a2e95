//! Where targets are, now: from names where names suffice, from the API server where they don't.
//!
//! The cache holds no Secret's values, so a secret URL is read from the API server, and again when the Secret changes.

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;
use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::probe::{SecretKey, Target};
use opstack_prober::{Endpoint, EndpointUrl, Resolve};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

use crate::hub::Hub;

use super::pods::Pods;

/// What was read serves so long at most, even if nothing is seen to change: the kind may be one that is not watched.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Finds targets in the cluster.
pub struct Targets {
    hub: Arc<Hub>,
    cluster_domain: String,
    pods: Arc<Pods>,
    secrets: Read<SecretKey, EndpointUrl>,
}

/// What was read from the API server, with the version of its object in the cache at that time.
struct Read<K, V>(Mutex<HashMap<K, Known<V>>>);

struct Known<V> {
    at: Instant,
    version: Option<u64>,
    value: V,
}

impl<K: Clone + Eq + Hash, V: Clone> Read<K, V> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn get(&self, key: &K, version: Option<u64>) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(key).filter(|known| known.version == version)?;
        (known.at.elapsed() < READ_AGAIN_AFTER).then(|| known.value.clone())
    }

    /// Remembers a value, and no longer those that are too old to serve.
    fn put(&self, key: &K, version: Option<u64>, value: V) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.at.elapsed() < READ_AGAIN_AFTER);
        known.insert(key.clone(), Known { at: Instant::now(), version, value });
    }
}

impl Targets {
    /// Of this cluster.
    pub fn new(hub: Arc<Hub>, cluster_domain: &str) -> Self {
        let pods = hub.namespaces.of(&GroupKind::new("", "Pod"), true);
        Self {
            pods: Pods::new(hub.client.clone(), pods),
            hub,
            cluster_domain: cluster_domain.into(),
            secrets: Read::new(),
        }
    }

    fn version(&self, key: &ObjectKey) -> Option<u64> {
        self.hub.cache.get(key).map(|entry| entry.resource_version)
    }

    async fn secret_url(&self, key: &SecretKey) -> Result<EndpointUrl, String> {
        let version = self.version(&ObjectKey::new(GroupKind::new("", "Secret"), &key.namespace, &key.name));
        if let Some(url) = self.secrets.get(key, version) {
            return Ok(url);
        }
        let text = secret(&self.hub.client, key).await?;
        let url = EndpointUrl::secret(&text, key).map_err(|error| format!("{}: {error}", key_name(key)))?;
        self.secrets.put(key, version, url.clone());
        Ok(url)
    }

    async fn find(&self, target: &Target) -> Result<Vec<Endpoint>, String> {
        match target {
            Target::Service { namespace, name, port, path } => {
                let url = service_url(namespace, name, &self.cluster_domain, *port, path)?;
                Ok(vec![plain(String::new(), &url)?])
            }
            Target::Pods { workload, port, path } => {
                let pods = self.pods.of(workload).await?;
                pods.iter().map(|address| plain(address.pod.clone(), &pod_url(address.ip, *port, path)?)).collect()
            }
            Target::Url(url) => Ok(vec![plain(String::new(), url)?]),
            Target::SecretUrl(key) => Ok(vec![Endpoint { pod: String::new(), url: self.secret_url(key).await? }]),
        }
    }
}

impl Resolve for Targets {
    fn resolve<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Vec<Endpoint>, String>> {
        self.find(target).boxed()
    }
}

fn plain(pod: String, url: &str) -> Result<Endpoint, String> {
    let url = EndpointUrl::plain(url).map_err(|error| error.to_string())?;
    Ok(Endpoint { pod, url })
}

/// Names and path become parts of a URL, so nothing may be in them that would end such a part early.
fn service_url(namespace: &str, name: &str, domain: &str, port: u16, path: &str) -> Result<String, String> {
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !is_name(namespace) || !is_name(name) {
        return Err(format!("{namespace:?}/{name:?} is no name of a Service"));
    }
    Ok(format!("http://{name}.{namespace}.svc.{domain}:{port}{}", rooted(path)?))
}

fn pod_url(ip: IpAddr, port: u16, path: &str) -> Result<String, String> {
    let host = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Ok(format!("http://{host}:{port}{}", rooted(path)?))
}

fn rooted(path: &str) -> Result<&str, String> {
    if path.starts_with('/') { Ok(path) } else { Err(format!("the path {path:?} does not begin with /")) }
}

/// The text under a key of a Secret.
async fn secret(client: &Client, key: &SecretKey) -> Result<String, String> {
    let api = Api::<Secret>::namespaced(client.clone(), &key.namespace);
    let secret = api.get_opt(&key.name).await;
    let secret = secret.map_err(|error| refusal(&error, &format!("failed to read {}", key_name(key))))?;
    let secret = secret.ok_or_else(|| format!("the Secret {}/{} does not exist", key.namespace, key.name))?;
    value(secret.data.unwrap_or_default(), key)
}

fn value(mut data: BTreeMap<String, ByteString>, key: &SecretKey) -> Result<String, String> {
    let ByteString(bytes) = data.remove(&key.key).ok_or_else(|| format!("{} does not exist", key_name(key)))?;
    // The error of the conversion holds the bytes.
    String::from_utf8(bytes).map_err(|_| format!("{} is no text", key_name(key)))
}

fn key_name(key: &SecretKey) -> String {
    format!("the key {} of the Secret {}/{}", key.key, key.namespace, key.name)
}

/// What the API server said; of other errors nothing, for one of a Secret that doesn't parse might quote it.
fn refusal(error: &kube::Error, what: &str) -> String {
    match error {
        kube::Error::Api(status) => format!("{what}: {}", status.message),
        _ => format!("{what}: the API server gave no good answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_name() {
        let url = service_url("ns", "node-0", "cluster.local", 8545, "/rpc");
        assert_eq!(url.as_deref(), Ok("http://node-0.ns.svc.cluster.local:8545/rpc"));
        for (namespace, name, path) in
            [("ns", "evil.example/", "/"), ("ns", "a@b", "/"), ("", "a", "/"), ("ns", "a", "@evil.example/")]
        {
            assert!(service_url(namespace, name, "cluster.local", 1, path).is_err(), "{namespace} {name} {path}");
        }
    }

    #[test]
    fn a_pod_is_known_by_its_address() {
        let url = |ip: &str| pod_url(ip.parse().unwrap(), 9545, "/");
        assert_eq!(url("10.0.0.7").as_deref(), Ok("http://10.0.0.7:9545/"));
        assert_eq!(url("fd00::7").as_deref(), Ok("http://[fd00::7]:9545/"));
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_told_without_its_value() {
        let key = SecretKey { namespace: "ns".into(), name: "l1".into(), key: "url".into() };
        let data = |bytes: &[u8]| BTreeMap::from([("url".to_string(), ByteString(bytes.to_vec()))]);
        assert_eq!(value(data(b"http://l1/key"), &key).as_deref(), Ok("http://l1/key"));
        let error = value(data(b"hunter22\xff"), &key).unwrap_err();
        assert_eq!(error, "the key url of the Secret ns/l1 is no text");
        assert_eq!(value(BTreeMap::new(), &key).unwrap_err(), "the key url of the Secret ns/l1 does not exist");
    }
}
