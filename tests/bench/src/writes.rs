//! What the operator adds to the writes: one object, and a thousand at once, over the same children written raw.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use suite::{Signal, paths, until};
use tokio::runtime::Runtime;

use crate::cluster::{self, Cluster};
use crate::{Figures, median, objects};

const ROUNDS: usize = 15;
const BURST: usize = 1000;
/// Writes that the operator has in flight at most: eight objects of a kind, four children each.
const IN_FLIGHT: usize = 32;

/// Kinds of which a node has children.
const CHILDREN: [&str; 7] = [
    "/api/v1/namespaces/{}/configmaps",
    "/api/v1/namespaces/{}/secrets",
    "/api/v1/namespaces/{}/serviceaccounts",
    "/api/v1/namespaces/{}/services",
    "/apis/apps/v1/namespaces/{}/statefulsets",
    "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
];

fn children(cluster: &Cluster, namespace: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for (collection, kind) in CHILDREN.iter().zip([
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Service",
        "StatefulSet",
        "NetworkPolicy",
        "PodDisruptionBudget",
    ]) {
        let collection = collection.replace("{}", namespace);
        let version = collection.split("/namespaces").next().unwrap_or_default();
        let version = version.trim_start_matches("/apis/").trim_start_matches("/api/");
        for mut object in cluster.site.list(&collection) {
            let ours = object["metadata"]["annotations"]["opstack.optimism.io/owner"].as_str();
            if ours.is_some_and(|owner| owner.starts_with("OpNode.")) {
                object["apiVersion"] = version.into();
                object["kind"] = kind.into();
                all.push(object);
            }
        }
    }
    all
}

/// The same objects as somebody else's, for another name: what a person would apply.
fn raw(children: &[Value], name: &str, twin: &str, namespace: &str) -> Vec<(String, Value)> {
    children
        .iter()
        .map(|child| {
            let mut object = child.clone();
            object.as_object_mut().map(|object| object.remove("status"));
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                // Given by the API server, once.
                ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"].iter().for_each(|field| {
                    if spec.get(*field).is_some_and(|value| value != "None") {
                        spec.remove(*field);
                    }
                });
            }
            let metadata = json!({
                "name": object["metadata"]["name"].as_str().unwrap_or_default().replace(name, twin),
                "namespace": namespace,
                "labels": object["metadata"]["labels"],
                "annotations": object["metadata"]["annotations"],
            });
            object["metadata"] = metadata;
            object["metadata"]["annotations"]["opstack.optimism.io/owner"] = "raw".into();
            (paths::of(&object), object)
        })
        .collect()
}

/// Creates a node and waits for its children; gives the time to the last of them, by the audit log's clock.
fn create_one(cluster: &Cluster, name: &str, expected: usize) -> anyhow::Result<f64> {
    let mark = cluster.site.audit.mark()?;
    cluster.site.create(&objects::node("one", name));
    let mut took = 0.0;
    until("the children of one node", Duration::from_secs(30), || {
        let events = cluster.site.audit.events_since(mark).map_err(|error| error.to_string())?;
        let begun = events.iter().find(|event| event.resource == "opnodes" && event.verb == "create");
        let stored: Vec<_> =
            events.iter().filter(|event| event.is_write() && event.is_success() && is_child(&event.resource)).collect();
        match (begun, stored.last()) {
            (Some(begun), Some(last)) if stored.len() >= expected => {
                took = suite::audit::between(begun, last).as_secs_f64();
                Ok(())
            }
            _ => Err(format!("{} of {expected}", stored.len())),
        }
    });
    Ok(took)
}

fn is_child(resource: &str) -> bool {
    CHILDREN.iter().any(|collection| collection.ends_with(&format!("/{resource}")))
}

