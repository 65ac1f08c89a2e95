//! What other namespaces have no part in: a network and its nodes are there for objects that the network's owner permits.

use op_challenger::OpChallenger;
use opstack_sdk::testkit::{check_consent, check_node_consent, check_strangers};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn strangers_change_nothing() {
    check_strangers::<OpChallenger>(CRATE, &[], |_| {});
}

#[test]
fn a_network_of_another_namespace_needs_consent() {
    check_consent::<OpChallenger>(CRATE, &[]);
}

#[test]
fn a_node_of_another_namespace_needs_the_consent_of_its_network() {
    check_node_consent::<OpChallenger>(CRATE);
}
