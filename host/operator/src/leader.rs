//! Leader election by Lease: one operator writes, the others keep warm caches.
//!
//! # Guarantees
//! A holder believes in its term until `lease_duration` minus a margin after it *began* its last successful renewal, by the
//! monotonic clock and by that of the wall: the first one stands still where a machine sleeps. Another takes the
//! Lease only after it has watched it unrenewed for the whole `lease_duration` by its own clock ([`election`]), and leads with one
//! that was missing only after as long. A holder that finds its Lease gone stops at once. So, with clocks that run
//! about equally fast, two never write at once. Every write goes through [`Leader::during`]: it begins within the term, and is given
//! up when the term ends, be it under way or waiting to be tried again by the client.

mod election;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use opstack_core::blame::{Blame, Fault};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use election::{Election, Step};

pub use election::RELEASED;

/// A write that has not been answered for so long never will be.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Name of the Lease.
pub const LEASE: &str = "opstack-leader";

/// Where and how the Lease is held.
#[derive(Clone, Debug)]
pub struct Config {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who we are: the pod's name.
    pub identity: String,
    /// How long a term lasts without renewal.
    pub duration: Duration,
    /// Whether no operator was ever here, so that nobody can have held a Lease that is missing.
    pub is_first: bool,
}

/// A term of leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Counts the terms of this process: another one means that somebody else may have led in between, be it that the Lease was
    /// deleted and its own count began again.
    pub token: u64,
    until: Instant,
    /// The same by the clock of the wall.
    until_by_wall: SystemTime,
}

impl Term {
    fn from(token: u64, begun: Moment, lasts: Duration) -> Self {
        Self { token, until: begun.at + lasts, until_by_wall: begun.by_wall + lasts }
    }

    fn lasts(&self) -> bool {
        Instant::now() < self.until && SystemTime::now() < self.until_by_wall
    }

    /// How long this process may still be sure of it.
    pub fn left(&self) -> Duration {
        let by_wall = self.until_by_wall.duration_since(SystemTime::now()).unwrap_or_default();
        self.until.saturating_duration_since(Instant::now()).min(by_wall)
    }
}

/// Now, by both clocks.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    by_wall: SystemTime,
}

impl Moment {
    fn now() -> Self {
        Self { at: Instant::now(), by_wall: SystemTime::now() }
    }
}

/// Holds the Lease or waits for it.
pub struct Leader {
    config: Config,
    term: watch::Sender<Option<Term>>,
    terms: AtomicU64,
    election: Mutex<Election>,
}

impl Leader {
    /// Not yet anything.
    pub fn new(config: Config) -> Self {
        let election = Mutex::new(Election::new(&config.identity, config.duration, config.is_first));
        Self { config, term: watch::Sender::new(None), terms: AtomicU64::new(0), election }
    }

    /// Leads for ever without a Lease: for development with `--leader-elect=false`.
    pub fn alone(config: Config) -> Self {
        let leader = Self::new(config);
        let for_ever = Duration::from_secs(60 * 60 * 24 * 365 * 10);
        leader.term.send_replace(Some(Term::from(0, Moment::now(), for_ever)));
        leader
    }

    /// The present term.
    ///
    /// # Errors
    /// When this process does not lead, or can't be sure that it does.
    pub fn check(&self) -> Result<Term, Fault> {
        match *self.term.borrow() {
            Some(term) if term.lasts() => Ok(term),
            _ => Err(Fault::new(Blame::Host, "NotLeading", "this replica does not hold the lease; nothing is written")),
        }
    }

    /// Carries a write out while this process leads, and no longer.
    ///
    /// # Errors
    /// As [`Self::check`], before the write or while it goes on; and when it is not answered in time.
    pub async fn during<T>(&self, write: impl Future<Output = T>) -> Result<T, Fault> {
        let mut term = self.check()?;
        let last = Instant::now() + ANSWERED_WITHIN;
        let mut write = pin!(write);
        loop {
            // Asked each time before it goes on: a process that stood still must not send what was put off.
            let fenced = poll_fn(|cx| match self.check() {
                Ok(_) => write.as_mut().poll(cx).map(Ok),
                Err(fault) => Poll::Ready(Err(fault)),
            });
            if let Ok(outcome) = timeout_at(term.until.min(last), fenced).await {
                return outcome;
            }
            if Instant::now() >= last {
                let seconds = ANSWERED_WITHIN.as_secs();
                let message = format!("the API server has not answered a write for {seconds} s");
                return Err(Fault::new(Blame::Cluster, "Timeout", message));
            }
            // Renewed meanwhile, or over.
            term = self.check()?;
        }
    }