fn single(cluster: &Cluster, figures: &mut Figures, runtime: &Runtime) -> anyhow::Result<usize> {
    cluster.site.namespace("one");
    cluster.site.create(&objects::network("one"));
    cluster.site.create(&objects::node("one", "warm-up"));
    cluster.operator.settle();
    let sample = children(cluster, "one");
    let (mut through, mut beside) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        through.push(create_one(cluster, &format!("node-{round}"), sample.len())?);
        cluster.operator.settle();
        let twins = raw(&sample, "warm-up", &format!("raw-{round}"), "one");
        let begun = Instant::now();
        runtime.block_on(cluster::apply(&cluster.client, &twins, 1))?;
        beside.push(begun.elapsed().as_secs_f64());
    }
    let (through, beside) = (median(&mut through), median(&mut beside));
    figures.note("create_over_raw", through / beside, "(at most 1.3)");
    figures.note("create_ms", through * 1e3, "");
    figures.note("create_raw_ms", beside * 1e3, "");
    figures.note("children_per_node", sample.len() as f64, "");
    Ok(sample.len())
}

/// Children that the operator wrote since its start.
fn written(cluster: &Cluster) -> f64 {
    ["apply", "secret"].iter().map(|kind| cluster.operator.metric("opstack_writes_total", kind)).sum()
}

fn burst(cluster: &Cluster, figures: &mut Figures, runtime: &Runtime, per_node: usize) -> anyhow::Result<()> {
    let sample = children(cluster, "one");
    let sample: Vec<_> = sample
        .into_iter()
        .filter(|child| {
            child["metadata"]["annotations"]["opstack.optimism.io/owner"] == "OpNode.optimism.io/one/warm-up"
        })
        .collect();
    cluster.site.namespace("raw");
    let mut raw_took = Duration::ZERO;
    let mut write_raw = |from: usize, to: usize| -> anyhow::Result<()> {
        let twins: Vec<_> =
            (from..to).flat_map(|index| raw(&sample, "warm-up", &format!("raw-{index}"), "raw")).collect();
        let begun = Instant::now();
        runtime.block_on(cluster::apply(&cluster.client, &twins, IN_FLIGHT))?;
        raw_took += begun.elapsed();
        Ok(())
    };
    // Half before and half after: the more Services there are, the longer the API server looks for an address for another.
    write_raw(0, BURST / 2)?;
    cluster.site.namespace("burst");
    cluster.site.create(&objects::network("burst"));
    cluster.operator.settle();
    let (mark, before) = (cluster.site.audit.mark()?, written(cluster));
    // All are there at once when it looks.
    cluster.operator.signal(Signal::STOP);
    let nodes = (0..BURST).map(|index| objects::node("burst", &format!("node-{index}"))).collect();
    runtime.block_on(cluster::create(&cluster.client, &objects::nodes_path("burst"), nodes, IN_FLIGHT))?;
    let begun = Instant::now();
    cluster.operator.signal(Signal::CONT);
    let wanted = BURST * per_node;
    until("the children of a thousand nodes", Duration::from_secs(600), || {
        let count = written(cluster) - before;
        if count >= wanted as f64 { Ok(()) } else { Err(format!("{count} of {wanted}")) }
    });
    let rate = wanted as f64 / begun.elapsed().as_secs_f64();
    // Statuses come behind children; the second half of the raw writes must not share the API server with them.
    cluster.operator.settle();
    let told_rate = wanted as f64 / begun.elapsed().as_secs_f64();
    let stored = cluster
        .site
        .audit
        .events_since(mark)?
        .iter()
        .filter(|event| event.is_write() && event.is_success() && is_child(&event.resource))
        .count();
    anyhow::ensure!(stored >= wanted, "{stored} of {wanted} children were stored");
    write_raw(BURST / 2, BURST)?;
    let raw_rate = wanted as f64 / raw_took.as_secs_f64();
    figures.note("burst_over_raw", rate / raw_rate, "(at least 0.8)");
    figures.note("burst_told_over_raw", told_rate / raw_rate, "(until every status was written too)");
    figures.note("burst_objects_per_s", rate, "");
    figures.note("raw_objects_per_s", raw_rate, "");
    Ok(())
}

/// Measures one create and a burst.
pub fn measure(figures: &mut Figures, runtime: &Runtime) -> anyhow::Result<()> {
    let cluster = Cluster::start(runtime)?;
    let per_node = single(&cluster, figures, runtime)?;
    burst(&cluster, figures, runtime, per_node)
}
