//! A component that runs one program with an account on L1: op-batcher, op-proposer, op-challenger.
//!
//! What they share is decided here once: the fields every spec has, inheritance, arguments and environment of
//! `op-service`, the pod, and the objects around it. A plugin adds its program's own arguments and its facts.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;

use super::consent::MemberRole;
use super::endpoint::Endpoint;
use super::flags::Flags;
use super::honoured::Honoured;
use super::network::Network;
use super::overrides;
use super::owned::{KEYS, METRICS as METRICS_FLAGS, Owned, OwnedSettings, RPC};
use super::references::Reference;
use super::resources::{Resources, ResourcesSpec};
use super::shared::{Logging, Metrics, Security};
use super::signing::{NoSigner, Signing};
use super::status::{ERROR, PENDING, Phase};
use super::upstream::L2;
use super::{BATCHER, CHALLENGER, NETWORK, NODE, PROPOSER};
use crate::answer::{Condition, Failure};
use crate::cluster::{Context, kind_of};
use crate::kubernetes::{App, Component as Labels, NAME_RULES, check_name, check_new_name};
use crate::manifest::{Column, Kind, Manifest, Targets};
use crate::object::Metadata;

mod account;
mod claim;
mod observe;
mod obstacle;
mod pod;
mod processes;
mod render;
mod source;
mod spec;

pub use account::{Account, LastSent, Sent};
pub use observe::METRICS;
pub use obstacle::{Obstacle, obstacle};
pub use processes::{PROCESS_ENDED, Process};
pub use render::{RpcServer, Work};
pub use source::{Source, Wanted};
pub use spec::Common;

use processes::Processes;

/// The program of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Name of the executable, and of the container: `op-batcher`.
    pub name: &'static str,
    /// Role in labels: `batcher`.
    pub role: &'static str,
    /// Prefix of its environment variables: `OP_BATCHER`.
    pub prefix: &'static str,
    /// Metrics that tell whether it has started, and its version: `op_batcher_default_up`, `op_batcher_default_info`.
    pub vital: [&'static str; 2],
    /// Image where the spec names none.
    pub image: &'static str,
    /// Documented requests: (CPU, memory).
    pub requests: (&'static str, &'static str),
    /// Documented limits: (CPU, memory).
    pub limits: (&'static str, &'static str),
    /// What it needs to stop cleanly.
    pub grace_seconds: i64,
    /// Which flags it has, by release.
    pub flags: Flags,
    /// Settings that are the operator's, beside those of keys, metrics and RPC, which every program has.
    pub owned: &'static [Owned],
}

impl Program {
    /// The settings that no hand may change.
    pub fn owned_settings(&self) -> OwnedSettings {
        OwnedSettings::of(self.prefix, &[KEYS, METRICS_FLAGS, RPC, self.owned])
    }

    /// Checks what the user adds to the program.
    fn check_extra(&self, common: &Common<'_>) -> Result<(), Failure> {
        const ARGS: &str = "spec.extraArgs";
        let owned = self.owned_settings();
        let mut errors: Vec<_> = overrides::check_extra_args(common.extra_args).err().into_iter().collect();
        errors.extend(owned.check_args(ARGS, common.extra_args));
        errors.extend(owned.check_env("spec.extraEnv", common.extra_env));
        let image = common.image.map_or(self.image, String::as_str);
        errors.extend(self.flags.check_args(ARGS, common.extra_args, image));
        Failure::check(errors)
    }
}

/// The manifest of a component: what every one of them reads, owns and shows.
pub fn manifest(program: &Program, version: &'static str, kind: Kind) -> Manifest {
    Manifest {
        columns: vec![
            Column::text("Phase", ".status.phase"),
            Column::text("Network", ".spec.optimismNetworkRef.name"),
            Column::text("Account", ".status.account").wide(),
            Column::text("Balance", ".status.balance"),
        ],
        belongs_to: Some(NETWORK.at(".spec.optimismNetworkRef")),
        fed_by: vec![NODE.at(".status.sources[*]")],
        rules: vec![(
            "has(self.privateKey) != has(self.signer)",
            "exactly one of privateKey and signer is needed: who signs the transactions on L1?",
        )],
        object_rules: NAME_RULES.to_vec(),
        reads: vec![
            NETWORK.to_ref(),
            // Whether the network permits the object's namespace.
            kind_of::<Namespace>(),
            // Who else claims the account.
            BATCHER.to_ref(),
            PROPOSER.to_ref(),
            CHALLENGER.to_ref(),
            kind_of::<ServiceAccount>(),
            kind_of::<Secret>(),
            // Which processes may be running.
            kind_of::<StatefulSet>(),
            kind_of::<Pod>(),
            kind_of::<Node>(),
        ],
        owns: vec![
            kind_of::<ServiceAccount>(),
            kind_of::<Service>(),
            kind_of::<NetworkPolicy>(),
            kind_of::<StatefulSet>(),
            // Earlier versions of the operator made one in place of the StatefulSet: it is seen, and pruned.
            kind_of::<Deployment>(),
        ],
        targets: Targets::of_users(),
        rpc_methods: ["eth_chainId"].into_iter().chain(account::METHODS).collect(),
        phases: Some((PENDING, ERROR)),
        ..Manifest::new(program.name, version, kind)
    }
}

