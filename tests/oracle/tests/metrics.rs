//! What the real programs of both releases expose while they work for a chain that lives: of each family of metrics that
//! users are promised a series, and all that the plugins ask for.

mod chain;

use anyhow::{Context as _, Result, ensure};
use chain::Chain;
use op_programs::Release;
use std::fs;
use std::path::Path;

/// Program, family, and a series of it: the name, and what its labels hold.
const FAMILIES: [(&str, &str, &str, &str); 16] = [
    ("op-node", "head", "op_node_default_refs_number", "l2_unsafe"),
    ("op-node", "sync", "op_node_default_refs_number", "l2_safe"),
    ("op-node", "peers", "op_node_default_p2p_peer_count", ""),
    ("op-node", "RPC", "op_node_default_rpc_server_requests_total", "optimism_syncStatus"),
    ("op-geth", "blocks", "chain_head_block", ""),
    ("op-geth", "transaction pool", "txpool_pending", ""),
    ("op-geth", "peers", "p2p_peers", ""),
    ("op-batcher", "rate", "op_batcher_default_batcher_tx_total", "success"),
    ("op-batcher", "gas on L1", "op_batcher_default_txmgr_tx_fee_gwei_total", ""),
    ("op-batcher", "queue", "op_batcher_default_channel_queue_length", ""),
    ("op-batcher", "balance", "op_batcher_default_balance", ""),
    ("op-proposer", "frequency", "op_proposer_default_proposed_sequence_number", ""),
    ("op-proposer", "status of transactions", "op_proposer_default_txmgr_confirm_total", "success"),
    ("op-challenger", "active games", "op_challenger_tracked_games", "in_progress"),
    ("op-challenger", "success", "op_challenger_tracked_games", "challenger_won"),
    ("op-challenger", "moves", "op_challenger_moves", ""),
];

/// Kinds whose plugins ask for metrics.
const PLUGINS: [&str; 3] = ["op-batcher", "op-proposer", "op-challenger"];

/// Whether a page has a series of the name whose labels hold the text.
fn has(page: &str, name: &str, label: &str) -> bool {
    page.lines().any(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']));
        rest.is_some_and(|rest| label.is_empty() || rest.contains(&format!("\"{label}\"")))
    })
}

/// The metrics that a plugin asks its program for, as its own test of a running one holds.
fn asked_by(plugin: &str) -> Result<Vec<String>> {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(plugin).join("tests/cases/running");
    let answer = fs::read_to_string(case.join("expected.yaml"))?;
    let question = answer.split_once("Question::Metrics([").context("it asks for no metrics")?.1;
    let names = question.split_once("])").context("no end")?.0;
    Ok(names.split(", ").map(|name| name.trim_matches('"').to_string()).collect())
}

fn check(release: Release) -> Result<()> {
    let mut chain = Chain::start(release)?;
    let asked: Vec<_> = PLUGINS.iter().map(|plugin| Ok((*plugin, asked_by(plugin)?))).collect::<Result<_>>()?;
    let asked =
        asked.iter().flat_map(|(plugin, names)| names.iter().map(|name| (*plugin, "the plugin", name.as_str(), "")));
    for (program, family, name, label) in FAMILIES.into_iter().chain(asked) {
        chain.wait(&format!("{name}{{{label}}} of {program} {} for {family}", release.version()), |chain| {
            ensure!(has(&chain.scrape(program)?, name, label), "it is not there");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn the_programs_expose_each_family() {
    for release in Release::ALL {
        check(release).unwrap();
    }
}

/// The test of the test.
#[test]
fn what_is_not_exposed_is_missed() {
    let page = "# HELP a_b text\na_b{stage=\"success\"} 1\na_bc 2\n";
    assert!(has(page, "a_b", "success") && has(page, "a_b", "") && has(page, "a_bc", ""));
    assert!(!has(page, "a_b", "failed") && !has(page, "a", "") && !has(page, "a_bcd", ""));
}
