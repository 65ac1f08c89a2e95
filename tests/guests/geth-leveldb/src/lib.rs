//! An execution client by a stranger: op-geth on LevelDB. Its data directory and its claim are none that the plugin `geth`
//! has, so a node that changes from one to the other keeps two databases of one chain.
//!
//! It serves what a replica of a small chain needs, and names nothing else as unsupported: it is for tests.

use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{Claim, ClientFragment, ClientRequest, ExecutionClient, Genesis, Ports};
use opstack_sdk::k8s_openapi::api::core::v1::{Container, ContainerPort};
use opstack_sdk::kubernetes::{env_value, liveness, mount, mount_read_only, readiness, restricted, startup, tcp_probe};

const NAME: &str = "geth-leveldb";
const IMAGE: &str = "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-geth:v1.101702.3";
const CLAIM: &str = "data-geth-leveldb";
const DIRECTORY: &str = "/data/geth-leveldb";
/// An environment variable of the client that no program reads. Tests put another text of this length into the module, for
/// another version of the plugin.
const VERSION: &str = "the first version of geth-leveldb";
/// A genesis is written once; a database that is there is left alone. The first argument is the data directory.
const INIT: &str = r#"data=$1; shift; [ -d "$data/geth/chaindata" ] || exec geth init "$@""#;

/// op-geth on LevelDB.
pub struct GethLevelDb;

opstack_sdk::register_execution_client!(GethLevelDb);

impl ExecutionClient for GethLevelDb {
    const NAME: &'static str = NAME;
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DATA_FORMAT: &'static str = "leveldb";

    fn render(request: &ClientRequest) -> Result<ClientFragment, Failure> {
        let storage = &request.settings.storage;
        let claim = Claim {
            name: CLAIM.into(),
            size: storage.size.to_string(),
            storage_class: storage.storage_class.clone(),
            access_mode: storage.access_mode.as_str().into(),
            snapshot: None,
        };
        Ok(ClientFragment {
            containers: vec![client(request)],
            init_containers: init(request).into_iter().collect(),
            claims: vec![claim],
            ports: ports(request),
            data_format: Self::DATA_FORMAT.into(),
            immutable: "dbEngine=leveldb".into(),
            grace_period_seconds: 300,
            engine_kind: "geth".into(),
            ..ClientFragment::default()
        })
    }
}

/// What `geth init` and `geth` must agree on. LevelDB holds states by hash.
fn database() -> Vec<String> {
    vec![format!("--datadir={DIRECTORY}"), "--db.engine=leveldb".into(), "--state.scheme=hash".into()]
}

fn init(request: &ClientRequest) -> Option<Container> {
    let (Genesis::File(file), Some(genesis)) = (&request.genesis, &request.mounts.genesis) else { return None };
    let args = [vec![NAME.into(), DIRECTORY.into()], database(), vec![file.clone()]].concat();
    Some(restricted(Container {
        name: format!("{NAME}-init"),
        image: image(request),
        command: Some(["/bin/sh", "-ec", INIT].map(Into::into).to_vec()),
        args: Some(args),
        volume_mounts: Some(vec![mount(CLAIM, DIRECTORY), mount_read_only(&genesis.volume, &genesis.path)]),
        ..Default::default()
    }))
}

fn client(request: &ClientRequest) -> Container {
    let (mounts, ports) = (&request.mounts, ports(request));
    let probe = ports.p2p.map(tcp_probe);
    restricted(Container {
        name: NAME.into(),
        image: image(request),
        command: Some(vec!["geth".into()]),
        args: Some(args(request)),
        env: Some(vec![env_value("GETH_LEVELDB_VERSION", VERSION)]),
        ports: Some([("geth-http", ports.http), ("geth-p2p", ports.p2p)].into_iter().filter_map(port).collect()),
        volume_mounts: Some(vec![
            mount(CLAIM, DIRECTORY),
            mount_read_only(&mounts.jwt.volume, &mounts.jwt.path),
            mount_read_only(&mounts.node_key.volume, &mounts.node_key.path),
        ]),
        startup_probe: probe.clone().map(|probe| startup(probe, 720)),
        liveness_probe: probe.clone().map(liveness),
        readiness_probe: probe.map(readiness),
        ..Default::default()
    })
}

fn args(request: &ClientRequest) -> Vec<String> {
    let networking = &request.settings.networking;
    let mut args = database();
    args.extend([
        "--syncmode=full".into(),
        "--ipcdisable".into(),
        "--authrpc.addr=127.0.0.1".into(),
        format!("--authrpc.port={}", networking.authrpc.port),
        "--authrpc.vhosts=*".into(),
        format!("--authrpc.jwtsecret={}", request.jwt_path),
        "--http".into(),
        format!("--http.addr={}", networking.http.host),
        format!("--http.port={}", networking.http.port),
        "--http.vhosts=*".into(),
        format!("--port={}", networking.p2p.port),
        format!("--nodekey={}", request.node_key),
        "--nat=none".into(),
        "--bootnodes=".into(),
    ]);
    args.extend(request.sequencer_http.iter().map(|url| format!("--rollup.sequencerhttp={url}")));
    args.extend(request.extra_args.iter().cloned());
    args
}

fn image(request: &ClientRequest) -> Option<String> {
    Some(request.image.clone().unwrap_or_else(|| IMAGE.into()))
}

fn ports(request: &ClientRequest) -> Ports {
    let networking = &request.settings.networking;
    Ports {
        http: Some(networking.http.port.to_port()),
        engine: networking.authrpc.port.to_port(),
        p2p: Some(networking.p2p.port.to_port()),
        ..Ports::default()
    }
}

fn port((name, number): (&str, Option<u16>)) -> Option<ContainerPort> {
    number.map(|number| ContainerPort {
        name: Some(name.into()),
        container_port: number.into(),
        protocol: Some("TCP".into()),
        ..Default::default()
    })
}
