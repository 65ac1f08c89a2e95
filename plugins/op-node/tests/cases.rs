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
