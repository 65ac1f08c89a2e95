//! `opstack render` of objects with the required fields alone: the real programs of both releases take what comes out.

use op_programs::Release;
use oracle::{Case, Judge};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const SANDBOX: &str = env!("CARGO_BIN_EXE_sandbox");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What `opstack render` prints, as users run it; nothing where the plugins were not built.
fn rendered() -> Option<Vec<Value>> {
    let plugins = Path::new(ROOT).join("target/plugins");
    if !plugins.join("op-node.wasm").is_file() {
        println!("skipped: {} has no plugins; `cargo xtask build` makes them", plugins.display());
        return None;
    }
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/files/minimal.yaml");
    let mut opstack = Command::new(Path::new(SANDBOX).with_file_name("opstack"));
    opstack.args(["render", "--output=json", "--filename", documents, "--plugins"]).arg(plugins);
    let output = opstack.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    Some(list["items"].as_array().unwrap().clone())
}

#[test]
fn the_programs_take_objects_with_the_required_fields_alone() {
    let Some(objects) = rendered() else { return };
    let case = Case { name: "minimal".into(), objects };
    let report = Judge::new(Path::new(SANDBOX)).unwrap().judge(&[case], &Release::ALL);
    if report.is_skipped() {
        return;
    }
    println!("{report}");
    let refused: Vec<_> = report.refused.iter().map(|one| one.report.as_str()).collect();
    assert!(refused.is_empty(), "{} refused:\n\n{}", refused.len(), refused.join("\n\n"));
    for release in Release::ALL {
        // A sequencer and a replica, and one of each other kind.
        let started = ["op-node", "op-batcher", "op-proposer", "op-challenger"]
            .map(|program| report.started(program, release.version()));
        assert_eq!(started, [2, 1, 1, 1], "{}", release.version());
    }
}
