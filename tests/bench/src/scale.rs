//! Two thousand objects: a resync, memory, a warm start, a hot swap.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use suite::{Operator, plugins, until};
use tokio::runtime::Runtime;

use crate::cluster::{self, Cluster};
use crate::{Figures, objects};

const NODES: usize = 2000;
const SWAPPED: usize = 1000;
const LONG: Duration = Duration::from_secs(900);

/// Measures all of it.
pub fn measure(figures: &mut Figures, runtime: &Runtime) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(runtime)?;
    fill(&cluster, runtime, 0, 1)?;
    figures.note("warm_start_ms", warm_start(&mut cluster, "--resync-interval=36000")?, "(at most 500)");
    fill(&cluster, runtime, 1, SWAPPED)?;
    hot_swap(&cluster, figures)?;
    fill(&cluster, runtime, SWAPPED, NODES)?;
    figures.note("rss_after_create_mib", resident(&cluster.operator)?, "");
    restart(&mut cluster, figures)?;
    figures.note("warm_start_full_ms", warm_start(&mut cluster, "--resync-interval=40")?, "");
    resync(&cluster, figures)?;
    figures.note("rss_mib", resident(&cluster.operator)?, "(at most 150)");
    Ok(())
}

fn fill(cluster: &Cluster, runtime: &Runtime, from: usize, to: usize) -> anyhow::Result<()> {
    if from == 0 {
        cluster.site.namespace("many");
        cluster.site.create(&objects::network("many"));
    }
    let nodes = (from..to).map(|index| objects::node("many", &format!("node-{index}"))).collect();
    runtime.block_on(cluster::create(&cluster.client, &objects::nodes_path("many"), nodes, 16))?;
    until("the operator to work it off", LONG, || {
        let ready = cluster.operator.metric("opstack_queue_depth", "");
        if ready == 0.0 { Ok(()) } else { Err(format!("{ready} in line")) }
    });
    cluster.operator.settle();
    Ok(())
}

/// Another build of the plugin with the same behaviour, while the operator runs.
fn hot_swap(cluster: &Cluster, figures: &mut Figures) -> anyhow::Result<()> {
    let module = plugins::module("plugins", "op-node");
    let packed = plugins::pack(&module).unpinned();
    cluster.site.put(&packed.plugin);
    cluster.operator.settle();
    let (mark, before) = (cluster.site.audit.mark()?, cluster.operator.reconciles());
    let begun = Instant::now();
    cluster.site.put(&plugins::pack(&plugins::rebuilt(&module, "again")).config_map);
    until("a thousand nodes to be rendered again", LONG, || {
        let done = cluster.operator.reconciles() - before;
        if done >= SWAPPED as u64 { Ok(()) } else { Err(format!("{done} of {SWAPPED}")) }
    });
    figures.note("hot_swap_s", begun.elapsed().as_secs_f64(), "");
    cluster.operator.settle();
    let writes = suite::audit::writes(&cluster.site.audit.events_since(mark)?);
    let writes =
        writes.iter().filter(|event| event.resource != "plugins" && event.user_agent.starts_with("opstack")).count();
    figures.note("hot_swap_writes", writes as f64, "(0)");
    Ok(())
}

fn restart(cluster: &mut Cluster, figures: &mut Figures) -> anyhow::Result<()> {
    let mark = cluster.site.audit.mark()?;
    // A stop gives the lease back, so the next does not wait for it.
    let arguments = ["--log-filter=info,opstack_operator::controller=debug", "--resync-interval=40"];
    let next = Operator::spawn(&cluster.site, &arguments);
    std::mem::replace(&mut cluster.operator, next).stop();
    cluster.operator.wait_ready();
    cluster.operator.settle();
    let events = cluster.site.audit.events_since(mark)?;
    let calls = calls(&events);
    figures.note("restart_calls_per_object", calls as f64 / NODES as f64, "(0)");
    Ok(())
}

/// Milliseconds from the start of the process to its first reconcile, its plugins being compiled on disk.
fn warm_start(cluster: &mut Cluster, resync: &str) -> anyhow::Result<f64> {
    let arguments = ["--leader-elect=false", "--log-filter=info,opstack_operator::controller=debug", resync];
    let begun = Instant::now();
    let next = Operator::spawn(&cluster.site, &arguments);
    until("the first reconcile", LONG, || if next.log().contains("reconciled") { Ok(()) } else { Err("none".into()) });
    let took = begun.elapsed().as_secs_f64() * 1e3;
    std::mem::replace(&mut cluster.operator, next).stop();
    cluster.operator.settle();
    Ok(took)
}

/// Every object is looked at again although nothing changed.
fn resync(cluster: &Cluster, figures: &mut Figures) -> anyhow::Result<()> {
    let (mark, before) = (cluster.site.audit.mark()?, cluster.operator.reconciles());
    let count = || cluster.operator.reconciles() - before;
    until("a resync to begin", LONG, || if count() > 0 { Ok(()) } else { Err("not yet".into()) });
    let begun = Instant::now();
    until("a resync to end", LONG, || if count() >= NODES as u64 { Ok(()) } else { Err(format!("{}", count())) });
    figures.note("resync_seconds", begun.elapsed().as_secs_f64(), "");
    cluster.operator.settle();
    figures.note("resync_calls", calls(&cluster.site.audit.events_since(mark)?) as f64, "(0)");
    Ok(())
}

/// Calls of the operator about single objects: all but watches, lists, leases, its questions about the server, and the Secrets that
/// it reads in turn, at a pace that does not depend on what it reconciles. Says which.
fn calls(events: &control_plane::Events) -> usize {
    let ours = events.iter().filter(|event| event.user_agent.starts_with("opstack") && event.resource != "leases");
    let mut calls = BTreeMap::<_, usize>::new();
    let ours = ours.filter(|event| !matches!(event.verb.as_str(), "list" | "watch") && event.namespace == "many");
    for event in ours.filter(|event| !suite::audit::is_named_read(event)) {
        *calls.entry((&event.verb, &event.resource, &event.subresource)).or_default() += 1;
    }
    for ((verb, resource, subresource), count) in &calls {
        eprintln!("{count} times {verb} {resource} {subresource}");
    }
    calls.values().sum()
}

/// Memory of the operator, in MiB.
pub fn resident(operator: &Operator) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", operator.id()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib / 1024.0)
}
