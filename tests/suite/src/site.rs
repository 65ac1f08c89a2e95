//! A cluster of our own, and what a test does to it.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use control_plane::{AuditLevel, AuditLog, ControlPlane, Kubectl, Options, Response};
use serde_json::{Value, json};

use crate::{MINUTE, condition, operator::tail, paths, plugins::Packed, until};

/// A control plane with the namespace of the operator.
pub struct Site {
    /// The control plane, with the faults that it can be given.
    pub plane: ControlPlane,
    /// Its audit log.
    pub audit: AuditLog,
    /// kubectl as its administrator.
    pub kubectl: Kubectl,
    logs: Mutex<Vec<PathBuf>>,
}

impl Site {
    /// Starts one.
    pub fn start(level: AuditLevel) -> Self {
        Self::start_with(Options::audited(level))
    }

    /// Starts one with options; an audit log has to be among them.
    pub fn start_with(options: Options) -> Self {
        let plane = ControlPlane::start(options).unwrap_or_else(|error| panic!("no control plane: {error:#}"));
        let audit = plane.audit().expect("asked for");
        let kubectl = plane.kubectl().expect("the programs come with kubectl");
        let site = Self { plane, audit, kubectl, logs: Mutex::default() };
        site.namespace("opstack-system");
        site
    }

    /// A directory that goes with the control plane.
    pub fn directory(&self) -> &Path {
        self.plane.directory()
    }

    /// A file for the log of one more operator.
    pub(crate) fn new_log(&self) -> PathBuf {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = self.directory().join(format!("operator-{}.log", logs.len()));
        logs.push(log.clone());
        log
    }

    /// The end of the youngest operator's log.
    pub fn log_tail(&self) -> String {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.last().map(|log| tail(log)).unwrap_or_default()
    }

    /// Sends a request.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.plane.request(method, path, body).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Sends a request that has to succeed.
    #[track_caller]
    fn expect(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let response = self.request(method, path, body);
        assert!(response.is_success(), "{method} {path}: {} {}", response.status, response.text());
        response.json().unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// An object, if there is one.
    #[track_caller]
    pub fn get(&self, path: &str) -> Option<Value> {
        let response = self.request("GET", path, None);
        match response.status {
            404 => None,
            _ => Some(response.json().unwrap_or_else(|error| panic!("{error:#}"))),
        }
    }

    /// All objects of a collection.
    #[track_caller]
    pub fn list(&self, collection: &str) -> Vec<Value> {
        match self.expect("GET", collection, None)["items"].take() {
            Value::Array(items) => items,
            other => panic!("no list: {other}"),
        }
    }

    /// Makes an object.
    #[track_caller]
    pub fn create(&self, object: &Value) -> Value {
        self.expect("POST", &paths::collection(object), Some(object))
    }

    /// Makes an object, or merges it into the one that is there.
    #[track_caller]
    pub fn put(&self, object: &Value) -> Value {
        let response = self.request("POST", &paths::collection(object), Some(object));
        match response.status {
            409 => self.merge(&paths::of(object), object),
            _ if response.is_success() => response.json().unwrap_or_else(|error| panic!("{error:#}")),
            status => panic!("POST {}: {status} {}", paths::of(object), response.text()),
        }
    }

    /// Changes an object by a merge patch.
    #[track_caller]
    pub fn merge(&self, path: &str, patch: &Value) -> Value {
        self.expect("PATCH", path, Some(patch))
    }

    /// Asks for an object's deletion.
    #[track_caller]
    pub fn delete(&self, path: &str) {
        self.expect("DELETE", path, None);
    }

    /// Makes a namespace and waits until objects can be made in it.
    #[track_caller]
    pub fn namespace(&self, name: &str) {
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }

    /// Applies manifests as another field manager than the operator's.
    #[track_caller]
    pub fn apply_as(&self, manager: &str, manifest: &Value) {
        let arguments = ["apply", "--server-side", "--field-manager", manager, "--filename=-"];
        let applied = self.kubectl.run_with_input(arguments, &manifest.to_string());
        applied.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until an object satisfies a condition; gives it, and how long it took.
    #[track_caller]
    pub fn wait(&self, what: &str, path: &str, within: Duration, is_so: impl Fn(&Value) -> bool) -> (Value, Duration) {
        until(what, within, || match self.get(path) {
            Some(object) if is_so(&object) => Ok(object),
            Some(object) => Err(format!("{}\nthe operator's log:\n{}", shown(&object), self.log_tail())),
            None => Err(format!("there is no {path}\nthe operator's log:\n{}", self.log_tail())),
        })
    }

    /// Waits until the condition `Ready` of the present spec has this status and reason.
    #[track_caller]
    pub fn wait_ready(&self, path: &str, status: &str, reason: &str) -> Value {
        let what = format!("{path} to be Ready={status} for {reason}");
        self.wait(&what, path, MINUTE, |object| condition::is(object, "Ready", status, reason)).0
    }

    /// Waits until an object is gone; gives how long it took.
    #[track_caller]
    pub fn wait_gone(&self, path: &str) -> Duration {
        let gone = until(&format!("{path} to be gone"), MINUTE, || match self.get(path) {
            None => Ok(()),
            Some(object) => Err(format!("{}\nthe operator's log:\n{}", shown(&object), self.log_tail())),
        });
        gone.1
    }

    /// Installs a plugin and waits until it serves.
    #[track_caller]
    pub fn install(&self, packed: &Packed) {
        self.offer(packed);
        let path = paths::of(&packed.plugin);
        let what = format!("plugin {path} to serve");
        self.wait(&what, &path, MINUTE, |plugin| {
            condition::brief(plugin, "Ready").0 == "True" && condition::is(plugin, "Loaded", "True", "Loaded")
        });
    }

    /// Puts a plugin's objects there, whatever the operator makes of them.
    #[track_caller]
    pub fn offer(&self, packed: &Packed) {
        self.put(&packed.config_map);
        // The operator makes the kind when it starts to lead.
        until("the kind Plugin to be served", MINUTE, || {
            let response = self.request("GET", &paths::collection(&packed.plugin), None);
            if response.is_success() { Ok(()) } else { Err(self.log_tail()) }
        });
        self.put(&packed.plugin);
    }
}

/// An object for people: without what nobody reads.
fn shown(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("binaryData");
    }
    serde_norway::to_string(&object).unwrap_or_default()
}
