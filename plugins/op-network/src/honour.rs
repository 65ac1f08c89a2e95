//! What of a network's spec has no effect: the condition `FieldsHonored`.

use opstack_sdk::opstack::honoured::Honoured;
use opstack_sdk::opstack::network::{ConfigSource, NetworkSpec, Source};

use crate::sequencing::policy;

/// Collects it.
pub fn honoured(spec: &NetworkSpec) -> Honoured {
    let mut honoured = Honoured::by("the network");
    for (path, source) in
        [("spec.rollupConfig.autoDiscover", &spec.rollup_config), ("spec.l2Genesis.autoDiscover", &spec.l2_genesis)]
    {
        if spec.registry_name().is_some() && source.chosen() == Source::None {
            honoured.refuse(
                path,
                "the programs know this chain by spec.networkName, and there is no file to give them instead; set inline, configMapRef or url",
            );
        }
    }
    honour_l1(spec.l1_chain_config.as_ref(), &mut honoured);
    policy::report(&spec.sequencer.ha, &mut honoured);
    spec.allowed_namespaces.report(&mut honoured);
    spec.shared_config.security.report("spec.sharedConfig.security", &mut honoured);
    honoured
}

/// There is nowhere to find the configuration of an L1.
fn honour_l1(source: Option<&ConfigSource>, honoured: &mut Honoured) {
    if source.is_some_and(|source| !source.auto_discover) {
        honoured.refuse(
            "spec.l1ChainConfig.autoDiscover",
            "the programs know mainnet, sepolia, holesky and hoodi by spec.l1ChainID, and nobody looks for the file of another L1",
        );
    }
}
