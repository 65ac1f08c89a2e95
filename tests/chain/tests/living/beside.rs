//! A node changes its execution client, and its users don't notice: the new one syncs beside the old one.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use chain::{Layer, NODES, Site, until};
use serde_json::json;

use crate::{
    figure,
    pods::{endpoints, field},
};

const IN: &str = "--namespace=chain";
const NODE: &str = NODES[1];
const CLAIM: &str = "pvc/data-geth-replica-0";
const OLD: (&str, &str) = ("geth", "replica");
const NEW: (&str, &str) = ("geth-leveldb", "replica--geth-leveldb");
const PAUSE: Duration = Duration::from_millis(100);

/// A replica goes to the client of a stranger and back; its Service answers all the while, each time by Pods that are synced.
pub fn side_by_side(site: &Site) -> Result<()> {
    let volume = field(site, CLAIM, "{.spec.volumeName}")?;
    let (service, is_over) = (site.execution(NODE)?, AtomicBool::new(false));
    let (answers, there, back) = thread::scope(|scope| {
        let asked = scope.spawn(|| ask_until(&service, &is_over));
        let went = moves(site, OLD, NEW).and_then(|there| {
            ensure!(field(site, CLAIM, "{.spec.volumeName}")? == volume, "the old client's claim was not kept");
            Ok((there, moves(site, NEW, OLD)?))
        });
        is_over.store(true, Ordering::Relaxed);
        let answers = asked.join().map_err(|_| anyhow!("nobody asked the Service"))??;
        went.map(|(there, back)| (answers, there, back))
    })?;
    ensure!(field(site, CLAIM, "{.spec.volumeName}")? == volume, "the old claim was not found again");
    figure(
        'D',
        &format!(
            "{NODE} went from {} to {} side by side in {there:.1} s and back in {back:.1} s; its Service answered {answers} questions meanwhile, and left none without an answer",
            OLD.0, NEW.0
        ),
    );
    Ok(())
}

/// Seconds until the Service leads to the other workload's Pods, and the one before is gone.
fn moves(site: &Site, from: (&str, &str), to: (&str, &str)) -> Result<f64> {
    let began = Instant::now();
    let patch = json!({"spec": {"executionClient": {"name": to.0, "strategy": "SideBySide"}}}).to_string();
    site.kubectl().run([IN, "patch", "opnode", NODE, "--type=merge", "--patch", &patch])?;
    let (old, new) = (format!("{}-0", from.1), format!("{}-0", to.1));
    let mut was_beside = false;
    until("the Service leads to the new Pod", || {
        let serving = endpoints(site, NODE)?;
        ensure!(serving.iter().all(|pod| *pod == old || *pod == new), "the Service leads to {serving:?}");
        was_beside |= serving == [old.clone()] && field(site, &format!("pod/{new}"), "{.metadata.uid}").is_ok();
        Ok(serving == [new.clone()])
    })?;
    ensure!(was_beside, "the new Pod was never beside the old one");
    until("the old workload is gone", || {
        Ok(field(site, &format!("statefulset/{}", from.1), "{.metadata.uid}").is_err())
    })?;
    Ok(began.elapsed().as_secs_f64())
}

/// Asks for the height until it is over; how often. No question may stay without an answer.
fn ask_until(service: &Layer, is_over: &AtomicBool) -> Result<u32> {
    let mut answers = 0;
    while !is_over.load(Ordering::Relaxed) {
        service.height().with_context(|| format!("after {answers} answers the Service gave none"))?;
        answers += 1;
        thread::sleep(PAUSE);
    }
    Ok(answers)
}
