//! What the tests of the engine share: the guests, a host that answers from a script, and requests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use opstack_core::answer::{Answer, Facts, Failure, Request};
use opstack_core::blame::Fault;
use opstack_core::ids::Gvk;
use opstack_engine::{Artifact, Denied, Engine, EngineConfig, Host, Limits, LoadError, LogLevel, Plugin};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The module of a guest.
pub fn guest(name: &str) -> Vec<u8> {
    let dir = std::env::var_os("OPSTACK_GUESTS_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/guests"), PathBuf::from);
    let path = dir.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build` first", path.display()))
}

pub fn engine() -> Engine {
    Engine::new(EngineConfig::default()).unwrap()
}

/// More time than any guest that behaves needs, on a machine that is busy.
pub const PATIENT: Limits = Limits { memory: 64 << 20, deadline: Duration::from_secs(60), output: 4 << 20 };

/// A guest that is loaded.
pub fn load(name: &str, limits: Limits) -> Plugin {
    engine().load(&Artifact::open(&guest(name)).unwrap(), limits).unwrap()
}

/// Why some bytes are not loaded.
pub fn refused(bytes: &[u8]) -> LoadError {
    let limits = Limits { deadline: Duration::from_millis(200), ..Limits::default() };
    match Artifact::open(bytes).and_then(|artifact| engine().load(&artifact, limits)) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    }
}

/// A cluster of one object, which knows only ConfigMaps; and one execution client.
#[derive(Clone, Default)]
pub struct Script {
    pub lines: Arc<Mutex<Vec<String>>>,
    pub object: Option<Arc<str>>,
    pub client: Option<Plugin>,
    pub delay: Duration,
}

impl Host for Script {
    fn get(&mut self, kind: &Gvk, _: Option<&str>, _: &str) -> Result<Option<Arc<str>>, Denied> {
        std::thread::sleep(self.delay);
        match kind.group_kind.kind.as_ref() {
            "ConfigMap" => Ok(self.object.clone()),
            other => Err(Denied(format!("it asked for a {other}"))),
        }
    }

    fn list(&mut self, _: &Gvk, _: Option<&str>, _: &str) -> Result<Vec<Arc<str>>, Denied> {
        Ok(self.object.iter().cloned().collect())
    }

    fn render_client(&mut self, _: &str, request: &str) -> Result<String, Failure> {
        let Some(client) = &self.client else { return Err(Failure::Waiting("no clients here".into())) };
        client.render_client(request).unwrap_or_else(|fault| Err(Failure::Other(format!("{}: {fault}", fault.reason))))
    }

    fn log(&mut self, _: LogLevel, message: &str) {
        self.lines.lock().unwrap().push(message.into());
    }
}

/// A request about an object with this spec.
pub fn request(spec: &Value) -> Request {
    let object = json!({"metadata": {"name": "a", "namespace": "ns"}, "spec": spec});
    Request {
        object: object.to_string().into(),
        children: vec![],
        observations: vec![],
        outcomes: vec![],
        facts: Arc::new(Facts {
            cluster_domain: "cluster.local".into(),
            operator_namespace: "system".into(),
            host_version: "0.1.0".into(),
            api_groups: vec![],
            host_image: "opstack".into(),
        }),
        configuration: "null".into(),
    }
}

/// A call about an object with this spec, by a host that has nothing.
pub fn call(plugin: &Plugin, spec: &Value) -> Result<Result<Answer, Failure>, Fault> {
    plugin.reconcile(Box::new(Script::default()), &request(spec))
}

/// The status that a call answers.
pub fn status(plugin: &Plugin, host: Script, spec: &Value) -> Value {
    plugin.reconcile(Box::new(host), &request(spec)).unwrap().unwrap().status
}
