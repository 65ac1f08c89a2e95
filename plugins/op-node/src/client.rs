//! What the plugin of the execution client is asked, and what it leaves out.

use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{ClientRequest, MountPoint, Mounts};
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::execution::ExecutionSettings;
use opstack_sdk::opstack::honoured::Honoured;
use opstack_sdk::opstack::owned::OwnedSettings;
use opstack_sdk::opstack::peers::is_enode;

use crate::checks;
use crate::owned::VARIABLES;
use crate::settle::Node;
use crate::spec::{OpNodeSpec, SyncMode};

/// Where the client's configuration files are.
pub const FILES: (&str, &str) = ("execution-config", "/etc/opstack/execution");

/// Variable of the client's containers with a sequencer's URL that is in a Secret.
pub const SEQUENCER_URL: &str = "SEQUENCER_URL";

impl Node<'_> {
    /// Has the client's plugin render its part.
    ///
    /// # Errors
    /// What that says, with the fields of this spec.
    pub(crate) fn ask_client(&mut self) -> Result<(), Failure> {
        let prefix = settings_path(self.spec());
        let request = self.request()?;
        self.fragment = self.cx.render_client(&self.client, &request).map_err(|failure| match failure {
            Failure::Invalid(errors) => Failure::Invalid(
                errors
                    .into_iter()
                    .map(|mut error| {
                        if let Some(rest) = error.path.strip_prefix("settings.") {
                            error.path = format!("{prefix}.{rest}");
                        }
                        error
                    })
                    .collect(),
            ),
            other => other,
        })?;
        // The variables that this plugin gives to every container are the operator's too.
        let owned = OwnedSettings(std::mem::take(&mut self.fragment.owned)).with_variables(&VARIABLES);
        let errors = owned.check_env("spec.executionClient.extraEnv", &self.spec().execution_client.extra_env);
        self.fragment.owned = owned.0;
        Failure::check(errors)?;
        for lack in &self.fragment.unsupported {
            self.honoured.refuse(format!("{prefix}.{}", lack.path), &lack.reason);
        }
        Ok(())
    }

    fn request(&self) -> Result<ClientRequest, Failure> {
        // All three are set by `Keys::find`.
        let unset = || Failure::other("a key of the node has no place in its pod");
        let jwt = self.keys.jwt.clone().ok_or_else(unset)?;
        let execution = self.keys.execution.clone().ok_or_else(unset)?;
        let (genesis, genesis_mount) = self.chain.genesis.clone();
        let spec = self.spec();
        Ok(ClientRequest {
            node: self.me.metadata.name.clone(),
            namespace: self.me.metadata.namespace.clone(),
            sequencer: spec.is_sequencer(),
            genesis,
            chain_id: self.network.spec.chain_id.get(),
            settings: self.settings.clone(),
            image: spec.execution_client.image.clone(),
            extra_args: spec.execution_client.extra_args.clone(),
            jwt_path: jwt.path,
            node_key: execution.path,
            peers: self.wiring.execution.clone(),
            siblings: self.wiring.peering.execution.clone(),
            sequencer_http: self.wiring.sequencer_http.as_ref().map(|url| match url {
                Endpoint::Plain(url) => url.clone(),
                // Clients take it as an argument only; so the pod's spec has a name in its place.
                Endpoint::Secret(_) => format!("$({SEQUENCER_URL})"),
            }),
            // A batcher with throttling stops itself without it. Serving it to none does less harm than restarting the
            // sequencer when a batcher appears; the network policy keeps others away.
            miner_api: spec.is_sequencer(),
            block_by_block: checks::sync_mode(spec, &self.network) == SyncMode::ConsensusLayer,
            logging: self.logging.clone(),
            metrics: self.metrics.enabled,
            mounts: Mounts {
                jwt: jwt.mount,
                node_key: execution.mount,
                genesis: genesis_mount,
                files: MountPoint { volume: FILES.0.into(), path: FILES.1.into() },
            },
        })
    }
}

/// Field of the spec from which the client's settings come.
pub fn settings_path(spec: &OpNodeSpec) -> &'static str {
    if spec.execution_client.settings.is_none() && spec.op_geth.is_some() {
        "spec.opGeth"
    } else {
        "spec.executionClient.settings"
    }
}

/// The client's settings, with what follows from the node's role.
pub fn settings(spec: &OpNodeSpec, honoured: &mut Honoured) -> ExecutionSettings {
    let mut settings = spec.execution_settings().cloned().unwrap_or_default();
    if spec.execution_client.settings.is_some() && spec.op_geth.is_some() {
        honoured.refuse("spec.opGeth", "spec.executionClient.settings is given too, and counts");
    }
    let p2p = &mut settings.networking.p2p;
    p2p.no_discovery.get_or_insert(spec.is_sequencer());
    let mut index = 0;
    p2p.static_peers.retain(|peer| {
        let fits = is_enode(peer);
        if !fits {
            honoured.refuse(
                format!("{}.networking.p2p.static[{index}]", settings_path(spec)),
                format!("{peer:?} is left out; write an enode URL (enode://<128 hexadecimal digits>@host:port)"),
            );
        }
        index += 1;
        fits
    });
    settings
}
