//! Every field of every kind with other values, started as the real programs of both releases. The cases themselves are
//! started by `programs.rs`.

use op_programs::Release;
use oracle::{Case, Judge, Refusal};
use std::path::Path;

/// What is refused rightly: where, and with which words.
const RIGHTLY: [(&str, &str); 4] = [
    // The case sets variables that want numbers.
    ("OpNode spec.executionClient.extraEnv[].value", "GOMEMLIMIT"),
    ("OpNode spec.extraEnv[].value", "OP_NODE_L1_MAX_CONCURRENCY"),
    // Nobody listens there, and no image has such a file.
    ("OpNode spec.sequencerUrl = \"ws:", "connection refused"),
    ("OpChallenger spec.faultProof.cannon.", "stat matrix: no such file"),
];

/// What the older release has not got: what is asked of it, and with which words it refuses that.
const LATER: [(&str, &str); 3] = [
    // Permissioned games wanted op-program and a prestate, which they never use.
    ("permissioned", "flag cannon-server is required"),
    // Those of the type zk wanted op-node's RPC, and had no use for a supernode's.
    ("zk", "flag rollup-rpc is required"),
    // Super roots came later.
    ("container op-proposer: ", "supernode"),
];

fn is_right(refusal: &Refusal) -> bool {
    let Refusal { case, release, output, report } = refusal;
    let lacks = |(asked, words): &(&str, &str)| report.contains(asked) && output.contains(words);
    RIGHTLY.iter().any(|(part, words)| case.contains(part) && output.contains(words))
        || *release == Release::V1_16_13.version() && LATER.iter().any(lacks)
}

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
    let report = Judge::new(Path::new(env!("CARGO_BIN_EXE_sandbox"))).unwrap().judge(&cases, &Release::ALL);
    if report.is_skipped() {
        return;
    }
    println!("{report}");
    let refused: Vec<_> = report.refused.iter().filter(|one| !is_right(one)).map(|one| one.report.as_str()).collect();
    assert!(refused.is_empty(), "{} refused:\n\n{}", refused.len(), refused.join("\n\n"));
    // Excuses that hide nothing any more are to go.
    for words in LATER.map(|(_, words)| words) {
        assert!(report.refused.iter().any(|one| one.output.contains(words)), "nobody says {words} any more");
    }
}
