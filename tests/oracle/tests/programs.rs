//! Every container of every case, started as the real program of both releases; one of an older image as the program of
//! its time.

use op_programs::{Legacy, Release};
use oracle::{Case, Judge, Refusal, Report};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SANDBOX: &str = env!("CARGO_BIN_EXE_sandbox");
const PLUGINS: [&str; 4] = ["op-node", "op-batcher", "op-proposer", "op-challenger"];

/// What a release has not got; each is refused by it, with these words.
const NOT_IN_RELEASE: [(&str, Release, &str); 5] = [
    // The case is of the other release's flags.
    ("op-node/flag-of-its-release", Release::V1_19_6, "flag provided but not defined: -rollup.load-protocol-versions"),
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
        refusal.case == *case && refusal.release == release.version() && refusal.output.contains(words)
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
    for legacy in Legacy::ALL.map(Legacy::version) {
        assert_ne!(report.started("op-proposer", legacy), 0, "no old image was judged by {legacy}");
    }
}

/// Why an old image is judged by an old program, and why the plugin refuses newer ones for a chain with an L2OutputOracle.
#[test]
fn later_releases_know_no_oracle() {
    let Some(report) = judged("op-proposer/legacy-image", "op-proposer:v1.9.3", "op-proposer:v1.16.3") else { return };
    let refused = report.refused.iter().filter(|one| one.output.contains("-l2oo-address")).map(|one| one.release);
    assert_eq!(refused.collect::<BTreeSet<_>>(), Release::ALL.map(Release::version).into());
}

/// The test of the test: what is wrong is found.
#[test]
fn a_misspelt_flag_is_found() {
    for (name, right, wrong) in [
        ("op-node/geth", "--p2p.listen.tcp=", "--p2p.listen.tpc="),
        ("op-node/geth", "--txpool.journal=", "--txpool.jurnal="),
        ("op-node/minimal-replica", "--authrpc.addr=", "--authrpc.adr="),
        ("op-batcher/minimal", "--compressor=", "--compresor="),
        ("op-proposer/minimal", "OP_PROPOSER_ROLLUP_RPC", "OP_PROPOSER_ROLUP_RPC"),
        ("op-proposer/legacy-image", "--l2oo-address=", "--l2oo-adress="),
        ("op-proposer/legacy-other-oracle", "--l2oo-address=", "--l2oo-adress="),
        // An old image's judge is of its own time.
        ("op-proposer/legacy-signer", "op-proposer:v1.9.3", "op-proposer:v1.9.5"),
        ("op-proposer/legacy-tls-flag", "op-proposer:v1.9.5", "op-proposer:v1.9.4"),
        ("op-challenger/minimal", "--datadir=", "--dataidr="),
    ] {
        let Some(report) = judged(name, right, wrong) else { return };
        assert!(!report.refused.is_empty(), "{name} with {wrong} was taken");
    }
}

/// What comes of a case in which one text is replaced; nothing where this machine can't judge.
fn judged(name: &str, right: &str, wrong: &str) -> Option<Report> {
    let case = cases().into_iter().find(|case| case.name == name).unwrap();
    let text = Value::from(case.objects).to_string();
    assert!(text.contains(right), "{name} has no {right}");
    let objects: Vec<Value> = serde_json::from_str(&text.replace(right, wrong)).unwrap();
    let case = Case { name: name.into(), objects };
    let report = Judge::new(Path::new(SANDBOX)).unwrap().judge(&[case], &Release::ALL);
    (!report.is_skipped()).then_some(report)
}
