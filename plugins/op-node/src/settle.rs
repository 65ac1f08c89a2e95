//! What a node is, after inheritance and lookups: everything that the rendering needs, and nothing left to decide.

use opstack_sdk::answer::{Event, Failure};
use opstack_sdk::execution::ClientFragment;
use opstack_sdk::kubernetes::{App, Component};
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::execution::ExecutionSettings;
use opstack_sdk::opstack::honoured::Honoured;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::shared::{Logging, Metrics, Resources, ResourcesSpec, Security};
use opstack_sdk::opstack::signing::{NoSigner, Signing};
use opstack_sdk::{Context, Object};

use crate::chain::Chain;
use crate::checks;
use crate::client::settings;
use crate::compat;
use crate::conductor::Conductor;
use crate::honour;
use crate::keys::{Keys, is_pod_of};
use crate::probes::Findings;
use crate::spec::OpNodeSpec;
use crate::stage::Workload;
use crate::wiring::Wiring;
use crate::workloads::Workloads;

/// A node, settled.
pub struct Node<'a> {
    /// The call.
    pub cx: &'a Context<'a>,
    /// The object.
    pub me: &'a Object<OpNodeSpec>,
    /// Names and labels of the children.
    pub app: App,
    /// The workload that runs it.
    pub place: Place,
    /// Its network.
    pub network: Network,
    /// Whom it talks to.
    pub wiring: Wiring,
    /// Its secrets.
    pub keys: Keys,
    /// The chain's files.
    pub chain: Chain,
    /// Who signs the sequencer's blocks, if anybody.
    pub signing: Option<Signing>,
    /// The L1's execution RPC.
    pub l1: Endpoint,
    /// The L1's beacon API.
    pub beacon: Option<Endpoint>,
    /// op-conductor, where that chooses among the network's sequencers.
    pub conductor: Option<Conductor>,
    /// Name of the execution client.
    pub client: String,
    /// The client's part of the pod.
    pub fragment: ClientFragment,
    /// The client's settings.
    pub settings: ExecutionSettings,
    /// Log settings.
    pub logging: Logging,
    /// Metrics settings of op-node.
    pub metrics: Metrics,
    /// Identity of the processes.
    pub security: Security,
    /// Requests and limits of (op-node, execution client).
    pub resources: (Resources, Resources),
    /// Texts whose change restarts the pod.
    pub restart_on: Vec<String>,
    /// What the programs can't do.
    pub honoured: Honoured,
    /// Warnings.
    pub events: Vec<Event>,
}

/// One of a node's workloads, among all.
#[derive(Clone, Debug)]
pub struct Place {
    /// Name of the StatefulSet.
    pub workload: String,
    /// Name of its execution client.
    pub client: String,
    /// Names of all StatefulSets of the node.
    pub all: Vec<String>,
    /// Whether Services tell them apart.
    pub apart: bool,
}

impl Place {
    /// The place of one of the workloads.
    pub fn of(workloads: &Workloads, one: &Workload) -> Self {
        let (workload, client) = (one.name.clone(), one.client.clone());
        Self { workload, client, all: workloads.all(), apart: workloads.are_apart() }
    }
}

impl<'a> Node<'a> {
    /// Settles a node with one of its workloads.
    ///
    /// # Errors
    /// `waiting` when something that it needs is missing, `invalid` when the spec contradicts itself.
    pub fn settle(
        cx: &'a Context<'a>,
        me: &'a Object<OpNodeSpec>,
        network: Network,
        place: Place,
    ) -> Result<Self, Failure> {
        let (spec, metadata) = (&me.spec, &me.metadata);
        let client = place.client.clone();
        let app = app(me, &client);
        let mut honoured = Honoured::by("op-node and its execution client");
        checks::spec(me, &network)?;
        let settings = settings(spec, &mut honoured);
        let chain = Chain::find(cx, &app, &network)?;
        checks::chain(spec, &network, &chain)?;
        let wiring = Wiring::find(cx, me, &network, &place.all, &mut honoured)?;
        let conductor = Conductor::find(me, &network, &wiring.mode)?;
        let urls = wiring.fingerprints(cx, &metadata.namespace)?;
        let keys = Keys::find(cx, &app, &place.workload, spec)?;
        let signing = signing(cx, me)?;
        let signed_by = signing.iter().map(|signing| signing.fingerprint().to_string());
        let signed_by = signed_by.chain(conductor.iter().filter_map(Conductor::restart_on)).collect();
        let l1 = L1::find(cx, me, &network, &chain)?;
        let shared = &network.spec.shared_config;
        let inherit = |own: &ResourcesSpec, documented: ResourcesSpec, path: &str| {
            Resources::inherit([own, &shared.resources, &documented], path)
                .map_err(|error| Failure::Invalid(vec![error]))
        };
        let resources = (
            inherit(
                &spec.resources.op_node,
                ResourcesSpec::of(("500m", "1Gi"), ("2", "4Gi")),
                "spec.resources.opNode",
            )?,
            inherit(&spec.resources.op_geth, ResourcesSpec::of(("2", "8Gi"), ("8", "32Gi")), "spec.resources.opGeth")?,
        );
        let mut node = Self {
            logging: Logging::inherit(&spec.logging, &shared.logging),
            metrics: Metrics::inherit(&spec.metrics, &shared.metrics),
            security: Security::inherit(&spec.security, &shared.security)
                .map_err(|error| Failure::Invalid(vec![error]))?,
            fragment: ClientFragment::default(),
            events: [wiring.events.clone(), keys.events.clone()].concat(),
            restart_on: [l1.restart_on, keys.restart_on.clone(), chain.restart_on.clone(), urls, signed_by].concat(),
            l1: l1.rpc,
            beacon: l1.beacon,
            cx,
            me,
            app,
            place,
            network,
            wiring,
            keys,
            chain,
            signing,
            conductor,
            client,
            settings,
            resources,
            honoured,
        };
        node.ask_client()?;
        checks::ports::check(&node)?;
        compat::check(&node)?;
        honour::note(&mut node);
        Ok(node)
    }

