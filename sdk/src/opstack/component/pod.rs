//! The pod of a component: one container, whatever the plugin adds, and what every program takes alike.

use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodTemplateSpec, Probe};

use super::{Component, RpcServer, Work};
use crate::kubernetes::{Hash, http_probe, liveness, pod_spec, pod_template, readiness, restricted, startup};
use crate::opstack::active::{NETWORK, network_label};
use crate::opstack::overrides::{with_extra_args, with_extra_env};
use crate::opstack::signing::Signing;

impl Component<'_> {
    pub(super) fn pod_template(&self, signing: &Signing, work: Work, hash: Hash) -> PodTemplateSpec {
        let (probe, ports) = (self.probed_port(work.rpc), self.container_ports(work.rpc));
        let Work { mut args, mut env, mut volumes, mut mounts, init_containers, tls_switch, .. } = work;
        args.extend(signing.args(tls_switch));
        args.extend(self.logging.args());
        args.extend(self.metrics.args(self.metrics.port));
        let args = with_extra_args(args, self.common.extra_args);
        // The L1 endpoint may carry an API key, the key is a secret: both by environment.
        env.insert(0, self.l1.env(&format!("{}_L1_ETH_RPC", self.program.prefix)));
        env.extend(signing.env(self.program.prefix));
        if let Some((volume, mount)) = signing.volume() {
            volumes.push(volume);
            mounts.push(mount);
        }
        let container = restricted(Container {
            name: self.program.name.into(),
            image: Some(self.common.image.map_or(self.program.image, String::as_str).into()),
            // The images name their program as a command, not as an entry point.
            command: Some(vec![self.program.name.into()]),
            args: Some(args),
            env: Some(with_extra_env(env, self.common.extra_env)),
            ports: (!ports.is_empty()).then_some(ports),
            resources: Some(self.resources.to_kubernetes()),
            volume_mounts: (!mounts.is_empty()).then_some(mounts),
            startup_probe: probe.clone().map(|probe| startup(probe, 5)),
            liveness_probe: probe.clone().map(liveness),
            readiness_probe: probe.map(readiness),
            ..Default::default()
        });
        let spec = PodSpec {
            init_containers: (!init_containers.is_empty()).then_some(init_containers),
            containers: vec![container],
            volumes: (!volumes.is_empty()).then_some(volumes),
            ..pod_spec(&self.app, &self.security, self.program.grace_seconds)
        };
        let mut template = pod_template(&self.app, spec, hash);
        // By it sequencers know whom they let in.
        let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
        labels.insert(NETWORK.into(), network_label(&self.network.namespace, &self.network.name));
        template
    }

    /// What the kubelet, which dials the pod's address, can ask: `/healthz` of the RPC server, or the metrics.
    pub(super) fn probed_port(&self, rpc: Option<RpcServer>) -> Option<Probe> {
        match rpc {
            Some(rpc) if rpc.reachable => Some(http_probe("/healthz", rpc.port)),
            _ if self.metrics.reachable() => Some(http_probe(&self.metrics.path, self.metrics.port)),
            _ => None,
        }
    }

    fn container_ports(&self, rpc: Option<RpcServer>) -> Vec<ContainerPort> {
        let port = |name: &str, number: u16| ContainerPort {
            name: Some(name.into()),
            container_port: number.into(),
            protocol: Some("TCP".into()),
            ..Default::default()
        };
        let rpc = rpc.filter(|rpc| rpc.reachable).map(|rpc| port("rpc", rpc.port));
        let metrics = self.metrics.reachable().then(|| port("metrics", self.metrics.port));
        rpc.into_iter().chain(metrics).collect()
    }
}
