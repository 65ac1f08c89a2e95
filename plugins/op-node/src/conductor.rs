//! op-conductor beside the op-node of a sequencer, where the sequencers of the network vote which of them makes the blocks.
//! Flags of optimism v1.19.6: `op-conductor/flags/flags.go`, `op-service/rpc/cli.go`.
//!
//! Exactly one begins the cluster, and only once: one that came back with an empty volume and began another one would lead
//! beside the first. The network's plugin says which, and for how long; it stands in a ConfigMap, which op-conductor reads when
//! it starts and whose change restarts none.
//!
//! It ends where op-node's port is closed when it starts (`op-conductor/conductor/service.go`, v1.19.6); the kubelet then starts
//! it again.

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, PersistentVolumeClaim, VolumeMount};
use opstack_sdk::Object;
use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::kubernetes::{
    claim, config_map, env_config_map, env_field, http_probe, liveness, mount, readiness, restricted, startup,
};
use opstack_sdk::opstack::conductor::member_id;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::overrides::{check_extra_args, with_extra_args, with_extra_env};
use opstack_sdk::opstack::shared::{Resources, ResourcesSpec};

use crate::flags::OP_CONDUCTOR;
use crate::owned;
use crate::resources::container_ports;
use crate::settle::Node;
use crate::spec::OpNodeSpec;
use crate::wiring::SequencerMode;

/// Release for which the arguments were written.
pub const IMAGE: &str = "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-conductor:v0.9.4";
/// Its metrics have a port beside op-node's, which is 7300 for both.
pub const METRICS_PORT: u16 = 7310;
/// Volume for what the members have agreed on.
const DATA: &str = "data-op-conductor";
const DATA_DIR: &str = "/data/op-conductor";
/// ConfigMap `<node>-conductor`.
const CONFIG_MAP: &str = "conductor";
/// Its key: whether this one begins the cluster.
const BOOTSTRAP: &str = "bootstrap";
/// op-conductor of a node, settled.
#[derive(Clone, Debug)]
pub struct Conductor {
    /// Whether it is the one that begins the cluster, or began it.
    is_founder: bool,
    /// Whether it is still to begin it.
    founds: bool,
    resources: Resources,
}

impl Conductor {
    /// That of a node whose network leaves the choice to op-conductor; nothing for others.
    ///
    /// # Errors
    /// `waiting` until the network has said who begins the cluster; `invalid` when the settings contradict each other.
    pub fn find(me: &Object<OpNodeSpec>, network: &Network, mode: &SequencerMode) -> Result<Option<Self>, Failure> {
        const PATH: &str = "spec.conductor.resources";
        if *mode != SequencerMode::Conducted {
            return Ok(None);
        }
        let cluster = network.status.sequencing.as_ref().and_then(|known| known.conductor.as_ref());
        let Some(cluster) = cluster.filter(|cluster| cluster.formed || cluster.founder.is_some()) else {
            let title = network.title();
            return Err(Failure::waiting(format!("{title} to say whose op-conductor begins the cluster")));
        };
        let documented = ResourcesSpec::of(("100m", "128Mi"), ("1", "512Mi"));
        let layers = [&me.spec.conductor.resources, &network.spec.shared_config.resources, &documented];
        let resources = Resources::inherit(layers, PATH).map_err(|error| Failure::Invalid(vec![error]))?;
        let is_founder = cluster.founder.as_deref() == Some(me.metadata.place().as_str());
        Ok(Some(Self { is_founder, founds: is_founder && !cluster.formed, resources }))
    }

    /// A text whose change restarts the pod: one that becomes the founder after it has started has to read so.
    pub fn restart_on(&self) -> Option<String> {
        self.is_founder.then(|| "founds the cluster of op-conductor".into())
    }

    /// op-node's arguments for it.
    pub fn args_of_op_node(spec: &OpNodeSpec) -> [String; 2] {
        ["--conductor.enabled=true".into(), format!("--conductor.rpc=http://127.0.0.1:{}", spec.conductor.rpc_port)]
    }

