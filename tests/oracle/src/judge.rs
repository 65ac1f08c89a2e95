//! Many pods, each container once, and what came of it all.

use anyhow::Result;
use op_programs::{Legacy, OpPrograms, PROGRAMS, Release};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::{Container, Pod, Sandbox, Verdict, reth};

/// What was rendered for one object, and a name for it.
#[derive(Clone, Debug)]
pub struct Case {
    /// For reports.
    pub name: String,
    /// The children.
    pub objects: Vec<Value>,
}

/// What was seen of one program in one release.
#[derive(Debug, Default)]
pub struct Seen {
    cases: BTreeSet<String>,
    started: usize,
    flags: BTreeSet<String>,
}

/// A program that does not take what it was given.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The case in which it was first seen.
    pub case: String,
    /// The release, as the program gives it; of op-reth and op-geth it says nothing.
    pub release: &'static str,
    /// What the program said.
    pub output: String,
    /// Everything, for people.
    pub report: String,
}

/// What came of all cases.
#[derive(Debug, Default)]
pub struct Report {
    seen: BTreeMap<(&'static str, &'static str), Seen>,
    /// Who did not take what.
    pub refused: Vec<Refusal>,
    /// Why this machine can't judge, if it can't.
    pub unable: Option<String>,
    started: BTreeSet<(Container, &'static str)>,
}

/// Starts programs.
pub struct Judge {
    sandbox: PathBuf,
    programs: OpPrograms,
    legacy: BTreeMap<Legacy, PathBuf>,
    report: Mutex<Report>,
}

impl Judge {
    /// `sandbox` is the built program of that name; `opstack` is built beside it. The other programs are built if they are not.
    pub fn new(sandbox: &Path) -> Result<Self> {
        let legacy = Legacy::ALL.into_iter().map(|legacy| Ok((legacy, legacy.proposer()?.path)));
        Ok(Self {
            sandbox: sandbox.into(),
            programs: OpPrograms::find()?,
            legacy: legacy.collect::<Result<_>>()?,
            report: Mutex::default(),
        })
    }

    /// Judges all cases with some releases, two at a time. A container of an image from before all of them is judged by a
    /// program of its own time instead.
    pub fn judge(self, cases: &[Case], releases: &[Release]) -> Report {
        let tasks = releases.iter().flat_map(|release| cases.iter().map(move |case| (case, *release)));
        let tasks = Mutex::new(tasks);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some((case, release)) = next else { return };
                        self.one(case, release);
                    }
                });
            }
        });
        self.report.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one(&self, case: &Case, release: Release) {
        let pods = match Pod::all(&case.objects) {
            Ok(pods) => pods,
            Err(error) => return self.report().refuse(case, release.version(), format!("{error:#}"), ""),
        };
        for pod in pods {
            let new = self.report().begin(case, release, &pod);
            if !new.is_empty() {
                let sandbox = Sandbox::new(&self.sandbox);
                let program = |container: &Container| {
                    let program = || self.program(container, release);
                    is_wanted(container, &new).then(program).flatten()
                };
                match pod.run(&sandbox, program) {
                    Ok(verdicts) => verdicts.into_iter().for_each(|(container, verdict)| {
                        self.report().note(case, release, &container, verdict);
                    }),
                    Err(error) => self.report().refuse(case, release.version(), format!("{error:#}"), ""),
                }
            }
        }
    }

    fn program(&self, container: &Container, release: Release) -> Option<(String, PathBuf)> {
        match container.legacy {
            Some(legacy) => Some((container.program.into(), self.legacy.get(&legacy)?.clone())),
            None => program(&self.programs, &self.sandbox, container, release),
        }
    }
}

/// Where the program of a container is, and by which name it is called. `opstack` is built beside the sandbox.
pub fn program(
    programs: &OpPrograms,
    sandbox: &Path,
    container: &Container,
    release: Release,
) -> Option<(String, PathBuf)> {
    match container.program {
        "opstack" => Some(("opstack".into(), sandbox.with_file_name("opstack"))),
        "op-geth" => Some(("geth".into(), programs.op_geth().into())),
        "op-reth" => None,
        name => Some((name.into(), programs.path(release, name))),
    }
}

