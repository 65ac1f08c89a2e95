//! A directory of the user's cache for the programs of one recipe, filled by one process at a time.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::Voice;

/// Where the programs of one recipe are kept.
#[derive(Clone, Debug)]
pub struct Home {
    directory: PathBuf,
}

impl Home {
    /// `$XDG_CACHE_HOME/opstack/<kind>/<name>`, below `~/.cache` if that is not set. Makes nothing.
    pub fn in_cache(kind: &str, name: &str) -> Result<Self> {
        let base = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            // The specification says to ignore a relative path.
            .filter(|path| path.is_absolute())
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .context("there is neither XDG_CACHE_HOME nor a home directory to keep the programs in")?;
        Ok(Self { directory: base.join("opstack").join(kind).join(name) })
    }

    /// The directory of the programs.
    pub fn bin(&self) -> PathBuf {
        self.directory.join("bin")
    }

    /// The directory in which a unit is built.
    pub fn source(&self, unit: &str) -> PathBuf {
        self.directory.join("src").join(unit)
    }

    /// Whether a program is there.
    pub fn has(&self, program: &str) -> bool {
        self.bin().join(program).is_file()
    }

    /// Under what name a program is made, until [`finish`](Self::finish) gives it its own.
    pub fn partial(&self, program: &str) -> PathBuf {
        self.bin().join(format!(".{program}.partial"))
    }

    /// Gives a program its name, by which it counts as complete.
    pub fn finish(&self, program: &str) -> Result<()> {
        fs::rename(self.partial(program), self.bin().join(program))
            .with_context(|| format!("failed to move {program} to its place"))
    }

    /// Returns the directory of `programs`, after calling `build` if one of them is missing.
    ///
    /// An exclusive lock on a file surrounds the build. Who waits for it says so by `voice`, and finds the work done.
    pub fn ensure(&self, voice: Voice, programs: &[&str], build: impl FnOnce() -> Result<()>) -> Result<PathBuf> {
        let missing = || programs.iter().copied().find(|program| !self.has(program));
        let bin = self.bin();
        if missing().is_none() {
            return Ok(bin);
        }
        fs::create_dir_all(&bin).with_context(|| format!("failed to create {}", bin.display()))?;
        let _lock = lock(voice, &self.directory.join("build.lock"))?;
        // Whoever held the lock before us has probably done the work.
        if missing().is_some() {
            build()?;
        }
        let missing = missing();
        ensure!(missing.is_none(), "the build made no {} in {}", missing.unwrap_or_default(), bin.display());
        Ok(bin)
    }
}

/// Waits for the lock, and says so: the build of somebody else can take many minutes.
fn lock(voice: Voice, path: &Path) -> Result<File> {
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
            voice.say(&format!("another process is building the programs, waiting for it ({seconds} s)"));
            said = Some(Instant::now());
        }
        thread::sleep(ASK_EVERY);
    }
}

/// Fails where less than `needed` bytes are free on the disk of one of `places`, which need not exist yet. `what` is
/// built, `otherwise` is what can be done instead.
pub(crate) fn check_disk(places: &[PathBuf], needed: u64, what: &str, otherwise: &str) -> Result<()> {
    const GIB: u64 = 1 << 30;
    for place in places {
        // The nearest parent that exists is on the same disk.
        let Some(existing) = place.ancestors().find(|path| path.exists()) else {
            continue;
        };
        let disk = rustix::fs::statvfs(existing)
            .with_context(|| format!("failed to ask for the free space of {}", existing.display()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        ensure!(
            free >= needed,
            "{:.1} GiB are free below {}, but building {what} takes up to {} GiB: make room, move the caches \
             (XDG_CACHE_HOME, GOCACHE, GOMODCACHE), or {otherwise}",
            free as f64 / GIB as f64,
            existing.display(),
            needed.div_ceil(GIB),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const VOICE: Voice = Voice("test");

    fn home() -> (tempfile::TempDir, Home) {
        let directory = tempfile::tempdir().expect("a directory");
        let home = Home { directory: directory.path().join("some-0") };
        (directory, home)
    }

    #[test]
    fn threads_that_come_at_the_same_time_build_once() {
        let (_directory, home) = home();
        let built = AtomicUsize::new(0);
        let build = || {
            built.fetch_add(1, Ordering::SeqCst);
            fs::write(home.partial("some"), "")?;
            home.finish("some")
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| home.ensure(VOICE, &["some"], build).expect("it is built"));
            }
        });
        assert_eq!(built.into_inner(), 1);
    }

    #[test]
    fn what_is_not_finished_is_missing() {
        let (_directory, home) = home();
        let build = || Ok(fs::write(home.partial("some"), "")?);
        let error = home.ensure(VOICE, &["some"], build).expect_err("it has no name yet");
        assert!(error.to_string().contains("made no some"), "{error}");
    }

    #[test]
    fn a_disk_without_room_is_refused() {
        let places = [PathBuf::from("/not/there/yet")];
        let error = check_disk(&places, u64::MAX, "it", "go away").expect_err("no disk is that large").to_string();
        assert!(error.contains("but building it takes up to") && error.ends_with("or go away"), "{error}");
        check_disk(&places, 0, "it", "go away").expect("there is room for nothing");
    }
}