    /// The spec.
    pub fn spec(&self) -> &'a OpNodeSpec {
        &self.me.spec
    }

    /// Whether op-node's `admin` methods are served.
    pub fn serves_admin(&self) -> bool {
        let rpc = &self.spec().op_node.rpc;
        rpc.enabled && rpc.enable_admin.unwrap_or(self.spec().is_sequencer())
    }

    /// Whether other pods reach op-node's RPC.
    pub fn rpc_reachable(&self) -> bool {
        !self.spec().rpc_host().is_loopback()
    }

    /// What was found out about the pods of this workload; the one with the highest block first.
    pub fn findings<'f>(&self, found: &'f [Findings]) -> impl Iterator<Item = &'f Findings> {
        found.iter().filter(move |found| is_pod_of(&self.place.workload, &found.pod))
    }

    /// Whether the sequencer of a pod makes blocks: by op-node's word, and where op-conductor decides by its word, too, for one
    /// that was deposed may not know it yet. Nothing where one of them did not say.
    pub fn sequences(&self, found: &Findings) -> Option<bool> {
        let active = found.active?;
        Some(if self.conductor.is_some() { active && found.leads? } else { active })
    }

    /// Name of a pod in DNS, for arguments; it takes `POD_NAME` in the environment of the container.
    pub fn pod_name_in_dns(&self) -> String {
        let (headless, domain) = (self.app.named("headless"), &self.cx.facts.cluster_domain);
        format!("$(POD_NAME).{headless}.{}.svc.{domain}", self.app.namespace())
    }

    /// `<workload>-<suffix>`, for what each workload has of its own.
    pub fn named(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.place.workload)
    }
}

fn app(me: &Object<OpNodeSpec>, client: &str) -> App {
    let role = if me.spec.is_sequencer() { "sequencer" } else { "replica" };
    let app = App::new(&me.metadata.namespace, &me.metadata.name, Component { program: "op-node", role });
    // The plain label `app` was documented as `op-geth`.
    match client {
        "geth" => app.legacy_app("op-geth"),
        "reth" => app.legacy_app("op-reth"),
        _ => app,
    }
}

/// Who signs the blocks that a sequencer gossips; nothing where the spec names nobody.
fn signing(cx: &Context<'_>, me: &Object<OpNodeSpec>) -> Result<Option<Signing>, Failure> {
    const PATH: &str = "spec.opNode.sequencer";
    let sequencer = &me.spec.op_node.sequencer;
    if !me.spec.sequences() || sequencer.key.is_none() && sequencer.signer.is_none() {
        return Ok(None);
    }
    if sequencer.key.is_some() && sequencer.signer.is_some() {
        return Err(Failure::invalid(
            format!("{PATH}.signer"),
            format!("{PATH}.key is given too; keep one of the two"),
        ));
    }
    match Signing::find(cx, &me.metadata.namespace, sequencer.key.as_ref(), sequencer.signer.as_ref())? {
        Ok(signing) => Ok(Some(signing)),
        Err(NoSigner::Missing(what)) => Err(Failure::Waiting(what)),
        Err(NoSigner::Malformed(how)) => Err(Failure::invalid(format!("{PATH}.key.secretRef"), how)),
    }
}

/// The L1's endpoints, and what changes when those in Secrets do.
struct L1 {
    rpc: Endpoint,
    beacon: Option<Endpoint>,
    restart_on: Vec<String>,
}

impl L1 {
    fn find(cx: &Context<'_>, me: &Object<OpNodeSpec>, network: &Network, chain: &Chain) -> Result<Self, Failure> {
        let rpc = network.l1_rpc(&me.spec.l1)?;
        let beacon = network.l1_beacon(&me.spec.l1);
        if beacon.is_none() && chain.needs_beacon() {
            return Err(Failure::waiting(format!(
                "an L1 beacon endpoint, without which op-node can't read blobs: {} has neither l1BeaconUrl nor l1BeaconUrlFrom",
                network.title()
            )));
        }
        let namespace = &me.metadata.namespace;
        let mut restart_on = vec![];
        for endpoint in std::iter::once(&rpc).chain(&beacon) {
            let fingerprint = endpoint.fingerprint(cx, namespace).map_err(|failure| match failure {
                Failure::Waiting(what) if *namespace != network.namespace => Failure::Waiting(format!(
                    "{what}. Pods read Secrets of their own namespace only: copy the one that {} names, or set spec.l1",
                    network.title()
                )),
                other => other,
            })?;
            restart_on.extend(fingerprint);
        }
        Ok(Self { rpc, beacon, restart_on })
    }
}
