//! What the choice among the network's sequencers needs, be it the operator's or op-conductor's. Flags and variables: `owned`.

use opstack_sdk::answer::FieldError;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::sequencing::HaMode;

use crate::client::settings_path;
use crate::spec::OpNodeSpec;

/// What keeps the operator or op-conductor from reaching a sequencer.
pub fn errors(spec: &OpNodeSpec, network: &Network) -> Vec<FieldError> {
    let mode = network.ha_mode();
    if !spec.sequences() || mode == HaMode::Manual {
        return vec![];
    }
    let rpc = &spec.op_node.rpc;
    let mut errors = vec![];
    if !rpc.enabled || rpc.enable_admin == Some(false) || rpc.host.is_loopback() {
        errors.push(FieldError::new(
            "spec.opNode.rpc",
            "the operator can't start this sequencer, as spec.sequencer.ha.mode of its network wants: leave enabled and enableAdmin out, and listen on host 0.0.0.0; the NetworkPolicy keeps others away",
        ));
    }
    if mode == HaMode::Conductor {
        errors.extend(conducted(spec));
    }
    errors
}

fn conducted(spec: &OpNodeSpec) -> Vec<FieldError> {
    let mut errors = vec![];
    if spec.execution_settings().is_some_and(|settings| !settings.networking.http.enabled) {
        errors.push(FieldError::new(
            format!("{}.networking.http.enabled", settings_path(spec)),
            "false keeps op-conductor, which spec.sequencer.ha.mode of the network asks for, from its execution client; leave it out",
        ));
    }
    if !spec.op_node.p2p.enabled {
        errors.push(FieldError::new(
            "spec.opNode.p2p.enabled",
            "false makes op-conductor, which spec.sequencer.ha.mode of the network asks for, take this sequencer for unhealthy: it counts peers; leave it out",
        ));
    }
    errors
}
