//! What every test here needs: a prober or an executor, places that its targets lead to, and the wakes it gave.

use futures::FutureExt;
use futures::future::BoxFuture;
use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::probe::{Observation, Probe, Question, RpcCall, SecretKey, Target};
use opstack_prober::{Config, Endpoint, EndpointUrl, Prober, Reach, Resolve, Wake};
use rpc_double::{Frozen, bounded};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The interval of most probes here.
pub const SECOND: Duration = Duration::from_secs(1);

/// Where targets lead. A plain URL leads to itself. Nothing is what is never found out.
#[derive(Default)]
pub struct Places(Mutex<HashMap<Target, Option<Found>>>);

type Found = Result<Vec<Endpoint>, String>;

impl Places {
    pub fn set(&self, target: &Target, endpoints: Result<Vec<Endpoint>, String>) {
        self.0.lock().unwrap().insert(target.clone(), Some(endpoints));
    }

    /// From now on it is not found out where a target leads.
    pub fn hold(&self, target: &Target) {
        self.0.lock().unwrap().insert(target.clone(), None);
    }

    /// Pods by name and URL.
    pub fn pods(&self, target: &Target, pods: &[(&str, String)]) {
        let endpoint =
            |(pod, url): &(&str, String)| Endpoint { pod: (*pod).into(), url: EndpointUrl::plain(url).unwrap() };
        self.set(target, Ok(pods.iter().map(endpoint).collect()));
    }
}

impl Resolve for Places {
    fn resolve<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Vec<Endpoint>, String>> {
        let found = match (self.0.lock().unwrap().get(target), target) {
            (Some(Some(found)), _) => found.clone(),
            (Some(None), _) => return futures::future::pending().boxed(),
            (None, Target::Url(url)) => match EndpointUrl::plain(url) {
                Ok(url) => Ok(vec![Endpoint { pod: String::new(), url }]),
                Err(error) => Err(error.to_string()),
            },
            (None, _) => Err("it does not exist".into()),
        };
        async move { found }.boxed()
    }
}

/// Who was woken, in order.
#[derive(Clone, Default)]
pub struct Wakes(Arc<Mutex<Vec<ObjectKey>>>);

impl Wakes {
    pub fn wake(&self) -> Wake {
        let wakes = self.0.clone();
        Arc::new(move |key| wakes.lock().unwrap().push(key.clone()))
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn take(&self) -> Vec<ObjectKey> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A prober whose questions come at once and exactly at their intervals.
pub struct World {
    pub clock: Frozen,
    pub prober: Prober,
    pub places: Arc<Places>,
    pub wakes: Wakes,
}

impl World {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let (places, wakes) = (Arc::new(Places::default()), Wakes::default());
        let config = Config { jitter: 0.0, spread: Duration::ZERO, reach: loopback(), ..config };
        let prober = Prober::new(config, places.clone(), wakes.wake()).unwrap();
        Self { clock: Frozen::start(), prober, places, wakes }
    }

    /// Waits until so many questions have been answered, well or badly.
    pub async fn asked(&self, times: u64) {
        let total = || self.prober.counters().by_outcome().iter().map(|(_, count)| count).sum::<u64>();
        until(&format!("{times} answers"), || total() >= times).await;
        assert_eq!(total(), times);
    }

    /// Asks one thing once.
    pub async fn ask(&self, target: Target, question: Question) -> Observation {
        let key = owner("asker");
        self.prober.declare(&key, &[Probe { target, question, ..probe("http://unused") }]);
        until("an observation", || self.wakes.count() > 0).await;
        self.wakes.take();
        let observation = self.prober.observations(&key).pop().unwrap();
        self.prober.forget(&key);
        observation
    }

    /// The only observation of an owner.
    pub fn seen(&self, owner: &ObjectKey) -> Observation {
        let mut observations = self.prober.observations(owner);
        assert_eq!(observations.len(), 1);
        observations.pop().unwrap()
    }
}

/// Polls until something is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let polled = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    bounded(what, polled).await;
}

/// Lets all tasks run that have something to do. What waits for a socket may still wait.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Servers of tests are on the loopback.
pub fn loopback() -> Reach {
    Reach { allow: vec!["127.0.0.0/8".parse().unwrap()], ..Reach::default() }
}

pub fn owner(name: &str) -> ObjectKey {
    owner_in("ns", name)
}

pub fn owner_in(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(GroupKind::new("optimism.io", "OpNode"), namespace, name)
}

pub fn call(method: &str, params: Value) -> RpcCall {
    RpcCall { method: method.into(), params }
}

/// Asks for the head each second; wakes for the whole answer.
pub fn probe(url: &str) -> Probe {
    Probe {
        id: "head".into(),
        target: Target::Url(url.into()),
        question: Question::JsonRpc(vec![call("head", json!([]))]),
        interval: SECOND,
        timeout: 10 * SECOND,
        wake_on: vec!["/0/result".into()],
    }
}

pub fn secret_target() -> (Target, SecretKey) {
    let key = SecretKey { namespace: "ns".into(), name: "l1".into(), key: "url".into() };
    (Target::SecretUrl(key.clone()), key)
}

pub fn pods_target() -> Target {
    let workload = ObjectKey::new(GroupKind::new("apps", "StatefulSet"), "ns", "node");
    Target::Pods { workload, port: 9545, path: "/".into() }
}
