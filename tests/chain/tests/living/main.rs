//! One chain, one run: what is promised of a living chain, each with its figure. The letters are those of the figures
//! that are printed.

mod chart;
mod faults;
mod pods;
mod transfer;
mod watch;

use std::time::Instant;

use anyhow::Result;
use chain::{Built, Report, Site};
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
    faults::of_the_api_server(&site)?;
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
