//! op-geth's part of a pod.

use k8s_openapi::api::core::v1::{Container, ContainerPort, VolumeMount};
use opstack_sdk::execution::{Claim, ClientFragment, ClientRequest, Genesis, Ports};
use opstack_sdk::kubernetes::{liveness, mount, mount_read_only, readiness, restricted, startup, tcp_probe};
use std::collections::BTreeMap;

use crate::args::{CONFIG, METRICS_PORT, args, config, data, data_dir, has_config, restart_on, unsupported};
use crate::owned;

const IMAGE: &str = "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-geth:v1.101702.3";
/// Claim and volume; other clients and formats have others.
const DATA: &str = "data-geth";
/// Its database is written out when it stops.
const GRACE_SECONDS: i64 = 300;

/// `geth init` runs once: only where there is no chain yet, or where it was interrupted, which would otherwise leave a
/// database that geth takes for Ethereum's. The first argument is the data directory.
const INIT: &str = r#"data=$1; shift
if [ -d "$data/geth/chaindata" ] && [ ! -e "$data/init-unfinished" ]; then
  echo "the chain is there already"
  exit 0
fi
touch "$data/init-unfinished"
geth init "$@"
rm "$data/init-unfinished"
"#;

/// The fragment.
pub fn fragment(request: &ClientRequest) -> ClientFragment {
    let settings = &request.settings;
    let storage = &settings.storage;
    let files = has_config(request).then(|| (CONFIG.to_string(), config(request)));
    ClientFragment {
        containers: vec![geth(request)],
        init_containers: init(request).into_iter().collect(),
        volumes: vec![],
        claims: vec![Claim {
            name: DATA.into(),
            size: storage.size.to_string(),
            storage_class: storage.storage_class.clone(),
            access_mode: storage.access_mode.as_str().into(),
            snapshot: storage.snapshot.clone(),
        }],
        restart_on: has_config(request).then(|| restart_on(request)),
        files: files.into_iter().collect::<BTreeMap<_, _>>(),
        ports: ports(request),
        data_format: "geth".into(),
        immutable: format!("stateScheme={} dbEngine={}", settings.state_scheme.as_str(), settings.db_engine.as_str()),
        grace_period_seconds: GRACE_SECONDS,
        unsupported: unsupported(request),
        engine_kind: "geth".into(),
        owned: owned::settings().0,
    }
}

fn image(request: &ClientRequest) -> Option<String> {
    Some(request.image.clone().unwrap_or_else(|| IMAGE.into()))
}

/// A chain of the registry needs no file: geth makes it from its name at the first start.
fn init(request: &ClientRequest) -> Option<Container> {
    let (Genesis::File(file), Some(genesis)) = (&request.genesis, &request.mounts.genesis) else { return None };
    let mut args = vec!["geth-init".into(), data_dir(request).into()];
    args.extend(data(request));
    args.push(file.clone());
    Some(restricted(Container {
        name: "geth-init".into(),
        image: image(request),
        command: Some(["/bin/sh", "-ec", INIT].map(Into::into).to_vec()),
        args: Some(args),
        volume_mounts: Some(vec![mount(DATA, data_dir(request)), mount_read_only(&genesis.volume, &genesis.path)]),
        ..Default::default()
    }))
}

/// geth is the container's first process, without a shell, so that it gets the signal to stop.
fn geth(request: &ClientRequest) -> Container {
    let ports = ports(request);
    let networking = &request.settings.networking;
    // GET / on the RPC port answers 200, but to nobody on the loopback; p2p listens always.
    let http = ports.http.filter(|_| !networking.http.host.is_loopback());
    let probe = http.or(ports.p2p).map(tcp_probe);
    restricted(Container {
        name: "geth".into(),
        image: image(request),
        command: Some(vec!["geth".into()]),
        args: Some(args(request)),
        ports: Some(container_ports(&ports)),
        volume_mounts: Some(mounts(request)),
        // It may have a database to repair.
        startup_probe: probe.clone().map(|probe| startup(probe, 720)),
        liveness_probe: probe.clone().map(liveness),
        readiness_probe: probe.map(readiness),
        ..Default::default()
    })
}

fn mounts(request: &ClientRequest) -> Vec<VolumeMount> {
    let given = &request.mounts;
    let mut mounts = vec![
        mount(DATA, data_dir(request)),
        mount_read_only(&given.jwt.volume, &given.jwt.path),
        mount_read_only(&given.node_key.volume, &given.node_key.path),
    ];
    if has_config(request) {
        mounts.push(mount_read_only(&given.files.volume, &given.files.path));
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
        metrics_path: request.metrics.then(|| "/debug/metrics/prometheus".into()),
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
