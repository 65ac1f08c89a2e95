//! op-reth's part of a pod. It needs no first step: it makes its database from the chain's specification.

use k8s_openapi::api::core::v1::{Container, ContainerPort, VolumeMount};
use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{Claim, ClientFragment, ClientRequest, Ports};
use opstack_sdk::kubernetes::{liveness, mount, mount_read_only, readiness, restricted, startup, tcp_probe};

use crate::args::{METRICS_PORT, args, data_dir, has_file, unsupported};
use crate::owned;

const IMAGE: &str = "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-reth:v2.4.0";
/// Claim and volume; other clients and formats have others.
const DATA: &str = "data-reth";
/// Blocks in memory are written out when it stops.
const GRACE_SECONDS: i64 = 300;

/// The fragment.
///
/// # Errors
/// `waiting` for a chain that op-reth does not know.
pub fn fragment(request: &ClientRequest) -> Result<ClientFragment, Failure> {
    let storage = &request.settings.storage;
    Ok(ClientFragment {
        containers: vec![reth(request)?],
        claims: vec![Claim {
            name: DATA.into(),
            size: storage.size.to_string(),
            storage_class: storage.storage_class.clone(),
            access_mode: storage.access_mode.as_str().into(),
            snapshot: storage.snapshot.clone(),
        }],
        ports: ports(request),
        data_format: "reth".into(),
        grace_period_seconds: GRACE_SECONDS,
        unsupported: unsupported(request),
        engine_kind: "reth".into(),
        owned: owned::settings().0,
        ..ClientFragment::default()
    })
}

fn reth(request: &ClientRequest) -> Result<Container, Failure> {
    let ports = ports(request);
    let networking = &request.settings.networking;
    let http = ports.http.filter(|_| !networking.http.host.is_loopback());
    let probe = http.or(ports.p2p).map(tcp_probe);
    Ok(restricted(Container {
        name: "reth".into(),
        image: Some(request.image.clone().unwrap_or_else(|| IMAGE.into())),
        command: Some(vec!["op-reth".into()]),
        args: Some(args(request)?),
        ports: Some(container_ports(&ports)),
        volume_mounts: Some(mounts(request)),
        // It may have a database to repair.
        startup_probe: probe.clone().map(|probe| startup(probe, 720)),
        liveness_probe: probe.clone().map(liveness),
        readiness_probe: probe.map(readiness),
        ..Default::default()
    }))
}

fn mounts(request: &ClientRequest) -> Vec<VolumeMount> {
    let given = &request.mounts;
    let mut mounts = vec![
        mount(DATA, data_dir(request)),
        mount_read_only(&given.jwt.volume, &given.jwt.path),
        mount_read_only(&given.node_key.volume, &given.node_key.path),
    ];
    if let Some(genesis) = given.genesis.as_ref().filter(|_| has_file(request)) {
        mounts.push(mount_read_only(&genesis.volume, &genesis.path));
    }
    mounts
}

fn ports(request: &ClientRequest) -> Ports {
    let networking = &request.settings.networking;
    Ports {
        http: networking.http.enabled.then(|| networking.http.port.to_port()),
        ws: networking.ws.enabled.then(|| networking.ws.port.to_port()),
        engine: networking.authrpc.port.to_port(),
        p2p: Some(networking.p2p.port.to_port()),
        metrics: request.metrics.then_some(METRICS_PORT),
        metrics_path: request.metrics.then(|| "/metrics".into()),
    }
}

fn container_ports(ports: &Ports) -> Vec<ContainerPort> {
    let port = |name: &str, protocol: &str, number: Option<u16>| {
        number.map(|number| ContainerPort {
            name: Some(name.into()),
            container_port: number.into(),
            protocol: Some(protocol.into()),
            ..Default::default()
        })
    };
    let all = [
        port("geth-http", "TCP", ports.http),
        port("geth-ws", "TCP", ports.ws),
        port("geth-p2p", "TCP", ports.p2p),
        port("geth-p2p-udp", "UDP", ports.p2p),
        port("geth-metrics", "TCP", ports.metrics),
    ];
    all.into_iter().flatten().collect()
}
