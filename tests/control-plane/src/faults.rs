//! What can be made to go wrong: components that die, hang or forget.

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use crate::{components::Component, http::Client, plane::ControlPlane};

/// A key, in base64, outside of what the API server uses.
const ANY_KEY: &str = "AA==";

impl ControlPlane {
    /// Kills a component (SIGKILL) and returns when it is gone. Its data stay.
    pub fn stop(&self, component: Component) -> Result<()> {
        self.components().stop(component)
    }

    /// Starts a stopped component again, on the same port with the same data, and waits until it is
    /// ready.
    pub fn start_again(&self, component: Component) -> Result<()> {
        self.start_component(component)
    }

    /// Starts every component again that has ended by itself or was killed from outside, and says how it had, with the end of
    /// its log.
    pub fn start_ended(&self) -> Result<Vec<String>> {
        let mut ends = Vec::new();
        for component in self.components().all() {
            if let Some(how) = self.components().ended(component)? {
                self.stop(component)?;
                self.start_component(component)?;
                ends.push(how);
            }
        }
        Ok(ends)
    }

    /// Kills kube-apiserver. Connections to its port are refused from now on.
    pub fn stop_apiserver(&self) -> Result<()> {
        self.stop(Component::ApiServer)
    }

    /// Starts kube-apiserver again and waits until it is ready.
    pub fn start_apiserver(&self) -> Result<()> {
        self.start_again(Component::ApiServer)
    }

    /// Kills kube-apiserver, starts it again and waits until it is ready.
    pub fn restart_apiserver(&self) -> Result<()> {
        self.stop_apiserver()?;
        self.start_apiserver()
    }

    /// Lets a component hang (SIGSTOP): its connections stay open, but nothing comes over them.
    pub fn pause(&self, component: Component) -> Result<()> {
        self.components().signal(component, Signal::STOP)
    }

    /// Ends a [`pause`](Self::pause). It doesn't wait for the component to catch up.
    pub fn resume(&self, component: Component) -> Result<()> {
        self.components().signal(component, Signal::CONT)
    }

    /// Makes etcd forget all revisions before the present one, which is returned.
    ///
    /// From then on a list that continues at an older revision is answered `410 Gone`. A watch is
    /// answered so if it has missed more than the last write, and if the API server doesn't remember
    /// the events itself: with [`Options::watch_cache`](crate::Options::watch_cache) off, or after a
    /// restart. [`expire_watches`](Self::expire_watches) makes sure of both.
    pub fn compact_etcd(&self) -> Result<u64> {
        let etcd = Client::plain(self.etcd.address);
        // Any key: the answer's header tells the revision of the whole store.
        let answer = etcd.request("POST", "/v3/kv/range", Some(&json!({ "key": ANY_KEY })))?.json()?;
        let revision = answer["header"]["revision"]
            .as_str()
            .and_then(|revision| revision.parse().ok())
            .with_context(|| format!("etcd answers without a revision: {answer}"))?;
        let order = json!({ "revision": revision, "physical": true });
        let response = etcd.request("POST", "/v3/kv/compaction", Some(&order))?;
        let text = response.text();
        // Nothing was written since the last time.
        let is_done = text.contains("has been compacted");
        ensure!(response.is_success() || is_done, "etcd does not compact itself: {text}");
        Ok(revision)
    }

    /// Ends the watches of all clients, and makes every attempt to go on with one fail with
    /// `410 Gone`: restarts kube-apiserver, and meanwhile compacts etcd at a revision that no client
    /// has seen.
    pub fn expire_watches(&self) -> Result<()> {
        self.stop_apiserver()?;
        // A client may have seen the present revision, and could go on from it.
        let write = json!({ "key": ANY_KEY, "value": "AA==" });
        let response = Client::plain(self.etcd.address).request("POST", "/v3/kv/put", Some(&write))?;
        ensure!(response.is_success(), "etcd does not write: {}", response.text());
        self.compact_etcd()?;
        self.start_apiserver()
    }
}
