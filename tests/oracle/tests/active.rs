//! Whom the real op-batcher follows, given a list of sequencers.

use anyhow::{Context as _, Result, ensure};
use op_programs::Release;
use oracle::chain::Chain;
use rpc_double::Double;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const IS_ACTIVE: &str = "admin_sequencerActive";
const STATUS: &str = "optimism_syncStatus";

#[test]
fn a_batcher_finds_the_active_sequencer_of_its_list_and_follows() {
    for release in Release::ALL {
        follow(release).unwrap();
    }
}

/// Another sequencer stands first in the list, and doesn't make blocks; then it does instead of the chain's own, and then the
/// chain's own does again.
fn follow(release: Release) -> Result<()> {
    let runtime = Runtime::new()?;
    let other = runtime.block_on(Double::start());
    other.answer(IS_ACTIVE, json!(false));
    // Each execution client of the list is told how large blocks may be.
    other.answer("miner_setMaxDASize", json!(true));

    let mut chain = Chain::start(release, Some(&other.url()))?;
    chain.wait("first safe block", |chain| is_safe(chain, 1))?;
    ensure!(other.count(IS_ACTIVE) > 0, "{}: the first of the list was not asked", release.version());
    ensure!(other.count(STATUS) == 0, "{}: an inactive one was followed", release.version());

    other.answer(STATUS, chain.ask_node(STATUS, json!([]))?);
    let stopped_at = chain.ask_node("admin_stopSequencer", json!([]))?;
    other.answer(IS_ACTIVE, json!(true));
    chain.wait("word from the one that is active now", |_| {
        ensure!(other.count(STATUS) > 0, "it was asked {} times whether it is", other.count(IS_ACTIVE));
        Ok(())
    })?;

    other.answer(IS_ACTIVE, json!(false));
    let head = number(&chain.ask_node(STATUS, json!([]))?["unsafe_l2"])?;
    chain.ask_node("admin_startSequencer", json!([stopped_at]))?;
    chain.wait("safe block of the chain's own again", |chain| is_safe(chain, head + 1))
}

fn is_safe(chain: &Chain, height: u64) -> Result<()> {
    let safe = number(&chain.ask_node(STATUS, json!([]))?["safe_l2"])?;
    ensure!(safe >= height, "block {safe} is safe, {height} is not");
    Ok(())
}

fn number(block: &Value) -> Result<u64> {
    block["number"].as_u64().context("a block without a number")
}
