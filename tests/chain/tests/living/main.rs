//! One chain, one run: what is promised of a living chain, each with its figure. The letters are those of the figures
//! that are printed.

mod chart;
mod faults;
mod pods;
mod transfer;
mod watch;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use chain::{Built, NODES, Report, Site};
use cluster::Life;
use serde_json::Value;

use watch::Watch;

#[test]
fn a_chain_lives() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let began = Instant::now();
    let site = Site::up(&Built::beside_tests()?, Life::OfThisProcess)?;
    Report::when_ready(&site)?;
    figure('A', &format!("every object is Ready {:.0} s after nothing was there", began.elapsed().as_secs_f64()));

    let watch = Watch::start(&site)?;
    transfer::reaches_every_node(&site)?;
    proposals_land(&site)?;
    pods::engine_is_closed(&site)?;
    pods::come_back_as_they_were(&site)?;
    pods::are_added_without_configuration(&site)?;
    faults::of_programs(&site)?;
    faults::of_the_operator(&site)?;
    chart::goes_and_comes(&site)?;
    watch.conclude()?;
    faults::of_the_l1(&site)
}

/// What the games on L1 say is in the proposer's status.
fn proposals_land(site: &Site) -> Result<()> {
    let mut told = Value::Null;
    chain::until("a proposal lands on L1 and stands in the status", || {
        told = faults::last_proposal(site)?;
        Ok(!told.is_null())
    })?;
    figure('B', &format!("proposed on L1: {told}"));
    Ok(())
}

/// Prints what was seen.
fn figure(letter: char, text: &str) {
    println!("{letter}: {text}");
}

/// The blocks from one height to another have two seconds between them each, on the sequencer.
fn is_continuous(site: &Site, from: u64, to: u64) -> Result<()> {
    let sequencer = site.execution(NODES[0])?;
    let time = |height: u64| -> Result<u64> {
        let block = sequencer.block(&format!("{height:#x}"))?;
        l1::quantity(&block["timestamp"]).with_context(|| format!("block {height}"))
    };
    let (first, last) = (time(from)?, time(to)?);
    ensure!(last - first == 2 * (to - from), "blocks {from} to {to} took {} s", last - first);
    Ok(())
}
