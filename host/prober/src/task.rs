//! The task behind one inquiry: when to ask, and what to do with what comes back.
//!
//! It never waits for an endpoint itself. Resolving and asking fly beside it, at most one question to each endpoint at
//! a time, so a pod that hangs delays neither its siblings nor the next round.

use rand::Rng;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use crate::board::{Leash, Pace};
use crate::endpoint::{Endpoint, target_name};
use crate::failure::Failure;
use crate::inquiry::Inquiry;
use crate::kept::Kept;
use crate::prober::Shared;
use crate::question;
use crate::reach::Reach;

/// What flew and has come back.
enum Landed {
    Resolved(Result<Vec<Endpoint>, Failure>),
    /// It was not found out in time where the target is.
    Late,
    Answered(String, Result<Arc<str>, Failure>),
}

struct Task {
    shared: Arc<Shared>,
    inquiry: Inquiry,
    flights: JoinSet<Landed>,
    /// A round is being resolved.
    resolving: bool,
    /// Endpoints whose question is in flight.
    asking: HashSet<String>,
    /// Endpoints of the last round.
    pods: BTreeSet<String>,
    /// When the last round began, and when the next one does.
    began: Instant,
    next: Instant,
}

/// Asks until nobody wants to know any more. Dropping the future ends what is in flight.
pub(crate) async fn run(shared: Arc<Shared>, inquiry: Inquiry, leash: Leash, mut running: watch::Receiver<bool>) {
    let Some(pace) = shared.board().pace(&inquiry) else { return };
    let now = Instant::now();
    let next = now + shared.config.spread(pace.interval);
    let mut task = Task {
        shared,
        inquiry,
        flights: JoinSet::new(),
        resolving: false,
        asking: HashSet::new(),
        pods: BTreeSet::new(),
        began: now,
        next,
    };
    loop {
        let (runs, due) = (*running.borrow(), task.due());
        tokio::select! {
            () = leash.stop.cancelled() => return,
            () = leash.changed.notified() => task.hurry(),
            changed = running.changed() => match changed {
                Ok(()) => task.resume(),
                Err(_) => return,
            },
            Some(landed) = task.flights.join_next() => task.land(landed),
            () = reach(due), if runs => task.tick(),
        }
    }
}

impl Task {
    fn pace(&self) -> Option<Pace> {
        self.shared.board().pace(&self.inquiry)
    }

    /// The next round, or the moment before it at which an answer becomes stale.
    fn due(&self) -> Instant {
        let stale = self.shared.board().next_stale(&self.inquiry, Instant::now());
        stale.map_or(self.next, |stale| stale.min(self.next))
    }

    /// Somebody wants it more often, or nobody does any more.
    fn hurry(&mut self) {
        if let Some(pace) = self.pace() {
            self.next = self.began + self.shared.config.jittered(pace.interval);
        }
    }

