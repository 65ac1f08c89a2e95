//! What the real programs of both releases expose while they work for a chain that lives: of each family of metrics that
//! users are promised a series, all that the plugins ask for, and all that the chart's alerts look at.

use anyhow::{Context as _, Result, ensure};
use chart::alerts;
use op_programs::Release;
use oracle::chain::Chain;
use std::fs;
use std::path::Path;

/// Program, family, and a series of it: the name, and what its labels hold.
const FAMILIES: [(&str, &str, &str, &str); 16] = [
    ("op-node", "head", "op_node_default_refs_number", "layer=\"l2\",type=\"l2_unsafe\""),
    ("op-node", "sync", "op_node_default_refs_number", "layer=\"l2\",type=\"l2_safe\""),
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

/// How the metrics of programs that the chart's alerts look at begin.
const ALERTS: [(&str, &str); 4] = [
    ("op-node", "op_node_"),
    ("op-batcher", "op_batcher_"),
    ("op-proposer", "op_proposer_"),
    ("op-challenger", "op_challenger_"),
];

/// Kinds whose plugins ask for metrics.
const PLUGINS: [&str; 3] = ["op-batcher", "op-proposer", "op-challenger"];

/// The value of a series of the name whose labels hold the text.
fn value(page: &str, name: &str, label: &str) -> Option<f64> {
    page.lines().find_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
        rest.rsplit(' ').next()?.parse().ok().filter(|_| rest.contains(label))
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
    let mut chain = Chain::start(release, None)?;
    let asked: Vec<_> = PLUGINS.iter().map(|plugin| Ok((*plugin, asked_by(plugin)?))).collect::<Result<_>>()?;
    let asked =
        asked.iter().flat_map(|(plugin, names)| names.iter().map(|name| (*plugin, "the plugin", name.as_str(), "")));
    let watched: Vec<_> =
        ALERTS.iter().map(|(program, prefix)| Ok((*program, alerts::metrics(prefix)?))).collect::<Result<_>>()?;
    let watched =
        watched.iter().flat_map(|(program, names)| names.iter().map(|name| (*program, "an alert", name.as_str(), "")));
    for (program, family, name, label) in FAMILIES.into_iter().chain(asked).chain(watched) {
        chain.wait(&format!("{name}{{{label}}} of {program} {} for {family}", release.version()), |chain| {
            value(&chain.scrape(program)?, name, label).context("it is not there")
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

/// What a change of its settings does to a batcher: on SIGTERM it waits for what is in flight and ends; what it had not sent
/// is loaded again from the safe head. So nothing has to be flushed before.
#[test]
fn a_batcher_that_is_restarted_loses_nothing() {
    for release in Release::ALL {
        restart(release).unwrap();
    }
}

fn restart(release: Release) -> Result<()> {
    let mut chain = Chain::start(release, None)?;
    let head = |chain: &Chain, which: &str| {
        let label = format!("layer=\"l2\",type=\"{which}\"");
        value(&chain.scrape("op-node")?, "op_node_default_refs_number", &label).context("no head")
    };
    chain.wait("first safe block", |chain| {
        ensure!(head(chain, "l2_safe")? > 0.0, "nothing is safe");
        Ok(())
    })?;
    let status = chain.restart("op-batcher")?;
    ensure!(status.success(), "{}: {status}", release.version());
    let unsafe_head = head(&chain, "l2_unsafe")?;
    chain.wait("safe head beyond the restart", |chain| {
        let safe = head(chain, "l2_safe")?;
        ensure!(safe > unsafe_head, "block {safe} is safe, {unsafe_head} is not");
        Ok(())
    })
}

/// The test of the test.
#[test]
fn what_is_not_exposed_is_missed() {
    let page = "# HELP a_b text\na_b{stage=\"success\"} 1\na_bc 2\n";
    assert_eq!(value(page, "a_b", "success"), Some(1.0));
    assert_eq!(value(page, "a_bc", ""), Some(2.0));
    for (name, label) in [("a_b", "failed"), ("a", ""), ("a_bcd", "")] {
        assert_eq!(value(page, name, label), None, "{name}");
    }
}