    /// Returns the number of the term as soon as this process leads.
    pub async fn leading(&self) -> u64 {
        // The sender lives as long as `self`.
        let mut terms = self.term.subscribe();
        terms.wait_for(Option::is_some).await.ok().and_then(|term| *term).map_or(0, |term| term.token)
    }

    /// Follows gains and losses of leadership.
    pub fn subscribe(&self) -> watch::Receiver<Option<Term>> {
        self.term.subscribe()
    }

    /// Tries to get and keep the Lease until `stop`, then gives it back.
    pub async fn run(&self, client: Client, stop: CancellationToken) {
        let leases = Api::<Lease>::namespaced(client, &self.config.namespace);
        let pause = self.config.duration / 7;
        loop {
            let begun = Moment::now();
            let outcome = timeout(self.config.duration / 3, self.round(&leases)).await;
            match outcome {
                Ok(Ok(None)) => self.hold(begun),
                Ok(Ok(Some(why))) => self.lose(why),
                Ok(Err(error)) => warn!(%error, "failed to renew the lease"),
                Err(_) => warn!("failed to renew the lease in time"),
            }
            if self.check().is_err() {
                self.lose("the lease ran out");
            }
            tokio::select! { () = sleep(pause) => {}, () = stop.cancelled() => break }
        }
        self.release(&leases).await;
    }

    fn election(&self) -> MutexGuard<'_, Election> {
        self.election.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, begun: Moment) {
        let margin = self.config.duration / 5;
        // A term that ran out is over, even if nobody else led meanwhile.
        let known = self.term.borrow().filter(Term::lasts).map(|term| term.token);
        let token = known.unwrap_or_else(|| self.terms.fetch_add(1, Ordering::Relaxed) + 1);
        let term = Term::from(token, begun, self.config.duration.saturating_sub(margin));
        if self.term.send_replace(Some(term)).is_none() {
            info!(identity = self.config.identity, token, "leading");
        }
    }

    fn lose(&self, why: &str) {
        if self.term.send_replace(None).is_some() {
            warn!(why, "no longer leading");
        }
    }

    /// One try: nothing if we lead afterwards, else why we don't.
    async fn round(&self, leases: &Api<Lease>) -> Result<Option<&'static str>, kube::Error> {
        let lease = leases.get_opt(&self.config.name).await?;
        let step = self.election().step(lease.as_ref(), Instant::now());
        let params = PostParams::default();
        match (step, lease) {
            (Step::Make, _) | (_, None) => {
                // At once: another one may have seen as well that it is gone.
                self.lose("the lease was deleted");
                let transitions = self.election().next_transitions();
                let lease = self.written(Lease::default(), transitions);
                if !won(leases.create(&params, &lease).await)? {
                    return Ok(Some("another replica was faster to make the lease"));
                }
                self.election().made(Instant::now());
            }
            (Step::Take(transitions), Some(lease)) => {
                let lease = self.written(lease, transitions);
                if !won(leases.replace(&self.config.name, &params, &lease).await)? {
                    return Ok(Some("another replica was faster to take the lease"));
                }
                self.election().taken();
            }
            (Step::Renew(transitions), Some(lease)) => {
                let lease = self.written(lease, transitions);
                if !won(leases.replace(&self.config.name, &params, &lease).await)? {
                    return Ok(Some("the lease was changed by another"));
                }
            }
            (Step::Wait(why), Some(_)) => return Ok(Some(why)),
        }
        let may_lead = self.election().may_lead(Instant::now());
        Ok((!may_lead).then_some("the lease was missing, and who held it may go on for its duration"))
    }

    fn written(&self, mut lease: Lease, token: i32) -> Lease {
        let now = MicroTime(Timestamp::now());
        let before = lease.spec.take().unwrap_or_default();
        let ours = before.holder_identity.as_deref() == Some(self.config.identity.as_str());
        if let Some(annotations) = lease.metadata.annotations.as_mut() {
            annotations.remove(RELEASED);
        }
        lease.metadata = ObjectMeta {
            name: Some(self.config.name.clone()),
            namespace: Some(self.config.namespace.clone()),
            ..lease.metadata
        };
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.config.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.config.duration.as_secs().max(1)).unwrap_or(i32::MAX)),
            acquire_time: if ours { before.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(token),
            ..before
        });
        lease
    }

    /// Lets another take over at once.
    async fn release(&self, leases: &Api<Lease>) {
        if self.term.send_replace(None).is_none() {
            return;
        }
        let released = async {
            let Some(mut lease) = leases.get_opt(&self.config.name).await? else { return Ok(()) };
            let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
            if spec.holder_identity.as_deref() == Some(self.config.identity.as_str()) {
                spec.holder_identity = None;
                let transitions = spec.lease_transitions.unwrap_or(0).to_string();
                lease.metadata.annotations.get_or_insert_default().insert(RELEASED.into(), transitions);
                leases.replace(&self.config.name, &PostParams::default(), &lease).await?;
            }
            Ok::<_, kube::Error>(())
        };
        match timeout(Duration::from_secs(5), released).await {
            Ok(Ok(())) => info!("released the lease"),
            Ok(Err(error)) => warn!(%error, "failed to release the lease; it runs out by itself"),
            Err(_) => warn!("failed to release the lease in time; it runs out by itself"),
        }
    }
}