/// Which release of a program is started: of those that no release has, there is one version.
fn version(container: &Container, release: Release) -> &'static str {
    match container.legacy {
        Some(legacy) => legacy.version(),
        None if PROGRAMS.contains(&container.program) => release.version(),
        None => "",
    }
}

/// Whether a container is started for the new ones of its pod: it is one, or makes the files that they need.
fn is_wanted(container: &Container, new: &[Container]) -> bool {
    let prepares = |other: &Container| container.program == "opstack" || container.program == other.program;
    new.contains(container) || container.is_init && new.iter().any(prepares)
}

impl Report {
    /// Takes a pod in. Its containers that were not started yet.
    fn begin(&mut self, case: &Case, release: Release, pod: &Pod) -> Vec<Container> {
        let mut new = vec![];
        for container in &pod.containers {
            let of = version(container, release);
            let seen = self.seen.entry((container.program, of)).or_default();
            seen.cases.insert(case.name.clone());
            seen.flags.extend(container.flags().map(str::to_string));
            if !self.started.insert((container.clone(), of)) {
                continue;
            }
            if container.program == "op-reth" {
                let wrong = reth::refuse(&container.command);
                wrong.into_iter().for_each(|wrong| self.refuse(case, release.version(), wrong, ""));
            } else {
                new.push(container.clone());
            }
        }
        new
    }

    fn refuse(&mut self, case: &Case, release: &'static str, why: String, output: &str) {
        let report = format!("{}, {release}: {why}", case.name);
        self.refused.push(Refusal { case: case.name.clone(), release, output: output.into(), report });
    }

    fn note(&mut self, case: &Case, release: Release, container: &Container, verdict: Verdict) {
        let of = version(container, release);
        self.seen.entry((container.program, of)).or_default().started += 1;
        // Of the programs that no release has, it's told which release was asked for.
        let release = if of.is_empty() { release.version() } else { of };
        let told = |how: &str, output: &str| {
            format!("container {}: {how}\n  {}\n{}", container.name, container.command.join(" "), tail(output))
        };
        match verdict {
            Verdict::Taken(output) => {
                let unknown = output.lines().find(|line| line.contains("Unknown env var"));
                unknown.into_iter().for_each(|line| self.refuse(case, release, told(line, ""), &output));
            }
            Verdict::Ended(how, output) => self.refuse(case, release, told(&how, &output), &output),
            Verdict::Silent(output) => self.refuse(case, release, told("nothing seen in time", &output), &output),
            Verdict::Unable(why) => self.unable = Some(why),
        }
    }

    /// How often a program of a release was started.
    pub fn started(&self, program: &'static str, release: &'static str) -> usize {
        self.seen.get(&(program, release)).map_or(0, |seen| seen.started)
    }

    /// Whether this machine can judge at all; says so if not.
    pub fn is_skipped(&self) -> bool {
        if let Some(why) = &self.unable {
            println!("skipped: {why}");
        }
        self.unable.is_some()
    }
}

/// A table of programs, then their flags.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:<9} {:>5} {:>8} {:>6}", "program", "release", "cases", "started", "flags")?;
        for ((program, release), seen) in &self.seen {
            let (cases, started, flags) = (seen.cases.len(), seen.started, seen.flags.len());
            writeln!(f, "{program:<14} {release:<9} {cases:>5} {started:>8} {flags:>6}")?;
        }
        for ((program, release), seen) in &self.seen {
            writeln!(f, "{program} {release}: {}", seen.flags.iter().cloned().collect::<Vec<_>>().join(" "))?;
        }
        Ok(())
    }
}

fn tail(output: &str) -> String {
    let lines: Vec<_> = output.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(6)).copied().collect::<Vec<_>>().join("\n")
}
