//! Scripts are scripts: the shell that they name can read them whole. One that can't is noticed only where it runs, and what it was to
//! check is not checked there.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::Document;
use crate::run;

/// Complaints about all scripts of a shell.
pub fn complaints(documents: &[Document]) -> Result<Vec<String>> {
    let scripts = documents.iter().filter_map(|document| Some((document, shell(&document.text)?)));
    let judged: Vec<_> = scripts.map(|(document, shell)| judge(document, shell)).collect::<Result<_>>()?;
    Ok(judged.into_iter().flatten().collect())
}

/// The shell that the first line names.
fn shell(text: &str) -> Option<&'static str> {
    let first = text.lines().next()?.strip_prefix("#!")?;
    ["bash", "sh"].into_iter().find(|shell| first.split(['/', ' ']).next_back() == Some(*shell))
}

/// What the shell says of a script that it reads and does not run.
fn judge(document: &Document, shell: &str) -> Result<Option<String>> {
    let mut command = run::scrubbed(shell);
    command.arg("-n").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("failed to start {shell}"))?;
    // It may have given up before the end.
    let _ = child.stdin.take().context("no pipe")?.write_all(document.text.as_bytes());
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let complaint = format!("{}: {}", document.path, said.lines().next().unwrap_or_default());
    Ok((!output.status.success()).then_some(complaint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_no_shell_can_read_is_told() -> Result<()> {
        for (text, is_right) in [
            ("#!/usr/bin/env bash\nif true; then echo \"it's\"; fi\n", true),
            ("#!/bin/sh\necho a\n", true),
            ("#!/usr/bin/env bash\nif true; then echo\n", false),
            ("#!/bin/sh\n# a comment\necho `date\n", false),
            ("#!/usr/bin/env python3\nif True:\n", true),
            ("if true; then", true),
        ] {
            let complaints = complaints(&[Document::new("a", text)])?;
            assert_eq!(complaints.is_empty(), is_right, "{text}: {complaints:?}");
        }
        Ok(())
    }
}
