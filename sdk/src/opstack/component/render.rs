//! The objects of a component: its workload, and what belongs to it.

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvVar, PersistentVolumeClaim, PodTemplateSpec, Volume, VolumeMount,
};

use super::claim::Claim;
use super::{Component, Obstacle};
use crate::answer::{Answer, Condition, Failure};
use crate::kubernetes::{
    Hash, Sources, check_claims, headless_service, ingress_rule, network_policy, pods_in, port, service, stateful_set,
};
use crate::opstack::credentials;
use crate::opstack::mounted::MountedFile;
use crate::opstack::overrides;
use crate::opstack::signing::{Signing, TlsSwitch};
use crate::opstack::status::{Phase, READY};
use crate::opstack::storage::ClaimRetention;

/// How soon one looks who else has claimed the account, in milliseconds.
const CLAIM_MS: u32 = 250;

/// The RPC server of a program, if it has one.
#[derive(Clone, Copy, Debug)]
pub struct RpcServer {
    /// Port.
    pub port: u16,
    /// Whether it listens on more than the loopback.
    pub reachable: bool,
}

/// What a plugin adds to the pod of its component.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Environment of the program.
    pub env: Vec<EnvVar>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Where they are mounted.
    pub mounts: Vec<VolumeMount>,
    /// Run before the program.
    pub init_containers: Vec<Container>,
    /// ConfigMaps that the pod mounts and nobody else makes.
    pub config_maps: Vec<ConfigMap>,
    /// Claims.
    pub claims: Vec<PersistentVolumeClaim>,
    /// What becomes of the claims.
    pub retention: ClaimRetention,
    /// The program's RPC server.
    pub rpc: Option<RpcServer>,
    /// How the program is told whether it speaks TLS with a remote signer.
    pub tls_switch: TlsSwitch,
    /// What else the program reads at its start only: texts whose change restarts the pod.
    pub restart_on: Vec<String>,
}

impl Work {
    /// Adds a file of the chain.
    pub fn file(&mut self, file: MountedFile) {
        let MountedFile { volume, mount, init, copy, restart_on } = file;
        self.volumes.push(volume);
        self.mounts.push(mount);
        self.init_containers.extend(init);
        self.config_maps.extend(copy);
        self.restart_on.push(restart_on);
    }
}

impl Component<'_> {
    /// The answer with the workload and what belongs to it; without a pod while another process signs for the account, or
    /// may do so.
    ///
    /// # Errors
    /// `invalid` for contradictions in the spec.
    pub fn answer<S>(
        &self,
        signing: &Signing,
        status: impl FnOnce(Phase) -> S,
        work: Work,
    ) -> Result<Answer<S>, Failure> {
        let claim = self.claim(signing)?;
        let free = self.processes.check(self.program.name).and_then(|()| claim.obstacle.clone().map_or(Ok(()), Err));
        let mut answer = match free {
            Ok(()) => {
                let (phase, not_ready) = self.phase();
                let mut answer = Answer::new(status(phase));
                self.render(&mut answer, (signing, &claim), work, self.common.replicas)?;
                answer.conditions.extend(not_ready);
                answer
            }
            Err(Obstacle { phase, reason, message }) => {
                let mut answer = Answer::new(status(phase));
                self.render(&mut answer, (signing, &claim), work, 0)?;
                answer.condition(Condition::no(READY, reason, message));
                answer
            }
        };
        answer.requeue_after_ms = claim.again.then_some(CLAIM_MS);
        Ok(answer)
    }

    fn render<S>(
        &self,
        answer: &mut Answer<S>,
        (signing, claim): (&Signing, &Claim),
        work: Work,
        pods: i32,
    ) -> Result<(), Failure> {
        self.check_ports(work.rpc)?;
        let probed = self.probed_port(work.rpc).is_some();
        let rpc = work.rpc.filter(|rpc| rpc.reachable);
        let (claims, retention) = (work.claims.clone(), work.retention);
        check_claims(&claims)?;
        for config_map in &work.config_maps {
            answer.child(config_map);
        }
        let mut urls = work.env.clone();
        urls.push(self.l1.env(&format!("{}_L1_ETH_RPC", self.program.prefix)));
        let named = urls.iter().map(|variable| (variable.name.as_str(), variable.value.as_ref()));
        answer.events.extend(credentials::warning(named));
        let template = self.template(signing, work)?;
        answer.child(&self.service_account(claim));
        self.render_services(answer, rpc);
        answer.child(&headless_service(&self.app, vec![]));
        let mut workload = stateful_set(&self.app, pods, template, claims);
        retention.apply(&mut workload);
        answer.child(&workload);
        if !probed && !self.stopped() {
            answer.warn("NotProbed", format!(
                "neither metrics nor the RPC server of {} listen on more than the loopback, so Kubernetes can't tell whether it works; enable spec.metrics",
                self.program.name
            ));
        }
        Ok(())
    }

    /// The Service with what others may dial, and the policy that keeps the admin API from them.
    fn render_services<S>(&self, answer: &mut Answer<S>, rpc: Option<RpcServer>) {
        let wish = self.common.network_policy;
        let mut ports = vec![];
        let mut rules = vec![];
        if let Some(rpc) = rpc {
            ports.push(port("rpc", rpc.port));
            let operator = pods_in([self.cx.facts.operator_namespace.as_str()], []);
            let peers = operator.into_iter().chain(wish.also_from.clone()).collect();
            rules.push(ingress_rule(Sources::Peers(peers), &[("TCP", rpc.port)]));
        }
        if self.metrics.reachable() {
            ports.push(port("metrics", self.metrics.port));
            rules.push(ingress_rule(wish.metrics_sources(), &[("TCP", self.metrics.port)]));
        }
        // A Service without ports is refused by the API server.
        if !ports.is_empty() {
            answer.child(&service(&self.app, ports));
        }
        if wish.enabled {
            answer.child(&network_policy(&self.app, rules));
        }
    }

    fn check_ports(&self, rpc: Option<RpcServer>) -> Result<(), Failure> {
        match rpc {
            Some(rpc) if self.metrics.enabled && rpc.port == self.metrics.port => Err(Failure::invalid(
                "spec.rpc.port",
                format!("{} is the port of the metrics too; change this or spec.metrics.port", rpc.port),
            )),
            _ => Ok(()),
        }
    }

    fn template(&self, signing: &Signing, work: Work) -> Result<PodTemplateSpec, Failure> {
        let l1 = self.l1_fingerprint.as_deref().unwrap_or_default();
        let hash = Hash::of([signing.fingerprint(), l1]);
        let hash = work.restart_on.iter().fold(hash, |hash, text| hash.with(text));
        let programs = [(self.program.name, &self.program.owned_settings())];
        overrides::with_pod_template(self.pod_template(signing, work, hash), self.common.pod_template, &programs)
    }
}
