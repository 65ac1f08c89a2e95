//! One process for each account: two that sign for the same account on the same L1 take each other's nonces.
//!
//! A component that may run writes its account on the ServiceAccount that it renders, where all others find it by that
//! label. The oldest runs, wherever it is and whatever its kind; the others stay down and name it.

use k8s_openapi::api::core::v1::ServiceAccount;
use serde::Deserialize;

use super::{Component, Obstacle};
use crate::cluster::kind_of;
use crate::kubernetes::service_account;
use crate::object::Metadata;
use crate::opstack::signing::Signing;
use crate::opstack::status::Phase;

/// The account, as `<chain id of L1>-<address>`.
const ACCOUNT: &str = "optimism.io/l1-account";

/// A ServiceAccount that carries the label.
#[derive(Deserialize)]
struct Claimant {
    metadata: Metadata,
}

impl Claimant {
    /// Who comes first: age, then names.
    fn rank(&self) -> (&Option<String>, &str, &str) {
        let Metadata { creation_timestamp, namespace, name, .. } = &self.metadata;
        (creation_timestamp, namespace, name)
    }

    /// `op-batcher ns/name`, for messages.
    fn title(&self) -> String {
        let Metadata { labels, namespace, name, .. } = &self.metadata;
        let program = labels.get("app.kubernetes.io/name").map_or("a component", String::as_str);
        format!("{program} {namespace}/{name}")
    }
}

impl Component<'_> {
    /// The value of the label; nothing for a component that is told not to run.
    fn claimed(&self, signing: &Signing) -> Option<String> {
        let address = signing.address().filter(|_| !self.stopped())?;
        Some(format!("{}-{}", self.network.spec.l1_chain_id, address.to_lowercase()))
    }

    /// The ServiceAccount of the pods, which says which account they sign for.
    pub(super) fn service_account(&self, signing: &Signing) -> ServiceAccount {
        let mut account = service_account(&self.app);
        if let Some(claimed) = self.claimed(signing) {
            account.metadata.labels.get_or_insert_default().insert(ACCOUNT.into(), claimed);
        }
        account
    }

    /// Whether nobody older signs for the same account.
    ///
    /// # Errors
    /// Names who does.
    pub(super) fn check_rivals(&self, signing: &Signing) -> Result<(), Obstacle> {
        let Some(claimed) = self.claimed(signing) else { return Ok(()) };
        let listed = self.cx.cluster.list(&kind_of::<ServiceAccount>(), None, &format!("{ACCOUNT}={claimed}"));
        let all: Vec<Claimant> = listed.iter().filter_map(|json| serde_json::from_str(json).ok()).collect();
        let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|claimant| self.is_own(claimant));
        let oldest = others.into_iter().min_by_key(|other| other.rank());
        // Who has not claimed it yet comes last.
        let Some(rival) = oldest.filter(|other| own.iter().all(|own| other.rank() < own.rank())) else { return Ok(()) };
        let message = format!(
            "{} signs for the same account on L1, {}, and two would take each other's nonces; give each a key of its own, or stop the other one (spec.replicas: 0)",
            rival.title(),
            signing.address().unwrap_or_default()
        );
        Err(Obstacle { phase: Phase::Error, reason: "AccountInUse", message })
    }

    fn is_own(&self, claimant: &Claimant) -> bool {
        claimant.metadata.name == self.metadata.name && claimant.metadata.namespace == self.metadata.namespace
    }
}
