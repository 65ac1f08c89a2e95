//! What whoever chooses among the network's sequencers, the operator or op-conductor, can't do without.

use opstack_sdk::answer::FieldError;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::rpc::is_loopback;
use opstack_sdk::opstack::sequencing::HaMode;

use crate::client::settings_path;
use crate::spec::OpNodeSpec;

/// What the user would take from them: that each sequencer boots stopped and can be reached.
pub fn errors(spec: &OpNodeSpec, network: &Network) -> Vec<FieldError> {
    const FLAGS: [&str; 3] = ["sequencer.stopped", "rpc.admin-state", "rpc.enable-admin"];
    let mode = network.ha_mode();
    if !spec.sequences() || mode == HaMode::Manual {
        return vec![];
    }
    let rpc = &spec.op_node.rpc;
    let mut errors = vec![];
    if !rpc.enabled || rpc.enable_admin == Some(false) || is_loopback(&rpc.host) {
        errors.push(FieldError::new(
            "spec.opNode.rpc",
            "the operator can't start this sequencer, as spec.sequencer.ha.mode of its network wants: leave enabled and enableAdmin out, and listen on host 0.0.0.0; the NetworkPolicy keeps others away",
        ));
    }
    if mode == HaMode::Conductor {
        errors.extend(conducted(spec));
    }
    // op-node's variables are its flags in capitals: OP_NODE_RPC_ADMIN_STATE.
    let variable = |flag: &str| format!("OP_NODE_{}", flag.to_uppercase().replace(['.', '-'], "_"));
    for flag in FLAGS {
        let argument = |arg: &String| arg.trim_start_matches('-').split('=').next() == Some(flag);
        let message = |given: &str| {
            format!(
                "{given} would decide whether this sequencer makes blocks, which is for spec.sequencer.ha of its network; leave it out"
            )
        };
        if spec.extra_args.iter().any(argument) {
            errors.push(FieldError::new("spec.extraArgs", message(&format!("--{flag}"))));
        }
        if spec.extra_env.iter().any(|entry| entry.name == variable(flag)) {
            errors.push(FieldError::new("spec.extraEnv", message(&variable(flag))));
        }
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
