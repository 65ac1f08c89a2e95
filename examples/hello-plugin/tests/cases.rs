//! Each folder of `tests/cases` is a test: `cr.yaml` goes in, `expected.yaml` must come out.
//! `BLESS=1 cargo test` writes what came out.

#[test]
fn answers_are_as_expected() {
    opstack_sdk::testkit::run_cases::<hello_plugin::Hello>(env!("CARGO_MANIFEST_DIR"), &[]);
}
