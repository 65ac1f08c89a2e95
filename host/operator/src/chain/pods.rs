//! The running pods of workloads that are asked, by a watch of those that the host labelled.
//!
//! It begins with the first question to pods, and keeps of each no more than its address: a plugin without such questions costs
//! nothing, and one with them no request.

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use opstack_core::ids::{ObjectKey, WORKLOAD_LABEL, workload_label};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tracing::{Instrument, info_span, warn};

/// Namespace and label of a workload's pods.
type Place = (String, String);
type Known = HashMap<Place, BTreeMap<String, IpAddr>>;

/// A running pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name.
    pub pod: String,
    /// Where it is.
    pub ip: IpAddr,
}

/// Knows where pods are, once asked.
pub struct Pods {
    client: Client,
    /// Nothing stands for all.
    namespaces: Vec<Option<Arc<str>>>,
    known: Mutex<Known>,
    /// Whether the watches run, and how many of their first lists are not complete yet.
    listed: watch::Sender<Option<usize>>,
}

impl Pods {
    /// Watches nothing yet.
    pub fn new(client: Client, namespaces: Vec<Option<Arc<str>>>) -> Arc<Self> {
        Arc::new(Self { client, namespaces, known: Mutex::default(), listed: watch::Sender::new(None) })
    }

    /// The running pods of a workload, by name. Waits for the first list.
    ///
    /// # Errors
    /// When the workload is of a kind whose pods are not labelled.
    pub async fn of(self: &Arc<Self>, workload: &ObjectKey) -> Result<Vec<Address>, String> {
        let Some(label) = workload_label(workload) else {
            return Err(format!("{workload} is no Deployment, StatefulSet or Pod"));
        };
        self.watch().await;
        let place = (workload.namespace.to_string(), label);
        let known = self.lock();
        let pods = known.get(&place).into_iter().flatten();
        Ok(pods.map(|(pod, ip)| Address { pod: pod.clone(), ip: *ip }).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once all pods are known that there were; begins with that, if nobody has.
    async fn watch(self: &Arc<Self>) {
        let begins = self.listed.send_if_modified(|listed| {
            let begins = listed.is_none();
            *listed = listed.or(Some(self.namespaces.len()));
            begins
        });
        for namespace in self.namespaces.iter().filter(|_| begins) {
            let pods = match namespace {
                Some(namespace) => Api::<Pod>::namespaced(self.client.clone(), namespace),
                None => Api::all(self.client.clone()),
            };
            let namespace = namespace.clone();
            let stream = watcher(pods, watcher::Config::default().labels(WORKLOAD_LABEL)).default_backoff();
            let follower = self.clone();
            let follow = async move { follower.follow(namespace.as_deref(), Box::pin(stream)).await };
            tokio::spawn(follow.instrument(info_span!("pods")));
        }
        // The sender is ours, so it is there.
        let _ = self.listed.subscribe().wait_for(|listed| *listed == Some(0)).await;
    }

    /// Follows the pods of a namespace, or of all.
    async fn follow(
        &self,
        namespace: Option<&str>,
        mut events: impl Stream<Item = watcher::Result<watcher::Event<Pod>>> + Unpin,
    ) {
        let (mut listed, mut first) = (Known::new(), true);
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed = Known::new(),
                Ok(watcher::Event::InitApply(pod)) => note(&mut listed, &pod, address(&pod)),
                Ok(watcher::Event::InitDone) => {
                    let mut known = self.lock();
                    known.retain(|(place, _), _| namespace.is_some_and(|namespace| place != namespace));
                    known.extend(std::mem::take(&mut listed));
                    drop(known);
                    if std::mem::take(&mut first) {
                        self.listed.send_modify(|awaited| *awaited = awaited.map(|awaited| awaited.saturating_sub(1)));
                    }
                }
                Ok(watcher::Event::Apply(pod)) => note(&mut self.lock(), &pod, address(&pod)),
                Ok(watcher::Event::Delete(pod)) => note(&mut self.lock(), &pod, None),
                Err(error) => warn!(%error, "the watch of pods failed; it is resumed"),
            }
        }
    }
}

fn note(known: &mut Known, pod: &Pod, address: Option<IpAddr>) {
    let Some(label) = pod.labels().get(WORKLOAD_LABEL) else { return };
    let place = (pod.namespace().unwrap_or_default(), label.clone());
    let pods = known.entry(place.clone()).or_default();
    match address {
        Some(ip) => _ = pods.insert(pod.name_any(), ip),
        None => _ = pods.remove(&pod.name_any()),
    }
    if pods.is_empty() {
        known.remove(&place);
    }
}

/// Of a pod that can be asked: it runs, and nobody has sent it away.
fn address(pod: &Pod) -> Option<IpAddr> {
    let status = pod.status.as_ref()?;
    if pod.metadata.deletion_timestamp.is_some() || status.phase.as_deref() != Some("Running") {
        return None;
    }
    status.pod_ip.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(deleted: Option<&str>, status: serde_json::Value) -> Pod {
        let labels = json!({WORKLOAD_LABEL: "statefulset.node"});
        let metadata = json!({"name": "node-0", "namespace": "ns", "labels": labels, "deletionTimestamp": deleted});
        serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
    }

    #[test]
    fn only_running_pods_are_asked() {
        let well = json!({"phase": "Running", "podIP": "10.0.0.7"});
        assert_eq!(address(&pod(None, well.clone())), Some([10, 0, 0, 7].into()));
        assert_eq!(address(&pod(None, json!({"phase": "Pending", "podIP": "10.0.0.7"}))), None);
        assert_eq!(address(&pod(None, json!({"phase": "Running"}))), None);
        assert_eq!(address(&pod(Some("2026-01-01T00:00:00Z"), well)), None);
    }

    #[test]
    fn a_pod_is_forgotten_when_it_stops() {
        let (mut known, running) = (Known::new(), pod(None, json!({"phase": "Running", "podIP": "fd00::7"})));
        note(&mut known, &running, address(&running));
        assert_eq!(known[&("ns".into(), "statefulset.node".into())].len(), 1);
        let stopped = pod(None, json!({"phase": "Failed", "podIP": "fd00::7"}));
        note(&mut known, &stopped, address(&stopped));
        assert!(known.is_empty());
    }
}
