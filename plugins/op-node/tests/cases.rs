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
