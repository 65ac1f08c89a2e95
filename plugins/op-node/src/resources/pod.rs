//! The pod: the execution client and op-node side by side, one to one, with the engine API on the loopback.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, ContainerPort, LifecycleHandler, PersistentVolumeClaim, PodSpec, Probe,
    SleepAction, TopologySpreadConstraint, Volume, VolumeMount,
};
use opstack_sdk::execution::SIBLINGS;
use opstack_sdk::k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use opstack_sdk::kubernetes::{
    claim, env_config_map, env_field, http_probe, liveness, mount, mount_read_only, pod_spec, readiness, restricted,
    scratch_volume, startup, tcp_probe,
};
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::overrides::with_extra_env;
use opstack_sdk::opstack::signing::Signing;

use crate::args::{DATA_DIR, args, env};
use crate::checks::ports::listeners;
use crate::client::{FILES, SEQUENCER_URL};
use crate::conductor::Conductor;
use crate::peering;
use crate::settle::Node;

/// Release for which the arguments were written.
pub const IMAGE: &str = "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-node:v1.19.3";
/// op-node's own time to stop; the execution client usually needs longer. Both are first processes, and to both SIGTERM is
/// what SIGINT is.
const GRACE_SECONDS: i64 = 60;
/// How much later a sequencer's execution client gets the signal to stop: some blocks' time.
const ENGINE_OUTLIVES_SECONDS: i64 = 10;
/// Volume for what op-node writes.
const DATA: &str = "data-op-node";

/// The pod.
pub fn spec(node: &Node<'_>) -> PodSpec {
    let fragment = &node.fragment;
    let helpers = node.keys.init.iter().chain(&node.chain.init).cloned();
    let mut init: Vec<Container> = helpers.collect();
    init.extend(fragment.init_containers.iter().cloned().map(|container| dress(node, container)));
    let mut containers: Vec<_> = fragment.containers.iter().cloned().map(|container| dress(node, container)).collect();
    if let Some(client) = containers.first_mut() {
        let env = client.env.take().unwrap_or_default();
        client.env = Some(with_extra_env(env, &node.spec().execution_client.extra_env));
    }
    if node.spec().is_sequencer() {
        containers.iter_mut().for_each(outlives_op_node);
    }
    containers.push(op_node(node));
    containers.extend(node.conductor.as_ref().map(|conductor| conductor.container(node)));
    PodSpec {
        containers,
        init_containers: (!init.is_empty()).then_some(init),
        volumes: Some(volumes(node)),
        topology_spread_constraints: Some(spread(node)),
        ..pod_spec(&node.app, &node.security, fragment.grace_period_seconds.max(GRACE_SECONDS))
    }
}

/// A sequencer ends with the block that it makes, and for that needs the engine: without it op-node waits until it is killed
/// (`op-node/node/node.go`, v1.19.6). So the client gets the signal to stop later, if it has no way of its own.
fn outlives_op_node(client: &mut Container) {
    let sleep = SleepAction { seconds: ENGINE_OUTLIVES_SECONDS };
    let pre_stop = LifecycleHandler { sleep: Some(sleep), ..Default::default() };
    client.lifecycle.get_or_insert_default().pre_stop.get_or_insert(pre_stop);
}

/// A container of the client with what it gets from the node: its resources, the pod's name, and no privileges.
fn dress(node: &Node<'_>, mut container: Container) -> Container {
    container.resources.get_or_insert_with(|| node.resources.1.to_kubernetes());
    let env = container.env.get_or_insert_default();
    if !node.wiring.peering.is_empty() {
        env.insert(0, env_config_map(SIBLINGS, &node.app.named(peering::CONFIG_MAP), peering::EXECUTION));
    }
    if let Some(url @ Endpoint::Secret(_)) = &node.wiring.sequencer_http {
        env.insert(0, url.env(SEQUENCER_URL));
    }
    env.insert(0, env_field("POD_NAME", "metadata.name"));
    if container.security_context.is_none() { restricted(container) } else { container }
}

