//! Calls of the machine's own tools, which are over at once.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Runs a program and returns what it prints; fails with its complaints.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {program}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    let line = arguments.join(" ");
    ensure!(output.status.success(), "`{program} {line}` failed ({}): {}", output.status, complaints.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program for what it does.
pub(crate) fn run(program: &str, line: &str) -> Result<()> {
    let arguments: Vec<_> = line.split_whitespace().collect();
    output(program, &arguments).map(drop)
}