    /// After a pause all tasks begin anew, and so spread anew.
    fn resume(&mut self) {
        if let Some(pace) = self.pace() {
            self.next = Instant::now() + self.shared.config.spread(pace.interval);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now >= self.next {
            self.begin(now);
        }
        let woken = self.shared.board().review(&self.inquiry, now);
        self.shared.wake(woken);
    }

    /// Begins a round, unless the last one is still being resolved.
    fn begin(&mut self, now: Instant) {
        let Some(pace) = self.pace() else { return };
        self.began = now;
        self.next = now + self.shared.config.jittered(pace.interval);
        if !self.resolving {
            self.resolving = true;
            self.flights.spawn(resolve(self.shared.clone(), self.inquiry.clone(), pace.timeout));
        }
    }

    fn land(&mut self, landed: Result<Landed, JoinError>) {
        match landed {
            Ok(Landed::Resolved(Ok(endpoints))) => self.ask(endpoints),
            Ok(Landed::Resolved(Err(failure))) => self.unresolved(failure, false),
            Ok(Landed::Late) => {
                self.unresolved(Failure::Unresolved("the target was not found in time".into()), true);
            }
            Ok(Landed::Answered(pod, outcome)) => {
                self.asking.remove(&pod);
                // A pod that has gone meanwhile is not remembered.
                if self.pods.contains(&pod) {
                    self.record(&pod, outcome);
                }
            }
            // A resolver that panics must not end the questions.
            Err(_) => {
                self.resolving = false;
                self.asking.clear();
            }
        }
    }

    fn ask(&mut self, endpoints: Vec<Endpoint>) {
        self.resolving = false;
        self.pods = endpoints.iter().map(|endpoint| endpoint.pod.clone()).collect();
        let woken = self.shared.board().keep(&self.inquiry, &self.pods, Instant::now());
        self.shared.wake(woken);
        let Some(pace) = self.pace() else { return };
        for endpoint in endpoints {
            if self.asking.insert(endpoint.pod.clone()) {
                self.flights.spawn(ask(self.shared.clone(), self.inquiry.clone(), endpoint, pace.timeout));
            }
        }
    }

    /// Every endpoint that was heard is now unheard of; if there was none, the target itself is. That nobody said in time
    /// where they are tells nothing of endpoints that were heard: their last word grows old, and is theirs.
    fn unresolved(&mut self, failure: Failure, late: bool) {
        self.resolving = false;
        let mut pods = self.shared.board().heard(&self.inquiry);
        if pods.is_empty() {
            pods.push(String::new());
        } else if late {
            return;
        }
        for pod in pods {
            self.record(&pod, Err(failure.clone()));
        }
    }

    fn record(&self, pod: &str, outcome: Result<Arc<str>, Failure>) {
        if let Err(failure) = &outcome {
            let target = target_name(self.inquiry.target());
            debug!(target_name = %target, pod, error = %failure, kind = failure.kind(), "a probe has no answer");
        }
        self.shared.record(&self.inquiry, pod, outcome);
    }
}

/// A timer goes off some time after its moment; what is due already need not wait for one.
async fn reach(moment: Instant) {
    if Instant::now() < moment {
        sleep_until(moment).await;
    }
}

async fn resolve(shared: Arc<Shared>, inquiry: Inquiry, limit: Duration) -> Landed {
    let resolved = timeout(limit, shared.resolver.resolve(inquiry.target())).await;
    resolved.map_or(Landed::Late, |resolved| Landed::Resolved(resolved.map_err(Failure::Unresolved)))
}

/// Asks one endpoint. The time in line is not the endpoint's, so it doesn't count.
async fn ask(shared: Arc<Shared>, inquiry: Inquiry, endpoint: Endpoint, limit: Duration) -> Landed {
    let Endpoint { pod, url } = endpoint;
    let (namespace, target) = (inquiry.namespace(), inquiry.target());
    let waits = shared.counters.waiting.hold();
    let permit = shared.limits.enter(namespace, url.origin()).await;
    drop(waits);
    let _held = shared.counters.in_flight.hold();
    let asked = async { question::ask(&shared.http.way(namespace, target, &url).await?, inquiry.question()).await };
    let answer = timeout(limit, asked).await;
    let outcome = answer.unwrap_or(Err(Failure::Timeout(limit)));
    permit.done(matches!(outcome, Err(Failure::Timeout(_))));
    Landed::Answered(pod, outcome)
}

/// How the load is spread in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Questions of one namespace in flight at one endpoint (scheme, host and port).
    pub per_endpoint: usize,
    /// Questions in flight at all. One namespace alone gets half of them.
    pub total: usize,
    /// Each interval is shortened or lengthened by up to this part of itself.
    pub jitter: f64,
    /// A new question is first asked within this time, or within its interval if that is shorter.
    pub spread: Duration,
    /// How much is kept of answers.
    pub kept: Kept,
    /// Where questions may go.
    pub reach: Reach,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            per_endpoint: 2,
            total: 128,
            jitter: 0.1,
            spread: Duration::from_secs(1),
            kept: Kept::default(),
            reach: Reach::default(),
        }
    }
}

impl Config {
    fn jittered(&self, interval: Duration) -> Duration {
        let jitter = self.jitter.clamp(0.0, 1.0);
        interval.mul_f64(1.0 + rand::rng().random_range(-jitter..=jitter))
    }

    fn spread(&self, interval: Duration) -> Duration {
        self.spread.min(interval).mul_f64(rand::rng().random_range(0.0..=1.0))
    }
}