/// A conflict means that another was faster, and an object that is gone that somebody deleted it meanwhile.
fn won(outcome: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match outcome {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn leader() -> Leader {
        let duration = Duration::from_secs(15);
        Leader::new(Config {
            namespace: "ns".into(),
            name: "l".into(),
            identity: "we".into(),
            duration,
            is_first: false,
        })
    }

    fn ago(seconds: u64) -> Moment {
        let Moment { at, by_wall } = Moment::now();
        Moment { at: at - Duration::from_secs(seconds), by_wall: by_wall - Duration::from_secs(seconds) }
    }

    #[test]
    fn a_term_counts_from_the_beginning_of_its_renewal() {
        let leader = leader();
        leader.hold(ago(5));
        assert!(leader.check().unwrap().left() <= Duration::from_secs(7));
        leader.hold(ago(12));
        assert!(leader.check().is_err());
    }

    /// A machine that slept: the monotonic clock has stood still, that of the wall has not.
    #[test]
    fn a_clock_that_stood_still_makes_no_term_longer() {
        let (leader, now) = (leader(), Moment::now());
        leader.hold(Moment { by_wall: now.by_wall - Duration::from_secs(60), ..now });
        assert!(leader.check().is_err());
        // One that is set back makes it no longer either.
        leader.hold(Moment { at: now.at - Duration::from_secs(60), ..now });
        assert!(leader.check().is_err());
    }

    #[test]
    fn a_term_that_was_lost_and_gained_again_is_another_one() {
        let leader = leader();
        leader.hold(Moment::now());
        let first = leader.check().unwrap().token;
        leader.hold(Moment::now());
        assert_eq!(leader.check().unwrap().token, first, "renewed");
        leader.lose("deleted");
        leader.hold(Moment::now());
        assert_ne!(leader.check().unwrap().token, first);
    }

    /// The process stood still between two steps of a write; when it goes on the term is over.
    #[tokio::test]
    async fn a_write_is_not_gone_on_with_after_its_term() {
        let leader = leader();
        leader.hold(Moment::now());
        let steps = AtomicUsize::new(0);
        let write = poll_fn(|cx| {
            if steps.fetch_add(1, Ordering::Relaxed) > 0 {
                return Poll::Ready(());
            }
            leader.lose("it stood still");
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(leader.during(write).await.is_err());
        assert_eq!(steps.load(Ordering::Relaxed), 1);
    }
}
