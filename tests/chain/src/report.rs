//! What the chain's objects say of themselves, and how far its programs are.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{Heads, NODES, Site, VOICE};

const POLL: Duration = Duration::from_secs(1);
/// Programs that have to reach each other take their time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(420);

/// A look at the chain.
#[derive(Debug)]
pub struct Report {
    /// The custom resources.
    pub objects: Vec<Value>,
    /// The nodes that answer.
    pub nodes: Vec<(&'static str, Heads)>,
}

impl Report {
    /// Looks once.
    pub fn of(site: &Site) -> Result<Self> {
        let heads = |node| Some((node, site.consensus(node).ok()?.heads().ok()?));
        Ok(Self { objects: site.objects()?, nodes: NODES.into_iter().filter_map(heads).collect() })
    }

    /// Looks until every object is `Ready` and every node has blocks that are on L1; tells of what changes meanwhile.
    pub fn when_ready(site: &Site) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = Vec::new();
        loop {
            let report = Self::of(site)?;
            let lines = report.waiting();
            lines.iter().filter(|line| !told.contains(*line)).for_each(|line| VOICE.say(line));
            if lines.is_empty() {
                return Ok(report);
            }
            if Instant::now() >= deadline {
                bail!("not within {PATIENCE:?}:\n{}", lines.join("\n"));
            }
            told = lines;
            thread::sleep(POLL);
        }
    }

    /// What is not as it should be.
    fn waiting(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.objects.iter().filter(|object| !is_ready(object)).map(described).collect();
        for node in NODES {
            match self.nodes.iter().find(|(name, _)| *name == node) {
                None => lines.push(format!("{node}: no answer")),
                Some((_, heads)) if heads.safe_l2 == 0 => lines.push(format!("{node}: nothing is on L1 yet")),
                Some(_) => {}
            }
        }
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for object in &self.objects {
            writeln!(f, "{}", described(object))?;
        }
        writeln!(f, "\n{:<20}{:>10}{:>10}{:>10}{:>10}", "node", "unsafe", "safe", "finalized", "L1")?;
        for (node, heads) in &self.nodes {
            let Heads { unsafe_l2, safe_l2, finalized_l2, l1 } = heads;
            writeln!(f, "{node:<20}{unsafe_l2:>10}{safe_l2:>10}{finalized_l2:>10}{l1:>10}")?;
        }
        Ok(())
    }
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == name)
}

fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|ready| {
        ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
    })
}

fn described(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]));
    match condition(object, "Ready") {
        None => format!("{name}: was not looked at yet"),
        Some(ready) => {
            format!("{name}: Ready={} {}: {}", text(&ready["status"]), text(&ready["reason"]), text(&ready["message"]))
        }
    }
}