    /// The container.
    pub fn container(&self, node: &Node<'_>) -> Container {
        let spec = &node.spec().conductor;
        let probe = http_probe("/healthz", spec.rpc_port.to_port());
        restricted(Container {
            name: "op-conductor".into(),
            image: Some(spec.image.clone().unwrap_or_else(|| IMAGE.into())),
            command: Some(vec!["op-conductor".into()]),
            args: Some(args(node)),
            env: Some(env(node)),
            ports: Some(container_ports(node, "cond")),
            resources: Some(self.resources.to_kubernetes()),
            volume_mounts: Some(mounts(node)),
            // It waits for op-node, which waits for the engine.
            startup_probe: Some(startup(probe.clone(), 720)),
            liveness_probe: Some(liveness(probe.clone())),
            readiness_probe: Some(readiness(probe)),
            ..Default::default()
        })
    }

    /// Says whether it begins the cluster.
    pub fn config_map(&self, node: &Node<'_>) -> ConfigMap {
        config_map(&node.app, CONFIG_MAP, [(BOOTSTRAP, self.founds.to_string())])
    }

    /// Its volume.
    pub fn claim(node: &Node<'_>) -> PersistentVolumeClaim {
        let storage = &node.spec().conductor.storage;
        let (class, snapshot) = (storage.storage_class.as_deref(), storage.snapshot.as_deref());
        claim(&node.app, DATA, storage.size.to_kubernetes(), class, storage.access_mode.as_str(), snapshot)
    }
}

/// What is wrong with its settings.
pub fn errors(spec: &OpNodeSpec) -> Vec<FieldError> {
    const ARGS: &str = "spec.conductor.extraArgs";
    let conductor = &spec.conductor;
    let owned = owned::op_conductor();
    let secret = check_extra_args(&conductor.extra_args).err();
    let mut errors: Vec<_> = secret.map(|error| FieldError::new(ARGS, error.message)).into_iter().collect();
    errors.extend(owned.check_args(ARGS, &conductor.extra_args));
    errors.extend(owned.check_env("spec.conductor.extraEnv", &conductor.extra_env));
    let image = conductor.image.as_deref().unwrap_or(IMAGE);
    errors.extend(OP_CONDUCTOR.check_args(ARGS, &conductor.extra_args, image));
    errors
}

fn args(node: &Node<'_>) -> Vec<String> {
    let (spec, ports) = (node.spec(), &node.fragment.ports);
    let conductor = &spec.conductor;
    let health = &conductor.health_check;
    let mut args = vec![
        format!("--node.rpc=http://127.0.0.1:{}", spec.op_node.rpc.port),
        format!("--execution.rpc=http://127.0.0.1:{}", ports.http.unwrap_or_default()),
        "--consensus.addr=0.0.0.0".into(),
        format!("--consensus.port={}", conductor.consensus_port),
        format!("--consensus.advertised={}:{}", node.pod_name_in_dns(), conductor.consensus_port),
        format!("--raft.server.id={}", member_id(node.app.namespace(), "$(POD_NAME)")),
        format!("--raft.storage.dir={DATA_DIR}"),
        format!("--healthcheck.interval={}", health.interval_seconds),
        format!("--healthcheck.unsafe-interval={}", health.unsafe_interval_seconds),
        format!("--healthcheck.min-peer-count={}", health.min_peer_count),
        "--rpc.addr=0.0.0.0".into(),
        format!("--rpc.port={}", conductor.rpc_port),
        "--rpc.enable-proxy=true".into(),
    ];
    args.extend(node.chain.rollup_args().map(Into::into));
    args.extend(node.logging.args());
    args.extend(node.metrics.args(METRICS_PORT));
    with_extra_args(args, &conductor.extra_args)
}

fn env(node: &Node<'_>) -> Vec<EnvVar> {
    let bootstrap = env_config_map("OP_CONDUCTOR_RAFT_BOOTSTRAP", &node.app.named(CONFIG_MAP), BOOTSTRAP);
    with_extra_env(vec![env_field("POD_NAME", "metadata.name"), bootstrap], &node.spec().conductor.extra_env)
}

fn mounts(node: &Node<'_>) -> Vec<VolumeMount> {
    let mut mounts: Vec<_> = node.chain.rollup_mounts().cloned().collect();
    mounts.push(mount(DATA, DATA_DIR));
    mounts
}
