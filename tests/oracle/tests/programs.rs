//! Every container of every case, started as the real program of both releases.

use op_programs::Release;
use oracle::{Case, Judge, Refusal};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SANDBOX: &str = env!("CARGO_BIN_EXE_sandbox");
const PLUGINS: [&str; 4] = ["op-node", "op-batcher", "op-proposer", "op-challenger"];

/// What a release has not got; each is refused by it, with these words.
const NOT_IN_RELEASE: [(&str, Release, &str); 8] = [
    // A chain with an L2OutputOracle needs an older image, which the case names.
    ("op-proposer/legacy-image", Release::V1_19_6, "-l2oo-address"),
    ("op-proposer/legacy-image", Release::V1_16_13, "-l2oo-address"),
    ("op-proposer/legacy-other-oracle", Release::V1_19_6, "-l2oo-address"),
    ("op-proposer/legacy-other-oracle", Release::V1_16_13, "-l2oo-address"),
    // Permissioned games wanted op-program and a prestate, which they never use.
    ("op-challenger/own-chain", Release::V1_16_13, "flag cannon-server is required"),
    ("op-challenger/running", Release::V1_16_13, "flag cannon-server is required"),
    // Super roots came later.
    ("op-proposer/super-roots", Release::V1_16_13, "supernode"),
    ("op-proposer/super-root-urls", Release::V1_16_13, "supernode"),
];

/// What the plugins' own tests hold to be the answers.
fn cases() -> Vec<Case> {
    let mut cases = vec![];
    for plugin in PLUGINS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(plugin).join("tests/cases");
        for case in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            // One without an answer fails the plugin's own test.
            let Ok(answer) = fs::read_to_string(case.join("expected.yaml")) else { continue };
            let answer: Value = serde_norway::from_str(&answer).unwrap();
            let objects = answer["children"].as_array().into_iter().flatten().map(|child| child["object"].clone());
            let name = format!("{plugin}/{}", case.file_name().unwrap().to_string_lossy());
            cases.push(Case { name, objects: objects.collect() });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// The excuse for a refusal, if there is one.
fn excuse(refusal: &Refusal) -> Option<(&'static str, &'static str)> {
    let known = NOT_IN_RELEASE.iter().find(|(case, release, words)| {
        refusal.case == *case && refusal.release == *release && refusal.output.contains(words)
    });
    known.map(|(case, release, _)| (*case, release.version()))
}

#[test]
fn the_programs_take_what_the_plugins_render() {
    let report = Judge::new(Path::new(SANDBOX)).unwrap().judge(&cases(), &Release::ALL);
    if report.is_skipped() {
        return;
    }
    println!("{report}");
    let excused: BTreeSet<_> = report.refused.iter().filter_map(excuse).collect();
    let refused: Vec<_> =
        report.refused.iter().filter(|one| excuse(one).is_none()).map(|one| one.report.as_str()).collect();
    assert!(refused.is_empty(), "{} refused:\n\n{}", refused.len(), refused.join("\n\n"));
    let excuses: BTreeSet<_> = NOT_IN_RELEASE.iter().map(|(case, release, _)| (*case, release.version())).collect();
    assert_eq!(excused, excuses, "what is no longer refused needs no excuse");
}

/// The test of the test: what is wrong is found.
#[test]
fn a_misspelt_flag_is_found() {
    let named = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    for (name, right, wrong) in [
        ("op-node/geth", "--p2p.listen.tcp=", "--p2p.listen.tpc="),
        ("op-node/geth", "--txpool.journal=", "--txpool.jurnal="),
        ("op-node/minimal-replica", "--authrpc.addr=", "--authrpc.adr="),
        ("op-batcher/minimal", "--compressor=", "--compresor="),
        ("op-proposer/minimal", "OP_PROPOSER_ROLLUP_RPC", "OP_PROPOSER_ROLUP_RPC"),
        ("op-challenger/minimal", "--datadir=", "--dataidr="),
    ] {
        let case = named(name);
        let text = Value::from(case.objects).to_string();
        assert!(text.contains(right), "{name} has no {right}");
        let objects: Vec<Value> = serde_json::from_str(&text.replace(right, wrong)).unwrap();
        let report =
            Judge::new(Path::new(SANDBOX)).unwrap().judge(&[Case { name: name.into(), objects }], &Release::ALL);
        if report.is_skipped() {
            return;
        }
        assert!(!report.refused.is_empty(), "{name} with {wrong} was taken");
    }
}
