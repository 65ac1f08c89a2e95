//! Looks at the chain all the while that other things are done to it.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use chain::{Layer, NODES, Site};

use crate::{figure, is_continuous};

const POLL: Duration = Duration::from_millis(500);
/// What is promised of the safe head is about ten minutes: that long where this variable is set, and else as long as all
/// that is done meanwhile takes, since those who wait for all other tests would wait for this one alone.
const WHOLE: &str = "OPSTACK_CHAIN_WHOLE";
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// Two L1 blocks for a channel, some until it is deep enough, and a busy machine.
const LONGEST_GAP: Duration = Duration::from_secs(60);

/// Watches the sequencer until it is concluded.
pub struct Watch<'a> {
    site: &'a Site,
    began: Instant,
    from: u64,
    is_over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<Gap>>,
}

/// The longest time in which the safe head stood still.
struct Gap {
    longest: Duration,
    first: u64,
    last: u64,
}

impl<'a> Watch<'a> {
    /// Begins.
    pub fn start(site: &'a Site) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let sequencer = site.consensus(NODES[0])?;
        let from = sequencer.heads()?.unsafe_l2;
        let watcher = thread::spawn({
            let is_over = is_over.clone();
            move || follow(&sequencer, &is_over)
        });
        Ok(Self { site, began: Instant::now(), from, is_over, watcher: Some(watcher) })
    }

    /// Ends when it has lasted long enough, and judges.
    pub fn conclude(mut self) -> Result<()> {
        if env::var_os(WHOLE).is_some() {
            // What is promised is about time that goes by.
            thread::sleep(TEN_MINUTES.saturating_sub(self.began.elapsed()));
        }
        self.is_over.store(true, Ordering::Relaxed);
        let watcher = self.watcher.take().context("it is concluded once")?;
        let gap = watcher.join().map_err(|_| anyhow!("the watcher has failed"))?;
        let to = self.site.consensus(NODES[0])?.heads()?.unsafe_l2;
        is_continuous(self.site, self.from, to)?;
        let Gap { longest, first, last } = gap;
        let lasted = self.began.elapsed().as_secs();
        figure('B', &format!("blocks {} to {to} in {lasted} s, every 2 s one, without a gap", self.from));
        figure('B', &format!("the safe head went from {first} to {last}, and stood still for {longest:.1?} at most"));
        ensure!(longest < LONGEST_GAP, "the safe head stood still for {longest:?}");
        let expected = self.began.elapsed().as_secs() / 2;
        ensure!(to - self.from + 15 > expected, "{} blocks in {lasted} s", to - self.from);
        Ok(())
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn follow(sequencer: &Layer, is_over: &AtomicBool) -> Gap {
    let mut gap = Gap { longest: Duration::ZERO, first: 0, last: 0 };
    let mut moved = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        // A look that fails is a head that doesn't move.
        let safe = sequencer.heads().map_or(gap.last, |heads| heads.safe_l2);
        if safe > gap.last {
            gap.last = safe;
            if gap.first == 0 {
                gap.first = safe;
            }
            moved = Instant::now();
        }
        gap.longest = gap.longest.max(moved.elapsed());
        thread::sleep(POLL);
    }
    gap
}
