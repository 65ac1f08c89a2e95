//! One process for each account: two that sign for the same account on the same L1 take each other's nonces.
//!
//! A component claims its account by a label on the ServiceAccount that it renders, where all others find it. It gets a pod only
//! in a call that sees its own claim and no other one, and then keeps both till its process has ended. Of two that claim at the
//! same time, so that each sees the other, the one made later gives its claim up; nothing that has begun to run is ever stopped
//! for a claim.
//!
//! A claim counts only where the object that it is for is alive: a label alone is anybody's to write.

use k8s_openapi::api::core::v1::ServiceAccount;
use serde::Deserialize;

use super::{Component, Obstacle};
use crate::answer::{Failure, KindRef};
use crate::cluster::{Context, kind_of};
use crate::kubernetes::service_account;
use crate::manifest::Kind;
use crate::object::Metadata;
use crate::opstack::signing::Signing;
use crate::opstack::status::Phase;
use crate::opstack::{BATCHER, CHALLENGER, PROPOSER};

/// Label with the account, as `<chain id of L1>-<address>`.
const ACCOUNT: &str = "optimism.io/l1-account";
/// Annotation in which the host names the owner of what it applies.
const OWNER: &str = "opstack.optimism.io/owner";

/// How a component stands with its account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    /// The account that it claims; nothing where it claims none.
    label: Option<String>,
    /// What keeps it from having a pod.
    pub obstacle: Option<Obstacle>,
    /// Whether to look again soon: what is written for an object itself does not wake it.
    pub again: bool,
}

impl Claim {
    fn held(label: String) -> Self {
        Self { label: Some(label), ..Self::default() }
    }

    fn but(self, obstacle: Obstacle) -> Self {
        Self { obstacle: Some(obstacle), ..self }
    }
}

/// A ServiceAccount that carries the label.
#[derive(Deserialize)]
struct Claimant {
    metadata: ClaimantMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClaimantMetadata {
    #[serde(flatten)]
    common: Metadata,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OwnerReference {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
}

/// The object that a claim is for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claiming {
    metadata: Metadata,
}

impl Claimant {
    /// The component whose ServiceAccount it is, as the owner reference and the host's annotation say alike.
    fn owner(&self) -> Option<(KindRef, &OwnerReference)> {
        let Metadata { name, namespace, annotations, .. } = &self.metadata.common;
        let kinds = [BATCHER, PROPOSER, CHALLENGER].map(Kind::to_ref);
        self.metadata.owner_references.iter().filter(|owner| owner.name == *name).find_map(|owner| {
            let is_of = |kind: &&KindRef| {
                owner.kind == kind.kind && owner.api_version.split('/').next() == Some(kind.group.as_str())
            };
            let kind = kinds.iter().find(is_of)?;
            let noted = format!("{}.{}/{namespace}/{name}", kind.kind, kind.group);
            (annotations.get(OWNER) == Some(&noted)).then(|| (kind.clone(), owner))
        })
    }

    /// Whether the operator made it for a component that lives.
    fn counts(&self, cx: &Context<'_>) -> Result<bool, Failure> {
        let Some((kind, owner)) = self.owner() else { return Ok(false) };
        let found: Option<Claiming> = cx.find(&kind, &self.metadata.common.namespace, &owner.name)?;
        Ok(found.is_some_and(|found| found.metadata.uid == owner.uid))
    }

    /// Which gives way: the younger one, and of two of the same second the one whose name comes later.
    fn rank(&self) -> (&Option<String>, &str, &str) {
        let Metadata { creation_timestamp, namespace, name, .. } = &self.metadata.common;
        (creation_timestamp, namespace, name)
    }

    /// `op-batcher ns/name`, for messages.
    fn title(&self) -> String {
        let Metadata { labels, namespace, name, .. } = &self.metadata.common;
        let program = labels.get("app.kubernetes.io/name").map_or("a component", String::as_str);
        format!("{program} {namespace}/{name}")
    }
}

impl Component<'_> {
    /// The ServiceAccount of the pods, which says which account they sign for.
    pub(super) fn service_account(&self, claim: &Claim) -> ServiceAccount {
        let mut account = service_account(&self.app);
        if let Some(label) = &claim.label {
            account.metadata.labels.get_or_insert_default().insert(ACCOUNT.into(), label.clone());
        }
        account
    }

    /// How this component stands with its account.
    ///
    /// # Errors
    /// `other` when the object behind a claim can't be read.
    pub(super) fn claim(&self, signing: &Signing) -> Result<Claim, Failure> {
        let Some(address) = signing.address() else { return Ok(Claim::default()) };
        let label = format!("{}-{}", self.network.spec.l1_chain_id, address.to_lowercase());
        if self.processes.may_run() {
            return self.claim_of_running(label);
        }
        if self.stopped() {
            return Ok(Claim::default());
        }
        // An object without a uid is not in a cluster: nobody runs it, and nobody is beside it.
        if self.metadata.uid.is_empty() {
            return Ok(Claim::held(label));
        }
        self.claim_among(label, &address)
    }

    /// What runs keeps its account. One that is to sign for another account ends first: that may be in use.
    fn claim_of_running(&self, label: String) -> Result<Claim, Failure> {
        let own: Option<Claimant> =
            self.cx.find(&kind_of::<ServiceAccount>(), self.namespace(), self.app.instance())?;
        let before = own.and_then(|mut own| own.metadata.common.labels.remove(ACCOUNT));
        Ok(match before.filter(|before| *before != label) {
            Some(before) => {
                let what =
                    format!("its process that signs for the account {before} to end, before one signs for {label}");
                Claim::held(before).but(Obstacle::waiting(&what))
            }
            None => Claim::held(label),
        })
    }

    fn claim_among(&self, label: String, address: &str) -> Result<Claim, Failure> {
        let listed = self.cx.cluster.list(&kind_of::<ServiceAccount>(), None, &format!("{ACCOUNT}={label}"));
        let all = listed.iter().filter_map(|json| serde_json::from_str::<Claimant>(json).ok());
        let (own, others): (Vec<_>, Vec<_>) = all.partition(|claimant| self.is_own(claimant));
        let own = own.into_iter().find(|own| own.owner().is_some_and(|(_, owner)| owner.uid == self.metadata.uid));
        let mut rivals = vec![];
        for other in others {
            if other.counts(self.cx)? {
                rivals.push(other);
            }
        }
        let first = rivals.iter().min_by_key(|rival| rival.rank());
        Ok(match (first, own) {
            (None, Some(_)) => Claim::held(label),
            (None, None) => {
                let message = format!("claims the account {address} first: only one process may sign for it");
                let obstacle = Obstacle { phase: Phase::Pending, reason: "ClaimsAccount", message };
                Claim { again: true, ..Claim::held(label).but(obstacle) }
            }
            // The other one gives way, or runs.
            (Some(rival), Some(own)) if own.rank() < rival.rank() => Claim::held(label).but(in_use(rival, address)),
            (Some(rival), _) => Claim::default().but(in_use(rival, address)),
        })
    }

    fn is_own(&self, claimant: &Claimant) -> bool {
        let Metadata { name, namespace, .. } = &claimant.metadata.common;
        *name == self.metadata.name && *namespace == self.metadata.namespace
    }
}

fn in_use(rival: &Claimant, address: &str) -> Obstacle {
    let message = format!(
        "{} signs for the same account on L1, {address}, and two would take each other's nonces; give each a key of its own, or stop the other one (spec.replicas: 0)",
        rival.title()
    );
    Obstacle { phase: Phase::Error, reason: "AccountInUse", message }
}
