//! Leader election by Lease: one operator writes, the others keep warm caches.
//!
//! # Guarantees
//! A holder believes in its term until `lease_duration` minus a margin after it *began* its last successful renewal; another takes the
//! Lease only after it has watched it unrenewed for the whole `lease_duration` by its own clock. So, with clocks that run
//! about equally fast, two never write at once. Every write goes through [`Leader::during`]: it begins within the term, and is given
//! up when the term ends, be it under way or waiting to be tried again by the client.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use opstack_core::blame::{Blame, Fault};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

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
}

/// A term of leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Counts the terms of this process: one that was lost and gained again is another, whatever the Lease says.
    pub token: u64,
    /// The Lease's transition count: grows with every change of holder.
    transitions: i32,
    until: Instant,
}

/// Holds the Lease or waits for it.
pub struct Leader {
    config: Config,
    term: watch::Sender<Option<Term>>,
    terms: AtomicU64,
    seen: Mutex<Option<(String, Instant)>>,
}

impl Leader {
    /// Not yet anything.
    pub fn new(config: Config) -> Self {
        Self { config, term: watch::Sender::new(None), terms: AtomicU64::new(0), seen: Mutex::default() }
    }

    /// Leads for ever without a Lease: for development with `--leader-elect=false`.
    pub fn alone(config: Config) -> Self {
        let leader = Self::new(config);
        let until = Instant::now() + Duration::from_secs(60 * 60 * 24 * 365 * 10);
        leader.term.send_replace(Some(Term { token: 0, transitions: 0, until }));
        leader
    }

    /// The present term.
    ///
    /// # Errors
    /// When this process does not lead, or can't be sure that it does.
    pub fn check(&self) -> Result<Term, Fault> {
        match *self.term.borrow() {
            Some(term) if Instant::now() < term.until => Ok(term),
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
            if let Ok(outcome) = timeout_at(term.until.min(last), &mut write).await {
                return Ok(outcome);
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
            let begun = Instant::now();
            let outcome = timeout(self.config.duration / 3, self.round(&leases)).await;
            match outcome {
                Ok(Ok(Some(transitions))) => self.hold(transitions, begun),
                Ok(Ok(None)) => self.lose("another replica holds the lease"),
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

    fn hold(&self, transitions: i32, begun: Instant) {
        let margin = self.config.duration / 5;
        let now = Instant::now();
        let known = self.term.borrow().filter(|known| known.transitions == transitions && now < known.until);
        let token = known.map_or_else(|| self.terms.fetch_add(1, Ordering::Relaxed) + 1, |known| known.token);
        let term = Term { token, transitions, until: begun + self.config.duration - margin };
        if self.term.send_replace(Some(term)).is_none() {
            info!(identity = self.config.identity, token, "leading");
        }
    }

    fn lose(&self, why: &str) {
        if self.term.send_replace(None).is_some() {
            warn!(why, "no longer leading");
        }
    }

    /// One try: the token if we hold the Lease afterwards.
    async fn round(&self, leases: &Api<Lease>) -> Result<Option<i32>, kube::Error> {
        let Some(lease) = leases.get_opt(&self.config.name).await? else {
            let lease = self.written(Lease::default(), 0);
            return Ok(won(leases.create(&PostParams::default(), &lease).await)?.then_some(0));
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let token = spec.lease_transitions.unwrap_or(0);
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let ours = holder == self.config.identity;
        if !ours && !holder.is_empty() && !self.expired(&lease, &spec) {
            return Ok(None);
        }
        let token = if ours { token } else { token + 1 };
        let lease = self.written(lease, token);
        Ok(won(leases.replace(&self.config.name, &PostParams::default(), &lease).await)?.then_some(token))
    }

    /// Whether the Lease has stood unchanged for its whole duration, by our own clock.
    fn expired(&self, lease: &Lease, spec: &LeaseSpec) -> bool {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some((known, since)) if *known == version => {
                let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
                since.elapsed() >= duration.map_or(self.config.duration, Duration::from_secs)
            }
            _ => {
                *seen = Some((version, Instant::now()));
                false
            }
        }
    }

    fn written(&self, mut lease: Lease, token: i32) -> Lease {
        let now = MicroTime(Timestamp::now());
        let before = lease.spec.take().unwrap_or_default();
        let ours = before.holder_identity.as_deref() == Some(self.config.identity.as_str());
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

/// A conflict means that another was faster.
fn won(outcome: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match outcome {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
