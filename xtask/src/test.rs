//! `cargo xtask test`: everything that is checked before a change is accepted, in an order that keeps two cores busy.
//!
//! A failed step does not keep the others from running, unless they need its result. The last line on the standard
//! output tells the counts; a failed step counts as one failure, a test that says `skipped: why` as skipped.

mod tally;

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use chart::{Helm, alerts::Promtool};
use op_programs::OpPrograms;

use crate::{
    codegen,
    kubernetes::Pending,
    plugins,
    run::{self, say},
    supply::{self, Outcome},
    tidy, workspace,
};
use tally::Tally;

/// Runs all steps.
pub fn test() -> ExitCode {
    let mut report = Report::default();
    if let Err(error) = all(&mut report) {
        say(&format!("{error:#}"));
    }
    report.conclude()
}

/// Fails only where the steps that are left can't run.
fn all(report: &mut Report) -> Result<()> {
    report.step("format", format);
    report.step("tidy", tidy::tidy);
    let kubernetes = begin_kubernetes();
    let supply = supply::Pending::start();
    report.needed("WebAssembly", plugins::build_all)?;
    report
        .needed("build", || run::run(run::cargo(workspace::root()).args(["build", "--workspace", "--all-targets"])))?;
    report.step("lint", lint);
    report.step("generated files", || codegen::codegen(codegen::Mode::Check));
    report.step("plugins are valid", validate);
    report.step("Kubernetes", || kubernetes?.map_or(Ok(()), |pending| pending.wait().map(drop)));
    report.step("programs of the OP Stack", || OpPrograms::find().map(drop));
    report.step("helm", || Helm::find().map(drop));
    report.step("promtool", || Promtool::find().map(drop));
    let root = workspace::root();
    report.tests("tests", run::cargo(root).args(["test", "--workspace", "--no-fail-fast", "--", "--show-output"]));
    let example = root.join("examples/hello-plugin");
    // A workspace of its own, whose build must not mix with ours.
    let target = workspace::target_dir().join("examples");
    let mut command = run::cargo(&example);
    command.args(["test", "--target-dir"]).arg(target).args(["--", "--show-output"]);
    report.tests("tests of the example", &mut command);
    report.checks("what we are built from", || supply.check());
    Ok(())
}

/// Workspaces that are formatted alike.
const WORKSPACES: [&str; 3] = ["", "tests/guests", "examples/hello-plugin"];

fn format() -> Result<()> {
    for directory in WORKSPACES.map(|directory| workspace::root().join(directory)) {
        run::run(run::cargo(&directory).args(["fmt", "--all", "--check"]))
            .with_context(|| format!("run `cargo fmt --all` in {}", directory.display()))?;
    }
    Ok(())
}

fn lint() -> Result<()> {
    let mut command = run::cargo(workspace::root());
    run::run(command.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

/// Refuses a plugin as the operator would: for an import outside the contract, for one.
fn validate() -> Result<()> {
    let files = [plugins::built()?, plugins::built_example()?].concat();
    run::run(run::scrubbed(workspace::opstack()).args(["plugin", "validate"]).args(files))
}

/// A cluster that the environment names makes our own needless.
fn begin_kubernetes() -> Result<Option<Pending>> {
    let named = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if ["OPSTACK_TEST_KUBECONFIG", "KUBECONFIG"].into_iter().any(named) {
        return Ok(None);
    }
    Pending::start().map(Some)
}

/// What came of the steps.
#[derive(Default)]
struct Report {
    tally: Tally,
    failed_steps: Vec<&'static str>,
}

impl Report {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        if let Err(error) = run::step(name, work) {
            say(&format!("{error:#}"));
            self.failed_steps.push(name);
        }
    }

    fn needed(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.step(name, work);
        ensure!(!self.failed_steps.contains(&name), "without {name:?} no more can be tested");
        Ok(())
    }

    fn tests(&mut self, name: &'static str, command: &mut Command) {
        let mut tally = Tally::default();
        let outcome = run::step(name, || count(command, &mut tally));
        // Where tests failed, they are counted themselves.
        if let Err(error) = outcome.and_then(|()| tally.require_any()) {
            say(&format!("{error:#}"));
            if tally.failed == 0 {
                self.failed_steps.push(name);
            }
        }
        self.tally.add(&tally);
    }

    /// Checks of which each counts by itself.
    fn checks(&mut self, name: &'static str, work: impl FnOnce() -> Vec<(&'static str, Outcome)>) {
        let outcomes = run::step(name, || Ok(work()));
        for (check, outcome) in outcomes.into_iter().flatten() {
            match outcome {
                Outcome::Passed => self.tally.passed += 1,
                Outcome::Failed(error) => {
                    say(&format!("{name}: {check}: {error:#}"));
                    self.tally.failed += 1;
                }
                Outcome::Skipped(why) => {
                    println!("{}{name}: {check}: {why}", tally::SKIPPED);
                    self.tally.skipped += 1;
                }
            }
        }
    }

    fn conclude(mut self) -> ExitCode {
        if !self.failed_steps.is_empty() {
            say(&format!("failed steps: {}", self.failed_steps.join(", ")));
        }
        self.tally.failed += self.failed_steps.len();
        println!("{}", self.tally);
        if self.tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs tests, shows what they say, and counts them.
fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = run::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = child.stdout.take().context("the tests have no output")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("failed to read the tests' output")?;
        if tally.read(&line) {
            println!("{line}");
        }
    }
    if !child.wait()?.success() {
        bail!("some failed");
    }
    Ok(())
}
