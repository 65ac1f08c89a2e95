//! Figures of the operator, each beside the raw work it stands for, measured in turns in one run.
//!
//! Machines are noisy: only ratios of what was measured side by side mean anything. They are printed as they come, and written
//! as one flat object to the file named by the first argument.

mod cluster;
mod objects;
mod probes;
mod render;
mod scale;
mod writes;

use anyhow::Context as _;
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

/// What was measured, by name.
#[derive(Default)]
pub struct Figures(Map<String, Value>);

impl Figures {
    /// Notes and prints a figure.
    pub fn note(&mut self, name: &str, value: f64, target: &str) {
        let rounded = (value * 1000.0).round() / 1000.0;
        println!("{name:<24} {rounded:>12} {target}");
        self.0.insert(name.into(), rounded.into());
    }
}

type Part = fn(&mut Figures, &Runtime) -> anyhow::Result<()>;

/// What can be measured alone, by naming it.
const PARTS: [(&str, Part); 4] =
    [("render", render::measure), ("writes", writes::measure), ("probes", probes::measure), ("scale", scale::measure)];

/// `bench FILE [PART]…`
fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("the first argument is the file for the figures")?;
    let wanted: Vec<String> = arguments.collect();
    let names = PARTS.map(|(name, _)| name);
    let unknown = wanted.iter().find(|name| !names.contains(&name.as_str()));
    anyhow::ensure!(unknown.is_none(), "there is no part {unknown:?}; parts are {}", names.join(", "));
    let runtime = Runtime::new()?;
    let mut figures = Figures::default();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(&mut figures, &runtime)?;
        }
    }
    std::fs::write(&file, serde_json::to_string_pretty(&figures.0)?)
        .with_context(|| format!("failed to write {file}"))?;
    println!("written to {file}");
    Ok(())
}

/// The value below which a share of the sorted values lies.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Sorts and gives the median.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    percentile(values, 0.5)
}
