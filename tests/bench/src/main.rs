//! Figures of the operator, each beside the raw work it stands for, measured in turns in one run.
//!
//! Machines are noisy: only ratios of what was measured side by side mean anything. They are printed as they come, and written
//! as one flat object to the file named by the first argument.

mod cluster;
mod objects;
mod render;
mod scale;
mod writes;

use anyhow::Context as _;
use serde_json::{Map, Value};

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

fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "target/bench.json".into());
    let mut figures = Figures::default();
    render::measure(&mut figures)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    writes::measure(&mut figures, &runtime)?;
    scale::measure(&mut figures, &runtime)?;
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
