//! Objects in, answers out: one folder for each case.

use geth::Geth;
use op_node::OpNode;
use opstack_sdk::call::render_client;
use reth::Reth;

#[test]
fn cases() {
    let clients: &[(&str, opstack_sdk::testkit::RenderClient)] =
        &[("geth", render_client::<Geth>), ("reth", render_client::<Reth>)];
    opstack_sdk::testkit::run_cases::<OpNode>(env!("CARGO_MANIFEST_DIR"), clients);
}

#[test]
fn flags_are_those_of_the_programs() {
    use op_node::{flags, owned};
    let check =
        |flags, prefix, owned| opstack_sdk::testkit::check_flags(env!("CARGO_MANIFEST_DIR"), flags, prefix, &owned);
    check(&flags::OP_NODE, "OP_NODE_", owned::op_node());
    check(&flags::OP_CONDUCTOR, "OP_CONDUCTOR_", owned::op_conductor());
}

#[test]
fn the_reference_says_what_is_handed_through() {
    use op_node::{flags, owned};
    use opstack_sdk::testkit::Handed;
    let op_node = Handed {
        program: "op-node",
        flags: Some(&flags::OP_NODE),
        owned: &owned::op_node(),
        args: "spec.extraArgs",
        env: "spec.extraEnv",
    };
    let op_conductor = Handed {
        program: "op-conductor",
        flags: Some(&flags::OP_CONDUCTOR),
        owned: &owned::op_conductor(),
        args: "spec.conductor.extraArgs",
        env: "spec.conductor.extraEnv",
    };
    opstack_sdk::testkit::check_reference(env!("CARGO_MANIFEST_DIR"), "OpNode", &[op_node, op_conductor]);
}
