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

use crate::figure;

const POLL: Duration = Duration::from_millis(500);
/// What is promised of the safe head is about ten minutes: that long where this variable is set, and else as long as all
/// that is done meanwhile takes, since those who wait for all other tests would wait for this one alone.
const WHOLE: &str = "OPSTACK_CHAIN_WHOLE";
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// Of the safe head: two L1 blocks for a channel, some until it is deep enough; and a busy machine.
const LONGEST_GAP: Duration = Duration::from_secs(60);

/// Watches the sequencer until it is concluded.
pub struct Watch {
    began: Instant,
    is_over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<Seen>>,
}

/// How a head moved. Timestamps tell nothing of it: a chain that stood still makes up for its blocks.
struct Head {
    first: u64,
    last: u64,
    moved: Instant,
    /// The longest time in which it stood still.
    still: Duration,
}

impl Head {
    fn at(height: u64) -> Self {
        Self { first: height, last: height, moved: Instant::now(), still: Duration::ZERO }
    }

    fn see(&mut self, height: u64) {
        self.still = self.still.max(self.moved.elapsed());
        if height > self.last {
            self.last = height;
            self.moved = Instant::now();
        }
    }
}

/// The heads of the sequencer.
struct Seen {
    unsafe_l2: Head,
    safe_l2: Head,
}

impl Watch {
    /// Begins.
    pub fn start(site: &Site) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let sequencer = site.consensus(NODES[0])?;
        let heads = sequencer.heads()?;
        let seen = Seen { unsafe_l2: Head::at(heads.unsafe_l2), safe_l2: Head::at(heads.safe_l2) };
        let watcher = thread::spawn({
            let is_over = is_over.clone();
            move || follow(&sequencer, seen, &is_over)
        });
        Ok(Self { began: Instant::now(), is_over, watcher: Some(watcher) })
    }

    /// Ends when it has lasted long enough, and judges.
    pub fn conclude(mut self) -> Result<()> {
        if env::var_os(WHOLE).is_some() {
            // What is promised is about time that goes by.
            thread::sleep(TEN_MINUTES.saturating_sub(self.began.elapsed()));
        }
        self.is_over.store(true, Ordering::Relaxed);
        let watcher = self.watcher.take().context("it is concluded once")?;
        let Seen { unsafe_l2, safe_l2 } = watcher.join().map_err(|_| anyhow!("the watcher has failed"))?;
        let lasted = self.began.elapsed().as_secs();
        for (name, head) in [("unsafe", &unsafe_l2), ("safe", &safe_l2)] {
            let Head { first, last, still, .. } = head;
            figure(
                'B',
                &format!(
                    "the {name} head went from {first} to {last} in {lasted} s, and stood still for {still:.1?} at most"
                ),
            );
            ensure!(*still < LONGEST_GAP, "the {name} head stood still for {still:?}");
        }
        let blocks = unsafe_l2.last - unsafe_l2.first;
        ensure!(blocks + 15 > lasted / 2, "{blocks} blocks in {lasted} s");
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn follow(sequencer: &Layer, mut seen: Seen, is_over: &AtomicBool) -> Seen {
    while !is_over.load(Ordering::Relaxed) {
        // A look that fails is a head that doesn't move.
        let (unsafe_l2, safe_l2) = sequencer.heads().map_or((0, 0), |heads| (heads.unsafe_l2, heads.safe_l2));
        seen.unsafe_l2.see(unsafe_l2);
        seen.safe_l2.see(safe_l2);
        thread::sleep(POLL);
    }
    seen
}
