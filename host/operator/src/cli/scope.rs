//! Which cluster is looked at, and what part of it; and the look itself.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Client, Error};
use opstack_core::ids::Gvk;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::cache::Watched;
use crate::kinds::Kinds;
use crate::leader::LEASE;
use crate::plugins::{crd, loader};
use crate::run;
use crate::view::declared::Declared;
use crate::view::{Part, Snapshot, since};

/// Objects of a page of a list.
const PAGE: u32 = 500;
/// What the controllers of Kubernetes make of what plugins render.
const MADE: [(&str, &str); 3] = [("", "Pod"), ("", "PersistentVolumeClaim"), ("apps", "ReplicaSet")];
/// Of these nothing but the name is of interest, and nothing else is asked for.
const NAMES_ONLY: [&str; 2] = ["ConfigMap", "Secret"];

/// Which cluster, and what part of it.
#[derive(Debug, clap::Args)]
pub struct Scope {
    /// Namespace of the objects; that of the kubeconfig's context where absent.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Objects of all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Context of the kubeconfig.
    #[arg(long)]
    context: Option<String>,
    /// Namespace of the operator, whose Lease says whether it is at work.
    #[arg(long, env = "OPSTACK_NAMESPACE", default_value = "opstack-system")]
    operator_namespace: String,
}

/// A cluster to look at.
pub struct Cluster {
    client: Client,
    namespace: Option<String>,
    operator_namespace: String,
}

impl Scope {
    /// Connects to the cluster.
    ///
    /// # Errors
    /// When there is no kubeconfig, or it is no good.
    pub async fn connect(&self) -> anyhow::Result<Cluster> {
        run::install_crypto();
        let config = run::config(self.context.as_deref()).await?;
        let own = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok(Cluster {
            client: Client::try_from(config).context("failed to make a client of the cluster")?,
            namespace: (!self.all_namespaces).then_some(own),
            operator_namespace: self.operator_namespace.clone(),
        })
    }
}

impl Cluster {
    /// Looks at everything; `parts` also at what was made of the objects.
    ///
    /// # Errors
    /// When the API server does not answer, or does not let this user read what plugins serve.
    pub async fn look(&self, parts: bool) -> anyhow::Result<Snapshot> {
        let now = Timestamp::now();
        let mut snapshot = Snapshot { now, warnings: self.leaderless(now).await, ..Snapshot::default() };
        let crds = ListParams::default().labels(crd::PLUGIN_LABEL);
        let crds = self.list(&resource(&crd::gvk(), "customresourcedefinitions"), None, crds).await;
        let crds = crds.context("failed to list the CustomResourceDefinitions of plugins")?;
        let plugins = self.list(&resource(&loader::gvk(), "plugins"), None, ListParams::default()).await;
        snapshot.plugins = match plugins {
            Err(Error::Api(status)) if status.code == 404 => {
                bail!("this cluster does not know the kind Plugin: no operator has run in it")
            }
            plugins => plugins.context("failed to list the plugins")?,
        };
        let mut made: BTreeSet<_> = MADE.map(|(group, kind)| Gvk::new(group, "v1", kind)).into();
        for document in &crds {
            let (Some(declared), Some(served)) = (Declared::of(document), crd::served(document)) else { continue };
            let plural = document["spec"]["names"]["plural"].as_str().unwrap_or_default();
            let resource = resource(&served.gvk, plural);
            let objects = self.list(&resource, self.namespace.as_deref(), ListParams::default()).await;
            let objects = objects.with_context(|| format!("failed to list the objects of {}", declared.kind))?;
            snapshot.objects.extend(objects.into_iter().map(|object| (declared.kind.clone(), object)));
            made.extend(served.owns);
            snapshot.kinds.push(declared);
        }
        if parts {
            self.add_parts(made, &mut snapshot).await?;
        }
        Ok(snapshot)
    }

    async fn add_parts(&self, made: BTreeSet<Gvk>, snapshot: &mut Snapshot) -> anyhow::Result<()> {
        let kinds = Kinds::default();
        kinds.refresh(&self.client).await.context("failed to ask the API server what it serves")?;
        for gvk in made {
            let Some(served) = kinds.get(&gvk).filter(|served| served.namespaced) else { continue };
            let kind = gvk.group_kind;
            let namespace = self.namespace.as_deref();
            let names_only = kind.group.is_empty() && NAMES_ONLY.contains(&kind.kind.as_ref());
            let objects = if names_only {
                self.list_names(&served.resource, namespace).await
            } else {
                self.list(&served.resource, namespace, ListParams::default()).await
            };
            match objects {
                Ok(objects) => snapshot.parts.extend(objects.iter().map(|object| Part::of(&kind, object))),
                Err(error) => snapshot.warnings.push(format!("not shown: {kind}: {error}")),
            }
        }
        Ok(())
    }

    async fn list(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        params: ListParams,
    ) -> Result<Vec<Value>, Error> {
        let api = match namespace {
            Some(namespace) => Api::<Watched>::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        let (mut params, mut objects) = (params.limit(PAGE), vec![]);
        loop {
            let page = api.list(&params).await?;
            objects.extend(page.items.into_iter().map(|item| item.object));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }

    /// Metadata alone: values of Secrets are never asked for.
    async fn list_names(&self, resource: &ApiResource, namespace: Option<&str>) -> Result<Vec<Value>, Error> {
        let api = match namespace {
            Some(namespace) => Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        let listed = api.list_metadata(&ListParams::default()).await?;
        Ok(listed.items.into_iter().map(|item| json!({"metadata": item.metadata})).collect())
    }

    /// Why statuses may be old: nobody writes them.
    async fn leaderless(&self, now: Timestamp) -> Vec<String> {
        let name = format!("{}/{LEASE}", self.operator_namespace);
        let leases = Api::<Lease>::namespaced(self.client.clone(), &self.operator_namespace);
        let old = |why: String| vec![format!("{why}; what follows may be old")];
        let spec = match leases.get_opt(LEASE).await {
            Ok(Some(lease)) => lease.spec.unwrap_or_default(),
            Ok(None) => {
                return old(format!("there is no Lease {name}, so whether an operator is at work is not known"));
            }
            Err(error) => return old(format!("whether an operator is at work is not known: Lease {name}: {error}")),
        };
        let Some(renewed) = spec.renew_time.filter(|_| spec.holder_identity.is_some_and(|holder| !holder.is_empty()))
        else {
            return old(format!("no operator is at work: nobody holds the Lease {name}"));
        };
        let term = i64::from(spec.lease_duration_seconds.unwrap_or_default());
        if now.as_second() - renewed.0.as_second() <= term {
            return vec![];
        }
        let ago = since(&renewed.0.to_string(), now).unwrap_or_default();
        old(format!("no operator is at work: the Lease {name} was last renewed {ago} ago"))
    }
}

fn resource(gvk: &Gvk, plural: &str) -> ApiResource {
    let Gvk { group_kind, version } = gvk;
    let gvk = GroupVersionKind::gvk(&group_kind.group, version, &group_kind.kind);
    ApiResource::from_gvk_with_plural(&gvk, plural)
}
