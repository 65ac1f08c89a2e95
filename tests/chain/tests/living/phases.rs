//! The phases of objects while the Pods of a new chain start, and what events tell of that.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use chain::{Report, Site};
use serde_json::Value;

use crate::figure;

const POLL: Duration = Duration::from_millis(300);

/// What each object was seen in, in order, by kind and name.
#[derive(Debug, Default)]
pub struct Phases(BTreeMap<String, Vec<String>>);

impl Phases {
    /// Looks all the while until everything is ready.
    pub fn until_ready(site: &Site) -> Result<Self> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let seen = scope.spawn(|| Self::follow(site, &is_over));
            let ready = Report::when_ready(site);
            is_over.store(true, Ordering::Relaxed);
            let seen = seen.join().map_err(|_| anyhow!("nobody looked at phases"))?;
            ready.and(seen)
        })
    }

    fn follow(site: &Site, is_over: &AtomicBool) -> Result<Self> {
        let mut phases = Self::default();
        // The last look begins when it is over.
        loop {
            let is_last = is_over.load(Ordering::Relaxed);
            phases.see(&site.objects()?);
            if is_last {
                return Ok(phases);
            }
            thread::sleep(POLL);
        }
    }

    fn see(&mut self, objects: &[Value]) {
        for object in objects {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let seen = self.0.entry(format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"])));
            let (seen, phase) = (seen.or_default(), text(&object["status"]["phase"]));
            if !phase.is_empty() && seen.last() != Some(&phase) {
                seen.push(phase);
            }
        }
    }

    /// Each object was on its way while its Pods were, and arrived.
    pub fn led_to_running(&self) -> Result<()> {
        ensure!(!self.0.is_empty(), "no object was seen");
        for (object, seen) in &self.0 {
            let (way, end) = match object.split('/').next() {
                Some("OptimismNetwork") => (None, "Ready"),
                Some("OpNode") => (Some("Initializing"), "Running"),
                _ => (Some("Pending"), "Running"),
            };
            let was_on_its_way = way.is_none_or(|way| seen.iter().any(|phase| phase == way));
            ensure!(was_on_its_way && seen.last().is_some_and(|last| last == end), "{object} was {seen:?}");
        }
        let ways: Vec<_> = self.0.iter().map(|(object, seen)| format!("{object} {}", seen.join(" → "))).collect();
        figure('C', &format!("S1-09: phases while the Pods started: {}", ways.join(", ")));
        Ok(())
    }
}

/// Of the objects, which were applied all at once, some had to wait for others: they say for what, and that it is over. The
/// network says whom it has started.
pub fn events_tell_why(site: &Site) -> Result<()> {
    let list = site.kubectl().run(["--namespace=chain", "get", "events", "--output=json"])?;
    let list: Value = serde_json::from_str(&list)?;
    let events: Vec<_> = list["items"].as_array().into_iter().flatten().collect();
    let find = |reason: &str, text: &str, objects: &Value| {
        let mut found =
            events.iter().filter(|event| event["reason"] == reason && event["reportingComponent"] == "opstack");
        found.find(|event| {
            let about = &event["involvedObject"]["name"];
            let is_about = objects.is_null() || about == objects;
            is_about && event["message"].as_str().is_some_and(|message| message.contains(text))
        })
    };
    let missing = |what: &str| format!("no event says {what}: {list:#}");
    let waiting = find("Waiting", "waiting for", &Value::Null).with_context(|| missing("what is waited for"))?;
    let waiter = &waiting["involvedObject"]["name"];
    let recovered = find("Recovered", "Waiting", waiter).with_context(|| missing("that it is over"))?;
    let promoted = find("SequencerPromoted", "devnet-sequencer", &"devnet".into());
    let promoted = promoted.with_context(|| missing("who makes the blocks"))?;
    for event in [waiting, recovered, promoted] {
        let name = event["involvedObject"]["name"].as_str().unwrap_or_default();
        figure('C', &format!("S1-16: an event of {name}: {} {}", event["reason"], event["message"]));
    }
    Ok(())
}