/// A component after inheritance.
pub struct Component<'a> {
    /// The call.
    pub cx: &'a Context<'a>,
    /// The object.
    pub metadata: &'a Metadata,
    /// Names and labels of the children.
    pub app: App,
    /// Its network.
    pub network: Network,
    /// The L1 execution RPC.
    pub l1: Endpoint,
    /// Metrics settings.
    pub metrics: Metrics,
    l1_fingerprint: Option<String>,
    processes: Processes,
    program: &'static Program,
    common: Common<'a>,
    logging: Logging,
    resources: Resources,
    security: Security,
}

impl<'a> Component<'a> {
    /// Finds the network and settles what is inherited from it. `status` is what was reported last.
    ///
    /// # Errors
    /// `waiting` when the network, its L1 endpoint or the Secret of that is missing; `not permitted` when the network is that of
    /// another namespace and does not permit this one; `invalid` for contradictions.
    pub fn open(
        cx: &'a Context<'a>,
        (metadata, status): (&'a Metadata, &Value),
        program: &'static Program,
        common: Common<'a>,
    ) -> Result<Self, Failure> {
        let invalid = |error| Failure::Invalid(vec![error]);
        check_name(metadata).map_err(invalid)?;
        if status.is_null() {
            check_new_name(metadata).map_err(invalid)?;
        }
        program.check_extra(&common)?;
        let unclear: Vec<_> = common.network_policy.errors().collect();
        if !unclear.is_empty() {
            return Err(Failure::Invalid(unclear));
        }
        let network = Network::find(cx, MemberRole::Component, &metadata.namespace, common.network)?;
        let shared = &network.spec.shared_config;
        let documented = ResourcesSpec::of(program.requests, program.limits);
        let layers = [common.resources, &shared.resources, &documented];
        let resources = Resources::inherit(layers, "spec.resources").map_err(invalid)?;
        let labels = Labels { program: program.name, role: program.role };
        let l1 = network.l1_rpc(common.l1)?;
        let app = App::new(&metadata.namespace, &metadata.name, labels);
        Ok(Self {
            cx,
            metadata,
            processes: Processes::find(cx, &app, metadata, status)?,
            app,
            l1_fingerprint: l1.fingerprint(cx, &metadata.namespace)?,
            l1,
            metrics: Metrics::inherit(common.metrics, &shared.metrics),
            logging: Logging::inherit(common.logging, &shared.logging),
            security: Security::inherit(common.security, &shared.security).map_err(invalid)?,
            resources,
            program,
            common,
            network,
        })
    }

    /// Namespace of the object and its children.
    pub fn namespace(&self) -> &str {
        &self.metadata.namespace
    }

    /// Where the L2 is found; `node` is `spec.sequencerRef`.
    pub fn l2<'b>(&'b self, node: Option<&'b Reference>) -> L2<'b> {
        L2 { cx: self.cx, namespace: self.namespace(), network: &self.network, node }
    }

    /// Who signs; see [`Signing::find`].
    ///
    /// # Errors
    /// As there.
    pub fn signing(&self) -> Result<Result<Signing, NoSigner>, Failure> {
        Signing::find(self.cx, self.namespace(), self.common.private_key, self.common.signer)
    }

    /// Notes the user's variables that have no effect; `args` are those that the plugin renders, made where there are any variables.
    pub fn note_variables(&self, honoured: &mut Honoured, args: impl FnOnce() -> Vec<String>) {
        if self.common.extra_env.is_empty() {
            return;
        }
        let shared = [self.logging.args(), self.metrics.args(self.metrics.port)].concat();
        let all = [args(), shared, self.common.extra_args.to_vec()].concat();
        honoured.note_variables("spec.extraEnv", &self.program.flags, &all, self.common.extra_env);
    }

    /// The processes that may be running, for `status.processes`.
    pub fn processes(&self) -> Vec<Process> {
        self.processes.alive.clone()
    }

    /// Whether the user wants no pod.
    pub fn stopped(&self) -> bool {
        self.common.replicas == 0
    }

    /// The phase, from how the workload is doing and what the program says, and what keeps the object from being ready: a pod
    /// that is ready runs a program that answers.
    fn phase(&self) -> (Phase, Option<Condition>) {
        match Phase::of_workload(self.cx, "StatefulSet", &self.metadata.name, self.common.replicas) {
            Phase::Running => (self.phase_of_program(), self.not_ready()),
            phase => (phase, None),
        }
    }
}
