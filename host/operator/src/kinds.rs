//! Which kinds the API server serves, and under which URLs.

use kube::Client;
use kube::api::ApiResource;
use kube::discovery::{Discovery, Scope};
use opstack_core::ids::Gvk;
use opstack_core::policy;
use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

/// A served kind.
#[derive(Clone, Debug)]
pub struct Served {
    /// Names and URLs.
    pub resource: ApiResource,
    /// Or cluster-scoped.
    pub namespaced: bool,
}

/// The served kinds, as last discovered.
#[derive(Default)]
pub struct Kinds {
    served: RwLock<HashMap<Gvk, Served>>,
}

impl Kinds {
    /// Asks the API server: two calls, whatever the number of groups.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn refresh(&self, client: &Client) -> Result<(), kube::Error> {
        let discovery = Discovery::new(client.clone()).run_aggregated().await?;
        let mut served = HashMap::new();
        for group in discovery.groups() {
            for (resource, capabilities) in group.versions().flat_map(|version| group.versioned_resources(version)) {
                let gvk = Gvk::new(&resource.group, &resource.version, &resource.kind);
                served.insert(gvk, Served { resource, namespaced: capabilities.scope == Scope::Namespaced });
            }
        }
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        Ok(())
    }

    /// One kind; nothing when it is not served in that version.
    pub fn get(&self, gvk: &Gvk) -> Option<Served> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).get(gvk).cloned()
    }

    /// All API groups that are served, sorted.
    pub fn groups(&self) -> BTreeSet<String> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        served.keys().map(|gvk| gvk.group_kind.group.to_string()).filter(|group| !group.is_empty()).collect()
    }

    /// Names a kind by hand: for tests and offline renders.
    pub fn insert(&self, gvk: Gvk, served: Served) {
        self.served.write().unwrap_or_else(PoisonError::into_inner).insert(gvk, served);
    }
}

impl policy::Kinds for Kinds {
    fn namespaced(&self, kind: &Gvk) -> Option<bool> {
        self.get(kind).map(|served| served.namespaced)
    }
}
