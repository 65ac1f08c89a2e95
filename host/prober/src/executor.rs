//! The executor: what the operator sees of it.

use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Action, ActionOutcome};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::act::{Fence, Hands, Stop};
use crate::counters::ActionCounters;
use crate::endpoint::{Resolve, target_name};
use crate::http::{Http, SetupError};
use crate::ledger::Ledger;
use crate::prober::{Wake, epoch_millis};
use crate::reach::Reach;

struct Shared {
    resolver: Arc<dyn Resolve>,
    fence: Arc<dyn Fence>,
    http: Http,
    wake: Wake,
    counters: ActionCounters,
    /// No further call is made.
    ending: CancellationToken,
    ledgers: Mutex<HashMap<ObjectKey, Ledger>>,
}

/// Calls what has a side effect, each act once.
///
/// # Expected flow
/// 1. The Lease is looked at.
/// 2. The target is found, and the precondition's question asked there.
/// 3. The one call, within what is left of the term. Each time before it goes on the Lease is looked at: the term must be
///    the same.
/// 4. Its outcome is kept, and the owner woken.
///
/// # Guarantees
/// - An id runs at most once while its owner keeps declaring it, whatever comes of it. Nothing is retried.
/// - The acts of one owner run one after the other, in the order in which it declared them.
/// - What may have been done is never told as not done.
///
/// # Caveats
/// - Outcomes live as long as the process. After a restart a declared id runs again, if its precondition still holds.
/// - The Lease is looked at before the call is sent, not at its arrival: a node knows nothing of our terms. A call that was sent
///   within the term may arrive after it, as long as the network keeps it; what the call names has to be right then, too.
pub struct Executor {
    shared: Arc<Shared>,
    workers: TaskTracker,
    /// Cuts off even what is in flight.
    abort: CancellationToken,
    _aborts: DropGuard,
}

impl Executor {
    /// An executor that has nothing to do yet.
    ///
    /// # Errors
    /// When the HTTP client can't be made.
    pub fn new(
        reach: &Reach,
        resolver: Arc<dyn Resolve>,
        fence: Arc<dyn Fence>,
        wake: Wake,
    ) -> Result<Self, SetupError> {
        let shared = Shared {
            resolver,
            fence,
            http: Http::for_actions(reach)?,
            wake,
            counters: ActionCounters::default(),
            ending: CancellationToken::new(),
            ledgers: Mutex::default(),
        };
        let abort = CancellationToken::new();
        let guard = abort.clone().drop_guard();
        Ok(Self { shared: Arc::new(shared), workers: TaskTracker::new(), abort, _aborts: guard })
    }

    /// Takes up an owner's actions: those it has not declared before are run, those it no longer declares are
    /// forgotten. Needs a tokio runtime around it.
    pub fn execute(&self, owner: &ObjectKey, actions: Vec<Action>) {
        let mut ledgers = self.shared.ledgers();
        if actions.is_empty() && !ledgers.contains_key(owner) {
            return;
        }
        let ledger = ledgers.entry(owner.clone()).or_default();
        ledger.declare(actions);
        if ledger.waits() && !ledger.worked_on && !self.shared.ending.is_cancelled() {
            ledger.worked_on = true;
            let worker = work(self.shared.clone(), owner.clone());
            self.workers.spawn(self.abort.clone().run_until_cancelled_owned(worker));
        } else if ledger.is_empty() {
            ledgers.remove(owner);
        }
    }

    /// Whether an action of an owner is declared already, be it done or not.
    pub fn knows(&self, owner: &ObjectKey, id: &str) -> bool {
        self.shared.ledgers().get(owner).is_some_and(|ledger| ledger.knows(id))
    }

    /// Forgets an owner. What was not sent is not sent any more.
    pub fn forget(&self, owner: &ObjectKey) {
        self.execute(owner, vec![]);
    }

    /// What became of an owner's actions, in the order in which it declares them.
    pub fn outcomes(&self, owner: &ObjectKey) -> Vec<ActionOutcome> {
        self.shared.ledgers().get(owner).map(Ledger::outcomes).unwrap_or_default()
    }

    /// Makes no further call, and waits until none is in flight: then the Lease can be given away.
    pub async fn stop(&self) {
        self.shared.ending.cancel();
        self.workers.close();
        self.workers.wait().await;
    }

    /// What became of actions so far.
    pub fn counters(&self) -> &ActionCounters {
        &self.shared.counters
    }
}

/// Goes through an owner's actions until none waits.
async fn work(shared: Arc<Shared>, owner: ObjectKey) {
    while let Some(action) = shared.begin(&owner) {
        let held = shared.counters.in_flight.hold();
        let (http, namespace) = (&shared.http, &owner.namespace);
        let hands = Hands { http, resolver: &*shared.resolver, fence: &*shared.fence, namespace };
        let outcome = hands.act(&action, || shared.wants(&owner, &action.id)).await;
        drop(held);
        shared.end(&owner, &action, outcome);
    }
}

impl Shared {
    fn ledgers(&self) -> MutexGuard<'_, HashMap<ObjectKey, Ledger>> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next action. Where there is none the worker ends, in the same breath, so that none is left behind.
    fn begin(&self, owner: &ObjectKey) -> Option<Action> {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.get_mut(owner)?;
        let next = if self.ending.is_cancelled() { None } else { ledger.begin() };
        ledger.worked_on = next.is_some();
        if ledger.is_empty() {
            ledgers.remove(owner);
        }
        next
    }

    fn wants(&self, owner: &ObjectKey, id: &str) -> bool {
        !self.ending.is_cancelled() && self.ledgers().get(owner).is_some_and(|ledger| ledger.wants(id))
    }

    fn end(&self, owner: &ObjectKey, action: &Action, outcome: Result<String, Stop>) {
        let (target, method) = (target_name(&action.target), &action.call.method);
        let outcome = match outcome {
            Ok(result) => {
                info!(%owner, action = action.id, method, target_name = %target, "acted");
                self.counters.done.add();
                Some(Ok(result))
            }
            Err(Stop::Because(error)) => {
                warn!(%owner, action = action.id, method, target_name = %target, %error, "an action came to nothing");
                error.count(&self.counters);
                Some(Err(error.to_string()))
            }
            Err(Stop::Withdrawn) => None,
        };
        let outcome = outcome.map(|outcome| ActionOutcome { id: action.id.clone(), at: epoch_millis(), outcome });
        let tell = self.ledgers().get_mut(owner).is_some_and(|ledger| ledger.end(&action.id, outcome));
        if tell {
            (self.wake)(owner);
        }
    }
}
