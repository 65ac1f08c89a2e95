//! Every field of every kind with other values, started as the real programs of the current release. The cases themselves are
//! started with both (`programs.rs`).

use op_programs::Release;
use oracle::{Case, Judge};
use std::path::Path;

/// What is refused rightly: where, and with which words.
const RIGHTLY: [(&str, &str); 5] = [
    // A chain with an L2OutputOracle needs an older image, which the case names.
    (" in op-proposer/legacy-image", "-l2oo-address"),
    // The case sets variables that want numbers.
    ("OpNode spec.executionClient.extraEnv[].value", "GOMEMLIMIT"),
    ("OpNode spec.extraEnv[].value", "OP_NODE_L1_MAX_CONCURRENCY"),
    // Nobody listens there, and no image has such a file.
    ("OpNode spec.sequencerUrl = \"ws:", "connection refused"),
    ("OpChallenger spec.faultProof.cannon.", "stat matrix: no such file"),
];

#[test]
fn the_programs_take_every_field() {
    let cases: Vec<_> = matrix::variations()
        .unwrap()
        .into_iter()
        .map(|variation| Case {
            name: format!("{} {} = {} in {}", variation.of.name(), variation.path, variation.value, variation.case),
            objects: variation.rendered.children,
        })
        .collect();
    let report = Judge::new(Path::new(env!("CARGO_BIN_EXE_sandbox"))).unwrap().judge(&cases, &[Release::V1_19_6]);
    if report.is_skipped() {
        return;
    }
    println!("{report}");
    let rightly =
        |case: &str, output: &str| RIGHTLY.iter().any(|(part, words)| case.contains(part) && output.contains(words));
    let refused: Vec<_> =
        report.refused.iter().filter(|one| !rightly(&one.case, &one.output)).map(|one| one.report.as_str()).collect();
    assert!(refused.is_empty(), "{} refused:\n\n{}", refused.len(), refused.join("\n\n"));
}
