//! The execution client's data: made once, from the chain's genesis, and never again.

use op_programs::Release;
use oracle::Live;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use crate::{SANDBOX, block, chain, entered, output, pod};

const DATA: &str = "/data/geth";

/// All files below a directory: when they were written, and how long they are.
fn files(directory: &Path, found: &mut BTreeMap<String, (SystemTime, u64)>) {
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            let about = entry.metadata().unwrap();
            found.insert(entry.path().display().to_string(), (about.modified().unwrap(), about.len()));
        }
    }
}

fn data(pod: &Live) -> BTreeMap<String, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    files(&pod.on_host("geth", DATA).unwrap(), &mut found);
    found
}

fn is_made(init: &str) -> bool {
    init.contains("Successfully wrote genesis state")
}

#[test]
fn the_data_is_made_once_and_the_first_block_stays() {
    if !entered() {
        return;
    }
    let pod = pod(Release::V1_19_6);
    pod.put("geth-init", "/etc/opstack/genesis/genesis.json", &chain::genesis(1_700_000_000)).unwrap();
    let init = output(pod.run("geth-init").unwrap());
    assert!(is_made(&init), "{init}");
    let first = {
        let geth = pod.start("geth").unwrap();
        let first = block("0x0", &geth);
        output(geth.stop().unwrap());
        first
    };

    let before = data(&pod);
    let again = output(pod.run("geth-init").unwrap());
    assert!(again.contains("the chain is there already") && !is_made(&again), "{again}");
    assert_eq!(data(&pod), before, "the second time nothing is touched");
    // Even another file makes no other chain of data that is there.
    pod.put("geth-init", "/etc/opstack/genesis/genesis.json", &chain::genesis(1_800_000_000)).unwrap();
    output(pod.run("geth-init").unwrap());
    assert_eq!(data(&pod), before);
    let geth = pod.start("geth").unwrap();
    assert_eq!(block("0x0", &geth)["hash"], first["hash"]);
    output(geth.stop().unwrap());
    println!("S0-08: made once; block 0 is {}", first["hash"]);
}

#[test]
fn what_was_interrupted_is_made_again() {
    if !entered() {
        return;
    }
    let pod = pod(Release::V1_19_6);
    pod.put("geth-init", "/etc/opstack/genesis/genesis.json", &chain::genesis(1_700_000_000)).unwrap();
    assert!(is_made(&output(pod.run("geth-init").unwrap())));
    // As it is while `geth init` runs.
    let mark = pod.on_host("geth-init", &format!("{DATA}/init-unfinished")).unwrap();
    fs::write(&mark, "").unwrap();
    fs::set_permissions(&mark, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(is_made(&output(pod.run("geth-init").unwrap())));
    assert!(!mark.exists());
    let geth = pod.start("geth").unwrap();
    assert_eq!(block("0x0", &geth)["timestamp"], format!("{:#x}", 1_700_000_000));
}

#[test]
fn a_chain_of_the_registry_begins_with_the_block_that_the_registry_names() {
    if !entered() {
        return;
    }
    // `genesis.l2.hash` of superchain/configs/sepolia/op.toml.
    const FIRST: &str = "0x102de6ffb001480cc9b8b548fd05c34cd4f46ae4aa91759393db90ea0409887d";
    let pod = chain::pod_of_the_registry("op-sepolia", 11_155_420);
    let pod = Live::new(pod, Path::new(SANDBOX), Release::V1_19_6).unwrap();
    for _ in 0..2 {
        let geth = pod.start("geth").unwrap();
        assert_eq!(block("0x0", &geth)["hash"], FIRST);
        output(geth.stop().unwrap());
    }
}
