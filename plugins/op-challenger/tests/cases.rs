//! Objects in, answers out: one folder for each case.

use op_challenger::OpChallenger;

#[test]
fn cases() {
    opstack_sdk::testkit::run_cases::<OpChallenger>(env!("CARGO_MANIFEST_DIR"), &[]);
}

#[test]
fn the_example_shows_every_field() {
    opstack_sdk::testkit::check_example::<OpChallenger>(env!("CARGO_MANIFEST_DIR"), "opchallenger.yaml");
}

#[test]
fn flags_are_those_of_the_program() {
    opstack_sdk::testkit::check_program(env!("CARGO_MANIFEST_DIR"), &op_challenger::PROGRAM);
}

#[test]
fn the_reference_says_what_is_handed_through() {
    opstack_sdk::testkit::check_component_reference(
        env!("CARGO_MANIFEST_DIR"),
        "OpChallenger",
        &op_challenger::PROGRAM,
    );
}
