//! `cargo xtask programs`: the real programs of the OP Stack, built where they are missing, and what they say they are.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use op_programs::{Legacy, OpPrograms};

use crate::run;

const COLUMNS: [&str; 5] = ["program", "release", "MiB", "says", "path"];

/// Builds what is missing and prints a table of all programs.
pub fn programs() -> Result<()> {
    let mut programs = OpPrograms::find()?.all();
    for release in Legacy::ALL {
        programs.push(release.proposer()?);
    }
    let rows = programs.iter().map(|program| {
        let mebibytes = size(&program.path)? >> 20;
        let path = program.path.display().to_string();
        Ok([program.name.into(), program.version.clone(), mebibytes.to_string(), version_line(&program.path)?, path])
    });
    print!("{}", table(&rows.collect::<Result<Vec<_>>>()?));
    Ok(())
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("failed to look at {}", path.display()))?.len())
}

/// The first line of what `--version` answers.
fn version_line(program: &Path) -> Result<String> {
    let answer = run::output(run::scrubbed(program).arg("--version"))?;
    Ok(answer.lines().next().unwrap_or_default().trim().into())
}

/// Columns as wide as their widest cell, below their names.
fn table(rows: &[[String; 5]]) -> String {
    let names = COLUMNS.map(ToString::to_string);
    let lines: Vec<_> = [&names].into_iter().chain(rows).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
            format!("{cell:width$}")
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = ["a", "v1.2.3-longer", "12345", "a version", "/p"].map(ToString::to_string);
        let expected = "\
program  release        MiB    says       path
a        v1.2.3-longer  12345  a version  /p
";
        assert_eq!(table(&[row]), expected);
    }
}
