//! Two thousand nodes whose two programs are asked all the time: what a question costs the operator.

use anyhow::Context as _;
use opstack_core::ids::WORKLOAD_LABEL;
use rpc_double::{Double, Recording};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use suite::{Operator, until};
use tokio::runtime::Runtime;

use crate::cluster::{self, Cluster};
use crate::scale::resident;
use crate::{Figures, objects};

const NODES: usize = 2000;
const NAMESPACE: &str = "asked";
/// op-node and the execution client of each.
const QUESTIONS: u64 = 2 * NODES as u64;
const LONG: Duration = Duration::from_secs(300);
/// Processor time in `/proc/PID/stat` is counted in these parts of a second (`USER_HZ`, the same on all of Linux).
const TICKS_PER_SECOND: f64 = 100.0;

/// The programs of all nodes: two servers that answer as real ones did, at every address of 127.0.0.0/8.
struct Programs {
    consensus: Double,
    execution: Double,
}

/// Measures all of it.
pub fn measure(figures: &mut Figures, runtime: &Runtime) -> anyhow::Result<()> {
    let cluster = Cluster::start(runtime)?;
    let programs = Programs {
        consensus: runtime.block_on(double("op-node-replica")),
        execution: runtime.block_on(double("op-geth-replica")),
    };
    fill(&cluster, runtime, &programs)?;
    let idle = resident(&cluster.operator)?;
    runtime.block_on(run_pods(&cluster))?;
    programs.rounds(1);
    // Heads stand still: nothing is told, so that this is the price of the questions.
    let asked = window(&cluster.operator, &programs, 2)?;
    let memory = resident(&cluster.operator)? - idle;
    figures.note("probes_per_s", asked.rate, "(of 2,000 nodes, two questions each in 15 s)");
    figures.note("probe_cpu_per_1000", asked.cores_per_1000(), "(cores for 1,000 probes/s)");
    figures.note("probe_rss_mib", memory, "(more than without pods to ask)");
    figures.note("probe_rss_mib_per_1000", memory / asked.rate * 1000.0, "(MiB for 1,000 probes/s)");
    programs.move_on();
    programs.rounds(1);
    let told = window(&cluster.operator, &programs, 2)?;
    figures.note(
        "probe_told_cpu_per_1000",
        told.cores_per_1000(),
        "(each node has a new block each time: rendered, written)",
    );
    Ok(())
}

async fn double(recording: &str) -> Double {
    let double = Double::start_at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await;
    double.replay(&Recording::load(recording));
    double
}

impl Programs {
    /// Questions that were answered. The operator counts them too, but to ask it would cost it something.
    fn answered(&self) -> u64 {
        [&self.consensus, &self.execution].iter().map(|double| double.seen().finished as u64).sum()
    }

    /// Waits until all were asked so many times more.
    fn rounds(&self, count: u64) {
        let wanted = self.answered() + count * QUESTIONS;
        until("all programs to be asked", LONG, || match self.answered() {
            done if done >= wanted => Ok(()),
            done => Err(format!("{done} of {wanted} answers")),
        });
    }

    /// From now on each answer of op-node has a newer block.
    fn move_on(&self) {
        let recorded = Recording::load("op-node-replica").result("optimism_syncStatus").clone();
        let begun = Instant::now();
        self.consensus.on("optimism_syncStatus", move |_| {
            let mut status = recorded.clone();
            let number = 1000 + begun.elapsed().as_secs() / 2;
            status["unsafe_l2"]["number"] = number.into();
            status["unsafe_l2"]["hash"] = format!("0x{number:064x}").into();
            Ok(status)
        });
    }
}

/// The nodes, with the ports of the programs, and nobody to ask yet.
fn fill(cluster: &Cluster, runtime: &Runtime, programs: &Programs) -> anyhow::Result<()> {
    cluster.site.namespace(NAMESPACE);
    cluster.site.create(&objects::network(NAMESPACE));
    let nodes = (0..NODES).map(|index| {
        let mut node = objects::node(NAMESPACE, &name(index));
        node["spec"]["opNode"] = json!({"rpc": {"port": programs.consensus.port()}});
        let networking = json!({"http": {"port": programs.execution.port()}});
        node["spec"]["executionClient"] = json!({"name": "reth", "settings": {"networking": networking}});
        node
    });
    runtime.block_on(cluster::create(&cluster.client, &objects::nodes_path(NAMESPACE), nodes.collect(), 16))?;
    until("the operator to work it off", LONG, || match cluster.operator.metric("opstack_queue_depth", "") {
        0.0 => Ok(()),
        depth => Err(format!("{depth} in line")),
    });
    cluster.operator.settle();
    Ok(())
}

fn name(index: usize) -> String {
    format!("node-{index}")
}

/// A pod of each node that runs at an address of its own, as a StatefulSet's controller and a kubelet would have it.
async fn run_pods(cluster: &Cluster) -> anyhow::Result<()> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    cluster::create(&cluster.client, &path, (0..NODES).map(pod).collect(), 16).await?;
    let statuses = (0..NODES).map(|index| {
        let status = json!({"phase": "Running", "podIP": address(index), "podIPs": [{"ip": address(index)}]});
        (format!("{path}/{}-0/status", name(index)), json!({"status": status}))
    });
    cluster::merge(&cluster.client, &statuses.collect::<Vec<_>>(), 16).await
}

fn pod(index: usize) -> Value {
    let name = name(index);
    let labels = json!({WORKLOAD_LABEL: format!("statefulset.{name}")});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{name}-0"), "namespace": NAMESPACE, "labels": labels},
        // The node's: without controllers there is no other.
        "spec": {"serviceAccountName": name, "containers": [{"name": "node", "image": "none.test/none"}]},
    })
}

fn address(index: usize) -> Ipv4Addr {
    let [.., high, low] = (index as u32 + 1).to_be_bytes();
    Ipv4Addr::new(127, 100, high, low)
}

/// What some rounds of questions took.
struct Window {
    /// Questions in a second.
    rate: f64,
    /// Processors at work.
    cores: f64,
}

impl Window {
    fn cores_per_1000(&self) -> f64 {
        self.cores / self.rate * 1000.0
    }
}

fn window(operator: &Operator, programs: &Programs, count: u64) -> anyhow::Result<Window> {
    let (begun, cpu, asked) = (Instant::now(), cpu_seconds(operator)?, programs.answered());
    programs.rounds(count);
    let seconds = begun.elapsed().as_secs_f64();
    let rate = (programs.answered() - asked) as f64 / seconds;
    Ok(Window { rate, cores: (cpu_seconds(operator)? - cpu) / seconds })
}

/// Processor time that the operator took since its start, of all its threads.
fn cpu_seconds(operator: &Operator) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", operator.id()))?;
    // The name in parentheses may hold spaces.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}
