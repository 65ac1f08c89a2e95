//! One chain, one run: what is promised of a living chain, each with its figure. The letters are those of the figures
//! that are printed.

mod batcher;
mod beside;
mod browser;
mod chart;
mod conductor;
mod faults;
mod forward;
mod frozen;
mod games;
mod kubelet;
mod lookout;
mod phases;
mod plugins;
mod pods;
mod policies;
mod sequencers;
mod specification;
mod swap;
mod told;
mod transfer;
mod watch;

use std::{
    thread::{self, ScopedJoinHandle},
    time::Instant,
};

use anyhow::{Result, anyhow};
use chain::{Built, NODES, Site};
use cluster::Life;
use serde_json::Value;

use phases::Phases;
use sequencers::Pair;
use watch::Watch;

#[test]
fn a_chain_lives() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let began = Instant::now();
    let site = Site::up(&Built::beside_tests()?, Life::OfThisProcess)?;
    let phases = Phases::until_ready(&site)?;
    figure('A', &format!("every object is Ready {:.0} s after nothing was there", began.elapsed().as_secs_f64()));
    phases.led_to_running()?;
    phases::events_tell_why(&site)?;

    let watch = Watch::start(&site)?;
    kubelet::takes_them_as_they_are(&site)?;
    let wrong = games::propose_wrongly(&site)?;
    // They have nothing to do with each other, and wait most of the time.
    thread::scope(|scope| {
        let described = scope.spawn(|| specification::runs_as_written(&site));
        let told = scope.spawn(|| told::is_so(&site));
        browser::shows_the_chain(&site)?;
        transfer::reaches(&site, NODES)?;
        proposals_land(&site)?;
        games::is_challenged(&site, wrong)?;
        kubelet::the_challenger_keeps_its_state(&site)?;
        judged(told).and(judged(described))
    })?;
    pods::engine_is_closed(&site)?;
    policies::are_enforced(&site)?;
    pods::come_back_as_they_were(&site)?;
    pods::are_added_without_configuration(&site)?;
    plugins::without_a_restart(&site, || {
        swap::in_place(&site)?;
        // What is done to another replica and to the batcher is nothing to it.
        thread::scope(|scope| {
            let frozen = scope.spawn(|| frozen::is_noticed(&site));
            let batcher = scope.spawn(|| batcher::ends_and_comes_again(&site));
            beside::side_by_side(&site)?;
            plugins::a_new_kind_serves(&site)?;
            judged(frozen).and(judged(batcher))
        })
    })?;
    let pair = Pair::complete(&site)?;
    faults::of_programs(&site)?;
    faults::of_the_operator(&site)?;
    faults::of_the_api_server(&site)?;
    chart::goes_and_comes(&site)?;
    watch.conclude()?;
    pair.change_over(&site)?;
    faults::of_the_l1(&site)?;
    conductor::decides(&site)
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

/// What came of something that was done beside.
fn judged(beside: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    beside.join().map_err(|_| anyhow!("what was done beside was not judged"))?
}

/// Prints what was seen.
fn figure(letter: char, text: &str) {
    println!("figure {letter}: {text}");
}
