//! One chain, one run: what is promised of a living chain, each with its figure. The letters are those of the figures
//! that are printed.

mod beside;
mod browser;
mod chart;
mod faults;
mod kubelet;
mod plugins;
mod pods;
mod specification;
mod swap;
mod transfer;
mod watch;

use std::{thread, time::Instant};

use anyhow::{Result, anyhow};
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
    kubelet::takes_them_as_they_are(&site)?;
    // They have nothing to do with each other, and wait most of the time.
    thread::scope(|scope| {
        let described = scope.spawn(|| specification::runs_as_written(&site));
        browser::shows_the_chain(&site)?;
        transfer::reaches_every_node(&site)?;
        proposals_land(&site)?;
        kubelet::the_challenger_keeps_its_state(&site)?;
        described.join().map_err(|_| anyhow!("the specification's objects were not judged"))?
    })?;
    pods::engine_is_closed(&site)?;
    pods::come_back_as_they_were(&site)?;
    pods::are_added_without_configuration(&site)?;
    plugins::without_a_restart(&site, || {
        swap::in_place(&site)?;
        beside::side_by_side(&site)?;
        plugins::a_new_kind_serves(&site)
    })?;
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
