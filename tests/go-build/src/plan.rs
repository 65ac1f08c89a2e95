//! Builds the units of a plan, in their order.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result};

use crate::{Go, Home, Program, Unit, Voice, fingerprint, home::check_disk, unit::GO_ENVIRONMENT};

/// Programs that belong together: built in one go, found in one directory.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who tells of progress.
    pub voice: Voice,
    /// The directory of the cache.
    pub kind: &'static str,
    /// The first part of the home's name.
    pub release: String,
    /// What is built, for errors: "building `what` needs …".
    pub what: &'static str,
    /// What can be done where it can't be built, for errors: "…; or `otherwise`".
    pub otherwise: &'static str,
    /// Free bytes for sources, caches and programs, with some room to spare; on the disk of each of them, since they
    /// may share one.
    pub needed_bytes: u64,
    /// In the order in which they are built.
    pub units: Vec<Unit>,
}

impl Plan {
    /// Builds what is missing and returns the directory of the programs. A first build takes minutes.
    pub fn ensure_built(&self) -> Result<PathBuf> {
        let home = self.home()?;
        let programs: Vec<_> = self.units.iter().flat_map(|unit| unit.programs).map(|program| program.name).collect();
        home.ensure(self.voice, &programs, || self.build(&home))
    }

    /// Where the programs are, or will be.
    pub fn home(&self) -> Result<Home> {
        Home::in_cache(self.kind, &format!("{}-{}", self.release, self.fingerprint()))
    }

    fn fingerprint(&self) -> String {
        let units = self.units.iter().flat_map(Unit::parts);
        fingerprint(units.chain(GO_ENVIRONMENT.into_iter().flat_map(|(name, value)| [name, value])))
    }

    fn build(&self, home: &Home) -> Result<()> {
        let go = Go::new(self.voice);
        go.check_version(self.what, self.otherwise)?;
        let mut places = go.caches()?;
        places.push(home.bin());
        check_disk(&places, self.needed_bytes, self.what, self.otherwise)?;
        let started = Instant::now();
        for unit in &self.units {
            build_unit(go, home, unit)?;
        }
        self.voice.say(&format!("all programs are built, {} s", started.elapsed().as_secs()));
        Ok(())
    }
}

fn build_unit(go: Go, home: &Home, unit: &Unit) -> Result<()> {
    let missing: Vec<_> = unit.programs.iter().filter(|program| !home.has(program.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let source = home.source(unit.name);
    fs::create_dir_all(&source).with_context(|| format!("failed to create {}", source.display()))?;
    (unit.prepare)(go, unit, &source)?;
    missing.into_iter().try_for_each(|program| compile(go, home, &source, unit, program))
}

fn compile(go: Go, home: &Home, source: &Path, unit: &Unit, program: &Program) -> Result<()> {
    let partial = home.partial(program.name);
    let output = partial.to_str().context("the cache directory's name is not UTF-8")?;
    let arguments =
        ["build", "-v", "-trimpath", "-tags", unit.tags, "-ldflags", &unit.ldflags, "-o", output, program.package];
    go.run(source, &format!("{} {}", program.name, unit.version), &arguments)?;
    home.finish(program.name)
}
