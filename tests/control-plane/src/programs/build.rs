//! Builds the programs once per machine, whoever asks and however many ask at the same time.
//!
//! An exclusive lock on a file surrounds the build; each program is compiled under a temporary name
//! and moved to its own, so that what has its name is complete and an interrupted build goes on
//! where it stopped.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    go::{self, say},
    recipe::{KUBERNETES_VERSION, Program, TOOLS, Tools, fingerprint},
};

/// Sources, caches and programs of one build, with some room to spare.
const NEEDED_BYTES: u64 = 6 << 30;

/// Builds what is missing and returns the directory of the programs.
pub(crate) fn ensure_built(cache: &Path) -> Result<PathBuf> {
    let home = cache.join(format!("v{KUBERNETES_VERSION}-{}", fingerprint()));
    let bin = home.join("bin");
    if is_complete(&bin) {
        return Ok(bin);
    }
    fs::create_dir_all(&bin).with_context(|| format!("failed to create {}", bin.display()))?;
    let _lock = lock(&home.join("build.lock"))?;
    // Whoever held the lock before us has probably done the work.
    if is_complete(&bin) {
        return Ok(bin);
    }
    go::check_version()?;
    check_disk(&bin)?;
    let started = Instant::now();
    for tools in &TOOLS {
        build_tools(&home, &bin, tools)?;
    }
    say(&format!("all programs are built, {} s", started.elapsed().as_secs()));
    Ok(bin)
}

fn is_complete(bin: &Path) -> bool {
    TOOLS.iter().flat_map(|tools| tools.programs).all(|program| bin.join(program.name).is_file())
}

fn build_tools(home: &Path, bin: &Path, tools: &Tools) -> Result<()> {
    let missing: Vec<_> = tools.programs.iter().filter(|program| !bin.join(program.name).is_file()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let source = home.join("src").join(tools.name);
    fs::create_dir_all(&source)?;
    let upstream = go::module_file(&source, &format!("{}@v{}", tools.module, tools.version))?;
    let upstream = fs::read_to_string(&upstream).with_context(|| format!("failed to read {}", upstream.display()))?;
    fs::write(source.join("go.mod"), tools.go_mod(&upstream)?)?;
    go::run(&source, &format!("{} {}: sources", tools.name, tools.version), &["mod", "tidy"])?;
    missing.into_iter().try_for_each(|program| compile(&source, bin, tools, program))
}

fn compile(source: &Path, bin: &Path, tools: &Tools, program: &Program) -> Result<()> {
    let partial = bin.join(format!(".{}.partial", program.name));
    let output = partial.to_str().context("the cache directory's name is not UTF-8")?;
    let ldflags = tools.ldflags();
    let arguments = ["build", "-v", "-trimpath", "-ldflags", &ldflags, "-o", output, program.package];
    go::run(source, &format!("{} {}", program.name, tools.version), &arguments)?;
    fs::rename(&partial, bin.join(program.name))
        .with_context(|| format!("failed to move {} to its place", program.name))
}

/// Waits for the lock, and says so: the build of somebody else can take many minutes.
fn lock(path: &Path) -> Result<File> {
    const ASK_EVERY: Duration = Duration::from_millis(500);
    const SAY_EVERY: Duration = Duration::from_secs(30);
    let file = File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
    let started = Instant::now();
    let mut said: Option<Instant> = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("failed to lock {}", path.display()));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            let seconds = started.elapsed().as_secs();
            say(&format!("another process is building the programs, waiting for it ({seconds} s)"));
            said = Some(Instant::now());
        }
        thread::sleep(ASK_EVERY);
    }
}

fn check_disk(directory: &Path) -> Result<()> {
    let mut places = go::caches()?;
    places.push(directory.to_owned());
    for place in places {
        // The caches of Go need not exist yet; their nearest parent that does is on the same disk.
        let Some(existing) = place.ancestors().find(|path| path.exists()) else {
            continue;
        };
        let disk = rustix::fs::statvfs(existing)
            .with_context(|| format!("failed to ask for the free space of {}", existing.display()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < NEEDED_BYTES {
            bail!(
                "{:.1} GiB are free below {}, but building Kubernetes takes up to {} GiB: make room, \
                 move the caches (XDG_CACHE_HOME, GOCACHE, GOMODCACHE), or let KUBEBUILDER_ASSETS name a \
                 directory that holds the programs",
                free as f64 / f64::from(1 << 30),
                existing.display(),
                NEEDED_BYTES >> 30,
            );
        }
    }
    Ok(())
}
