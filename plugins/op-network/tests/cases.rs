//! Objects in, answers out: one folder for each case.

use op_network::OptimismNetwork;

#[test]
fn cases() {
    opstack_sdk::testkit::run_cases::<OptimismNetwork>(env!("CARGO_MANIFEST_DIR"), &[]);
}

#[test]
fn the_example_shows_every_field() {
    opstack_sdk::testkit::check_example::<OptimismNetwork>(env!("CARGO_MANIFEST_DIR"), "optimismnetwork.yaml");
}
