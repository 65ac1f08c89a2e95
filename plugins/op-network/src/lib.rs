//! The kind `OptimismNetwork`: what all components of one chain share.
//!
//! The plugin checks the spec, publishes the chain's files in ConfigMaps, names the contracts, and watches L1.
//! It never invents a file or an address: what nobody gave is reported as missing.
//!
//! It makes no engine JWT for its nodes: each has one of its own, since a shared one would let any of them drive the
//! others' execution clients.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node as Machine, Pod, Secret, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use opstack_sdk::answer::{Answer, Failure, Finalized};
use opstack_sdk::cluster::{Context, kind_of};
use opstack_sdk::kubernetes::{App, Component, check_child_name};
use opstack_sdk::manifest::{Column, Manifest, Targets};
use opstack_sdk::opstack::allowed;
use opstack_sdk::opstack::consent::Consent;
use opstack_sdk::opstack::network::{L1_CHAIN_CONFIG, NetworkSpec, NetworkStatus};
use opstack_sdk::opstack::node::Node;
use opstack_sdk::opstack::{self, BATCHER, CHALLENGER, NETWORK, NODE, PROPOSER};
use opstack_sdk::{Object, Workload, register_workload};

mod ask;
pub mod conducting;
mod contracts;
mod discovery;
mod files;
mod honour;
mod l1;
mod l2;
mod pace;
mod registry;
mod roles;
mod rollup;
pub mod sequencing;
mod status;
mod users;

/// The plugin.
pub struct OptimismNetwork;

register_workload!(OptimismNetwork);

impl Workload for OptimismNetwork {
    type Spec = NetworkSpec;
    type Status = NetworkStatus;

    fn manifest() -> Manifest {
        let users = [NODE, BATCHER, PROPOSER, CHALLENGER].map(opstack_sdk::Kind::to_ref);
        Manifest {
            columns: vec![
                Column::text("Phase", ".status.phase"),
                Column::integer("Chain", ".spec.chainID"),
                Column::integer("L1", ".spec.l1ChainID"),
                Column::text("Sequencer", ".status.sequencing.active"),
                Column::text("L1 Connected", ".status.conditions[?(@.type==\"L1Connected\")].status"),
            ],
            rules: [
                (
                    "has(self.l1RpcUrl) || has(self.l1RpcUrlFrom)",
                    "an L1 endpoint is needed: set l1RpcUrl, or l1RpcUrlFrom.secretKeyRef where the URL holds an API key",
                ),
                (
                    "!has(self.rollupConfig) || !has(self.rollupConfig.url) || has(self.rollupConfig.sha256)",
                    "rollupConfig.url needs rollupConfig.sha256",
                ),
                (
                    "!has(self.l2Genesis) || !has(self.l2Genesis.url) || has(self.l2Genesis.sha256)",
                    "l2Genesis.url needs l2Genesis.sha256",
                ),
                (
                    "!has(self.l1ChainConfig) || !has(self.l1ChainConfig.url) || has(self.l1ChainConfig.sha256)",
                    "l1ChainConfig.url needs l1ChainConfig.sha256",
                ),
            ]
            .into_iter()
            .chain(allowed::RULES)
            .collect(),
            reads: [kind_of::<ConfigMap>(), kind_of::<Namespace>(), kind_of::<Secret>(), kind_of::<StatefulSet>()]
                .into_iter()
                // Which pod a sequencer is, and whether the machine under it is out of service.
                .chain([kind_of::<Pod>(), kind_of::<Machine>()])
                .chain(users)
                .collect(),
            owns: vec![kind_of::<ConfigMap>(), kind_of::<Service>(), kind_of::<PodDisruptionBudget>()],
            targets: Targets::of_users(),
            rpc_methods: ["eth_chainId", "eth_blockNumber", "eth_getCode", "eth_call", "optimism_rollupConfig"]
                .into_iter()
                .chain(sequencing::METHODS)
                .chain(conducting::METHODS)
                .collect(),
            phases: Some((opstack::status::PENDING, opstack::status::ERROR)),
            ..Manifest::new("op-network", env!("CARGO_PKG_VERSION"), NETWORK)
        }
    }

    fn reconcile(cx: &Context<'_>, object: &Object<NetworkSpec>) -> Result<Answer<NetworkStatus>, Failure> {
        let app = App::new(
            &object.metadata.namespace,
            &object.metadata.name,
            Component { program: "optimism-network", role: "network" },
        );
        let mut wrong = object.spec.allowed_namespaces.errors();
        wrong.extend(object.spec.l1_errors());
        wrong.extend(object.spec.chain_id_error());
        wrong.extend(check_child_name(&object.metadata, L1_CHAIN_CONFIG.suffix).err());
        if !wrong.is_empty() {
            return Err(Failure::Invalid(wrong));
        }
        let consent = consent(object);
        let sequencers = Node::sequencers(cx, consent);
        let l2 = l2::L2::find(cx, object, &sequencers);
        let (running, rollup_probe) = l2.rollup_config(cx);
        let files = files::Files::gather(cx, &app, &object.spec, &running)?;
        let l1 = l1::L1::look(cx, &object.metadata.namespace, &object.spec)?;
        let (known, probes) = contracts::find(cx, object, &files, &l1);
        let mut answer = status::answer(&object.metadata.name, &files, &known, &l1);
        files.publish(&mut answer, &app);
        let (predeploys, l2_probes) = l2.predeploys(cx, object.spec.chain_id.get(), pace::cached(&object.spec));
        answer.condition(predeploys);
        answer.probes.extend(l1.probe.into_iter().chain(probes).chain(l2_probes));
        answer.probes.extend(rollup_probe.filter(|_| files::are_discovered(&object.spec)));
        answer.condition(honour::honoured(&object.spec).condition());
        let asked = sequencing::nodes::asked(cx, consent, &object.status, &sequencers);
        sequencing::operate(cx, object, &asked, &mut answer)?;
        // While something is wrong, all children are left as they are.
        if files.problem.is_none() {
            sequencing::service::render(&app, &object.spec, &sequencers, &mut answer);
            sequencing::budget::render(&app, &sequencers, &mut answer);
        }
        status::warn(&mut answer, &object.spec);
        Ok(answer)
    }

    fn finalize(cx: &Context<'_>, object: &Object<NetworkSpec>) -> Result<Finalized, Failure> {
        Ok(users::finalize(cx, consent(object)))
    }
}

/// What may take part in the network.
fn consent(network: &Object<NetworkSpec>) -> Consent<'_> {
    let Object { metadata, spec, .. } = network;
    Consent { namespace: &metadata.namespace, network: &metadata.name, allowed: &spec.allowed_namespaces }
}
