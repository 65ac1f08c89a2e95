//! A render through the sandbox over the same function native: the largest OpNode, a fresh instance for each call, the execution
//! client's render in an instance of its own.
//!
//! Once in turns, where each finds the processor's caches full of the other, as calls do in an operator that is at work on
//! something else between them; and once in blocks, where all is at hand.

use opstack_core::answer::{Facts, Failure, Request};
use opstack_core::ids::Gvk;
use opstack_engine::{Artifact, Denied, Engine, EngineConfig, Host, Limits, LogLevel, Plugin};
use opstack_sdk::answer::{KindRef, ObjectRef};
use opstack_sdk::call;
use opstack_sdk::wire::{log::Level, workload};
use serde_json::Value;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use suite::plugins::module;
use tokio::runtime::Runtime;

use crate::{Figures, objects, percentile};

/// Calls of each in turns; the first are not counted.
const ROUNDS: usize = 3000;
const WARM_UP: usize = 50;
/// Calls of one before it is the other's turn, where caches shall be warm.
const BLOCK: usize = 100;

type Key = (String, String, String);

/// What both sides look things up in.
#[derive(Clone, Default)]
struct Objects {
    by_key: Arc<HashMap<Key, Arc<str>>>,
}

impl Objects {
    fn of(documents: &[Value]) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let entry = |document: &Value| {
            let metadata = &document["metadata"];
            let key = (text(&document["kind"]), text(&metadata["namespace"]), text(&metadata["name"]));
            (key, Arc::from(document.to_string()))
        };
        Self { by_key: Arc::new(documents.iter().map(entry).collect()) }
    }

    fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<str>> {
        self.by_key.get(&(kind.into(), namespace.into(), name.into())).cloned()
    }

    fn of_kind(&self, kind: &str, namespace: Option<&str>) -> Vec<Arc<str>> {
        let matching =
            self.by_key.iter().filter(|((k, n, _), _)| k == kind && namespace.is_none_or(|wanted| n == wanted));
        matching.map(|(_, json)| json.clone()).collect()
    }
}

struct Sandboxed {
    objects: Objects,
    clients: Arc<HashMap<String, Plugin>>,
}

impl Host for Sandboxed {
    fn get(&mut self, kind: &Gvk, namespace: Option<&str>, name: &str) -> Result<Option<Arc<str>>, Denied> {
        Ok(self.objects.find(&kind.group_kind.kind, namespace.unwrap_or_default(), name))
    }

    fn list(&mut self, kind: &Gvk, namespace: Option<&str>, _: &str) -> Result<Vec<Arc<str>>, Denied> {
        Ok(self.objects.of_kind(&kind.group_kind.kind, namespace))
    }

    fn render_client(&mut self, client: &str, request: &str) -> Result<String, Failure> {
        let plugin = self.clients.get(client).ok_or_else(|| Failure::Waiting(client.into()))?;
        plugin.render_client(request).map_err(|fault| Failure::Other(fault.to_string()))?
    }

    fn log(&mut self, _: LogLevel, _: &str) {}
}

struct Native {
    objects: Objects,
}

impl opstack_sdk::Cluster for Native {
    fn get(&self, object: &ObjectRef) -> Option<String> {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        self.objects.find(&object.kind.kind, namespace, &object.name).map(|json| json.to_string())
    }

    fn list(&self, kind: &KindRef, namespace: Option<&str>, _: &str) -> Vec<String> {
        self.objects.of_kind(&kind.kind, namespace).iter().map(ToString::to_string).collect()
    }

    fn render_client(&self, client: &str, request: &str) -> Result<String, opstack_sdk::Failure> {
        match client {
            "reth" => call::render_client::<reth::Reth>(request),
            _ => call::render_client::<geth::Geth>(request),
        }
    }

    fn log(&self, _: Level, _: &str) {}
}

fn native(objects: &Objects, object: &Arc<str>) -> Result<workload::Response, opstack_sdk::Failure> {
    let request = workload::Request {
        object: object.to_string(),
        children: vec![],
        observations: vec![],
        outcomes: vec![],
        facts: opstack_sdk::testkit::facts(),
        configuration: "null".into(),
    };
    call::reconcile::<op_node::OpNode>(&Native { objects: objects.clone() }, request)
}

/// Measures both in turns.
pub fn measure(figures: &mut Figures, _: &Runtime) -> anyhow::Result<()> {
    let mut documents = objects::case("every-field");
    let object: Arc<str> = documents.remove(0).to_string().into();
    let objects = Objects::of(&documents);
    let engine = Engine::new(EngineConfig::default())?;
    let load = |name: &str| -> anyhow::Result<Plugin> {
        Ok(engine.load(&Artifact::open(&module("plugins", name))?, Limits::default())?)
    };
    let plugin = load("op-node")?;
    let clients = HashMap::from([("reth".to_string(), load("reth")?), ("geth".to_string(), load("geth")?)]);
    let clients = Arc::new(clients);
    let facts = opstack_sdk::testkit::facts();
    let request = Request {
        object: object.clone(),
        children: vec![],
        observations: vec![],
        outcomes: vec![],
        facts: Arc::new(Facts {
            cluster_domain: facts.cluster_domain,
            operator_namespace: facts.operator_namespace,
            host_version: facts.host_version,
            api_groups: facts.api_groups,
            host_image: facts.host_image,
        }),
        configuration: "null".into(),
    };
    let sandboxed = || {
        let host = Sandboxed { objects: objects.clone(), clients: clients.clone() };
        plugin.reconcile(Box::new(host), &request)
    };
    let inside = || timed(|| sandboxed().map(|answer| answer.is_ok()).unwrap_or_default());
    let outside = || timed(|| native(&objects, &object).is_ok());
    for _ in 0..WARM_UP {
        inside()?;
        outside()?;
    }
    let [sandbox, native] = turns(ROUNDS, 1, &inside, &outside)?;
    figures.note("render_over_native", percentile(&sandbox, 0.5) / percentile(&native, 0.5), "(at most 1.5)");
    figures.note("render_p50_us", percentile(&sandbox, 0.5), "");
    figures.note("render_p99_us", percentile(&sandbox, 0.99), "");
    figures.note("native_p50_us", percentile(&native, 0.5), "");
    figures.note("native_p99_us", percentile(&native, 0.99), "");
    let [sandbox, native] = turns(ROUNDS, BLOCK, &inside, &outside)?;
    figures.note("render_over_native_hot", percentile(&sandbox, 0.5) / percentile(&native, 0.5), "");
    figures.note("render_hot_p50_us", percentile(&sandbox, 0.5), "");
    figures.note("native_hot_p50_us", percentile(&native, 0.5), "");
    Ok(())
}

/// Microseconds of a call that must answer.
fn timed(call: impl FnOnce() -> bool) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let answered = black_box(call());
    let took = begun.elapsed().as_secs_f64() * 1e6;
    anyhow::ensure!(answered, "a render did not answer");
    Ok(took)
}

type Timed<'a> = &'a dyn Fn() -> anyhow::Result<f64>;

/// The times of both, sorted: so many calls of each, a block of one and a block of the other.
fn turns(calls: usize, block: usize, one: Timed<'_>, other: Timed<'_>) -> anyhow::Result<[Vec<f64>; 2]> {
    let mut times = [Vec::with_capacity(calls), Vec::with_capacity(calls)];
    for _ in 0..calls / block {
        for (times, call) in times.iter_mut().zip([one, other]) {
            for _ in 0..block {
                times.push(call()?);
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    Ok(times)
}
