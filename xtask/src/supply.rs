//! What we are built from: `cargo deny` judges it by `deny.toml`, and a bill of materials lists it.
//!
//! | file | what |
//! | --- | --- |
//! | `supply/tool.rs` | the two programs, built once per machine from the registry while other steps run |
//! | `supply/bill.rs` | whether the bill of materials has all that the operator is built from |
//!
//! What can't be checked here counts as skipped, and says why: a program that is not built in time, and the database of
//! advisories where it can't be fetched.

mod bill;
mod tool;

use std::{env, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

use crate::{
    run::{self, say},
    workspace,
};
use tool::{Building, Tool};

/// The environment variable that says how long to wait for the programs at the end: `wait` for as long as it takes.
const VARIABLE: &str = "OPSTACK_SUPPLY";
/// For so long otherwise.
const PATIENCE: Duration = Duration::from_secs(120);
/// A fetch of the database of advisories takes seconds; where there is no way to it, it may hang.
const FETCH: Duration = Duration::from_secs(60);

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
const SBOM: Tool = Tool { name: "cargo-sbom", version: "0.10.0" };

/// What came of a check.
#[derive(Debug)]
pub enum Outcome {
    Passed,
    Failed(anyhow::Error),
    /// Nothing was checked, for this reason.
    Skipped(String),
}

impl Outcome {
    fn of(result: Result<()>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// The programs, that are there or being built.
pub struct Pending {
    deny: Building,
    sbom: Building,
}

impl Pending {
    /// Begins to build what is not there yet.
    pub fn start() -> Self {
        // One after the other, the smaller first: two compilers less beside those of the other steps.
        let sbom = SBOM.begin(None);
        Self { deny: DENY.begin(Some(&sbom)), sbom }
    }

    /// Waits for the programs, not for ever, and checks.
    pub fn check(self) -> Vec<(&'static str, Outcome)> {
        let patience = match env::var(VARIABLE).as_deref() {
            Ok("wait") => None,
            _ => Some(PATIENCE),
        };
        let mut outcomes = vec![];
        match self.sbom.wait(patience) {
            Ok(program) => outcomes.push(("bill of materials", Outcome::of(bill(&program)))),
            Err(why) => outcomes.push(("bill of materials", Outcome::Skipped(why))),
        }
        let checks = ["licenses", "bans", "sources", "advisories"];
        match self.deny.wait(patience) {
            Ok(program) => outcomes.extend(checks.map(|check| (check, judge(&program, check)))),
            Err(why) => outcomes.extend(checks.map(|check| (check, Outcome::Skipped(why.clone())))),
        }
        outcomes
    }
}

/// cargo-deny, as if cargo had called it.
fn deny(program: &Path) -> Command {
    let mut command = run::scrubbed(program);
    command.current_dir(workspace::root()).args([
        "--log-level",
        "error",
        "--color",
        "never",
        "--workspace",
        "--locked",
    ]);
    command
}

fn judge(program: &Path, check: &str) -> Outcome {
    if check == "advisories"
        && let Err(error) = run::run_within(FETCH, deny(program).args(["fetch", "db"]))
    {
        return Outcome::Skipped(format!("the database of advisories can't be fetched here: {error:#}"));
    }
    Outcome::of(run::run(deny(program).args(["--offline", "check", "--hide-inclusion-graph", check])))
}

/// Writes `target/opstack.cdx.json`, and holds it against what cargo says that the operator is built from.
fn bill(program: &Path) -> Result<()> {
    let mut command = run::scrubbed(program);
    command.args(["sbom", "--cargo-package", "opstack-operator", "--output-format", "cyclone_dx_json_1_6"]);
    let text = run::output(command.arg("--project-directory").arg(workspace::root()))?;
    let missing =
        bill::missing(&serde_json::from_str(&text)?, &workspace::metadata(workspace::root(), &["--locked"])?)?;
    ensure!(missing.is_empty(), "the bill of materials lacks {}", missing.join(", "));
    let path = workspace::results().join("opstack.cdx.json");
    fs::create_dir_all(workspace::results())?;
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command of the `Containerfile` that begins so, in one line.
    fn command(text: &str, begins: &str) -> String {
        let joined = text.replace("\\\n", " ");
        let line = joined.lines().find_map(|line| line.strip_prefix("RUN ").filter(|line| line.starts_with(begins)));
        line.unwrap_or_else(|| panic!("no RUN {begins}")).to_string()
    }

    #[test]
    fn the_image_is_built_on_a_base_that_is_named_by_its_digest() {
        let text = fs::read_to_string(workspace::root().join("Containerfile")).expect("a Containerfile");
        let bases: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
        assert_eq!(bases, ["${BASE} AS build", "scratch"], "what is not named by BASE is not checked");
        let guard = command(&text, "case");
        let passes = |base: &str, allow: &str| {
            let status = Command::new("sh").args(["-c", &guard]).env("BASE", base).env("ALLOW_TAG", allow).status();
            status.expect("sh runs").success()
        };
        assert!(passes(&format!("docker.io/library/rust@sha256:{:064}", 1), "false"));
        assert!(!passes("docker.io/library/rust:1.95-trixie", "false"));
        assert!(passes("docker.io/library/rust:1.95-trixie", "true"), "a build for nobody else");
    }
}