fn op_node(node: &Node<'_>) -> Container {
    let probe = probe(node);
    restricted(Container {
        name: "op-node".into(),
        image: Some(node.spec().image.clone().unwrap_or_else(|| IMAGE.into())),
        command: Some(vec!["op-node".into()]),
        args: Some(args(node)),
        env: Some(env(node)),
        ports: Some(container_ports(node, "node-")),
        resources: Some(node.resources.0.to_kubernetes()),
        volume_mounts: Some(mounts(node)),
        // It waits for the engine, which may have a database to repair.
        startup_probe: probe.clone().map(|probe| startup(probe, 720)),
        liveness_probe: probe.clone().map(liveness),
        readiness_probe: probe.map(readiness),
        ..Default::default()
    })
}

/// What the kubelet can ask: `/healthz` of the RPC server, which op-node always answers, else the metrics, else p2p.
fn probe(node: &Node<'_>) -> Option<Probe> {
    let op_node = &node.spec().op_node;
    if node.rpc_reachable() {
        Some(http_probe("/healthz", op_node.rpc.port.to_port()))
    } else if node.metrics.reachable() {
        Some(http_probe(&node.metrics.path, node.metrics.port))
    } else {
        op_node.p2p.enabled.then(|| tcp_probe(op_node.p2p.listen_port.to_port()))
    }
}

/// The ports of a container, of which all names begin alike, that other pods reach.
pub fn container_ports(node: &Node<'_>, names: &str) -> Vec<ContainerPort> {
    let listeners = listeners(node);
    let port = |name: &str, number: u16, protocol: &str| ContainerPort {
        name: Some(name.into()),
        container_port: number.into(),
        protocol: Some(protocol.into()),
        ..Default::default()
    };
    let mut ports = vec![];
    for listener in listeners.iter().filter(|listener| listener.name.starts_with(names) && listener.reachable) {
        ports.push(port(listener.name, listener.port, "TCP"));
        if listener.udp {
            ports.push(port(&format!("{}-udp", listener.name), listener.port, "UDP"));
        }
    }
    ports
}

fn mounts(node: &Node<'_>) -> Vec<VolumeMount> {
    let keys =
        node.keys.jwt.iter().chain(&node.keys.p2p).map(|key| mount_read_only(&key.mount.volume, &key.mount.path));
    let mut mounts: Vec<_> = keys.collect();
    mounts.extend(node.chain.mounts.iter().cloned());
    mounts.extend(node.signing.as_ref().and_then(Signing::volume).map(|(_, mount)| mount));
    mounts.push(mount(DATA, DATA_DIR));
    mounts
}

fn volumes(node: &Node<'_>) -> Vec<Volume> {
    let mut volumes = [node.keys.volumes.clone(), node.chain.volumes.clone(), node.fragment.volumes.clone()].concat();
    volumes.extend(node.signing.as_ref().and_then(Signing::volume).map(|(volume, _)| volume));
    if !node.fragment.files.is_empty() {
        let source = ConfigMapVolumeSource { name: node.named(FILES.0), ..Default::default() };
        volumes.push(Volume { name: FILES.0.into(), config_map: Some(source), ..Default::default() });
    }
    if !node.spec().op_node.safe_db.enabled {
        // Peers are found again; nothing else of op-node's is worth a claim.
        volumes.push(scratch_volume(DATA));
    }
    volumes
}

/// Claims of each pod: the client's, op-node's where it keeps something, and op-conductor's.
pub fn claims(node: &Node<'_>) -> Vec<PersistentVolumeClaim> {
    let of_client = node.fragment.claims.iter().map(|wanted| {
        let size = Quantity(wanted.size.clone());
        let (class, snapshot) = (wanted.storage_class.as_deref(), wanted.snapshot.as_deref());
        claim(&node.app, &wanted.name, size, class, &wanted.access_mode, snapshot)
    });
    let safe_db = &node.spec().op_node.safe_db;
    let own = safe_db.enabled.then(|| {
        let storage = &safe_db.storage;
        claim(
            &node.app,
            DATA,
            storage.size.to_kubernetes(),
            storage.storage_class.as_deref(),
            storage.access_mode.as_str(),
            storage.snapshot.as_deref(),
        )
    });
    of_client.chain(own).chain(node.conductor.as_ref().map(|_| Conductor::claim(node))).collect()
}

/// Pods of one node prefer different machines. It stands there for a single pod, too: the template must not change with
/// the number of pods.
fn spread(node: &Node<'_>) -> Vec<TopologySpreadConstraint> {
    let constraint = TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        label_selector: Some(node.app.label_selector()),
        ..Default::default()
    };
    vec![constraint]
}
