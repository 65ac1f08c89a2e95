//! The prober: what the operator sees of it.

use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Observation, Probe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::board::Board;
use crate::cell::Measured;
use crate::counters::ProbeCounters;
use crate::endpoint::Resolve;
use crate::failure::Failure;
use crate::http::{Http, SetupError};
use crate::inquiry::Inquiry;
use crate::kept::Over;
use crate::limits::Limits;
use crate::question::Answer;
use crate::task::{self, Config};

/// Called with an object that is to be looked at again. Must not block.
pub type Wake = Arc<dyn Fn(&ObjectKey) + Send + Sync>;

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) http: Http,
    pub(crate) limits: Limits,
    pub(crate) counters: ProbeCounters,
    board: Mutex<Board>,
    wake: Wake,
}

impl Shared {
    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what an endpoint said, and wakes whom that concerns.
    pub(crate) fn record(&self, inquiry: &Inquiry, pod: &str, outcome: Result<Arc<str>, Failure>) {
        let counted = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
        // Looked for outside of the lock, for an answer may be long.
        let watched = self.board().watched(inquiry);
        let answer = outcome.map(|text| Answer::of(text, &watched)).map_err(|failure| failure.to_string().into());
        let measured = Measured { at: Instant::now(), epoch: epoch_millis(), answer, over: None };
        let woken = self.board().record(inquiry, pod, measured);
        self.wake(woken);
        // Last, so that who sees the count sees the rest.
        self.counters.asked(&counted);
    }

    /// Outside of the lock: what is woken may look at once.
    pub(crate) fn wake(&self, owners: Vec<ObjectKey>) {
        for owner in owners {
            self.counters.wakes.add();
            (self.wake)(&owner);
        }
    }
}

/// Asks what objects want to know, and remembers the answers.
///
/// # Guarantees
/// - The same question to the same target is asked once however many objects of a namespace ask it, as often as the most
///   eager wants.
/// - An object is woken when a value that it watches, or the health of an endpoint, is other than when it looked last;
///   never because time has passed, except when an answer becomes stale.
/// - An endpoint that is slow or dead delays no other. At each endpoint only so many questions of a namespace are in flight.
/// - Namespaces share slots and nothing else: whatever one asks, the questions of another are asked on time.
/// - Of answers only so many bytes are kept for an object and for a namespace.
/// - Nothing is retried: the next interval asks again.
///
/// # Caveats
/// Nothing is kept beyond the process. All methods need a tokio runtime around them. When it is dropped, all its tasks
/// end.
pub struct Prober {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    running: watch::Sender<bool>,
    stop: CancellationToken,
    _stops: DropGuard,
}

impl Prober {
    /// A prober that has nothing to ask yet.
    ///
    /// # Errors
    /// When the HTTP client can't be made.
    pub fn new(config: Config, resolver: Arc<dyn Resolve>, wake: Wake) -> Result<Self, SetupError> {
        let limits = Limits::new(config.per_endpoint, config.total);
        let stop = CancellationToken::new();
        let (counters, board) = (ProbeCounters::default(), Mutex::new(Board::new(config.kept, stop.clone())));
        let http = Http::for_probes(&config.reach)?;
        let shared = Shared { config, resolver, http, limits, counters, board, wake };
        let guard = stop.clone().drop_guard();
        let (tasks, running) = (TaskTracker::new(), watch::Sender::new(true));
        Ok(Self { shared: Arc::new(shared), tasks, running, stop, _stops: guard })
    }

    /// Replaces what an object asks. What it asked before goes on undisturbed.
    pub fn declare(&self, owner: &ObjectKey, probes: &[Probe]) {
        let declared = self.shared.board().declare(owner, probes, Instant::now());
        for (inquiry, leash) in declared.started {
            // There are many of them: whatever is put around this future is there as often, and each layer holds it twice.
            self.tasks.spawn(task::run(self.shared.clone(), inquiry, leash, self.running.subscribe()));
        }
        if declared.wake {
            self.shared.wake(vec![owner.clone()]);
        }
    }

    /// Forgets an object.
    pub fn forget(&self, owner: &ObjectKey) {
        self.declare(owner, &[]);
    }

    /// What an object is shown now, from memory. It is woken for what differs from this.
    pub fn observations(&self, owner: &ObjectKey) -> Vec<Observation> {
        self.shared.board().observations(owner, Instant::now())
    }

    /// Whether all that an object asks was asked at least once by this process. If not, it is woken when it was.
    pub fn is_measured(&self, owner: &ObjectKey) -> bool {
        self.shared.board().is_measured(owner)
    }

    /// The budget of bytes that an object's answers are over, if they are over one. It is woken when that changes.
    pub fn over_budget(&self, owner: &ObjectKey) -> Option<Over> {
        self.shared.board().over_budget(owner)
    }

    /// Bytes that are kept of answers.
    pub fn bytes(&self) -> usize {
        self.shared.board().bytes()
    }

    /// Asks nothing until [`Self::resume`]: a standby stays quiet. What is in flight comes to its end.
    pub fn pause(&self) {
        self.run(false);
    }

    /// Asks again.
    pub fn resume(&self) {
        self.run(true);
    }

    /// Asks nothing any more, and waits until all tasks have ended.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn run(&self, run: bool) {
        self.running.send_if_modified(|running| std::mem::replace(running, run) != run);
    }

    /// What became of the questions so far.
    pub fn counters(&self) -> &ProbeCounters {
        &self.shared.counters
    }

    /// Number of objects that ask.
    pub fn owners(&self) -> usize {
        self.shared.board().sizes().0
    }

    /// Number of different questions that are asked.
    pub fn questions(&self) -> usize {
        self.shared.board().sizes().1
    }
}

pub(crate) fn epoch_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
