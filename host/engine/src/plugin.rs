//! A loaded plugin, and a call of it: a fresh instance, bounded, gone afterwards.

use opstack_core::answer::{Answer, ClientManifest, Failure, Finalized, Manifest, Request};
use opstack_core::blame::Fault;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::error::Context as _;

use crate::artifact::Digest;
use crate::compiled::Origin;
use crate::contract::{ExecutionClientPluginPre, WorkloadPluginPre};
use crate::fault::Unfit;
use crate::host::{Host, Nobody, State};
use crate::limits::Limits;
use crate::{clock, fault, translate};

/// What a plugin is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// It serves a kind.
    Workload(Manifest),
    /// It renders an execution client.
    Client(ClientManifest),
}

pub(crate) enum Instances {
    Workload(WorkloadPluginPre<State>),
    Client(ExecutionClientPluginPre<State>),
}

/// What is known of a component before it runs.
pub(crate) struct Identity {
    pub(crate) digest: Digest,
    pub(crate) contract_version: String,
    pub(crate) origin: Origin,
}

struct Inner {
    engine: wasmtime::Engine,
    instances: Instances,
    limits: Limits,
    identity: Identity,
    role: Role,
}

/// A loaded plugin. Cheap to clone; calls of it don't disturb each other.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

/// What of a call is bounded: engine and limits.
struct Bounds<'a> {
    engine: &'a wasmtime::Engine,
    limits: &'a Limits,
}

impl Bounds<'_> {
    /// Runs a call in a store of its own and blames whom it should.
    fn call<T>(
        &self,
        host: Box<dyn Host>,
        function: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let mut store = Store::new(self.engine, State::new(host, self.limits));
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(clock::steps(self.limits.deadline));
        // Counted while the answer is read, not afterwards: a guest can name the same bytes many times, and a copy of each
        // would be more than this host has.
        store.set_hostcall_fuel(self.limits.output);
        let answer = function(&mut store);
        store.data_mut().close();
        answer.map_err(|error| fault::of(&error, store.data(), self.limits))
    }
}

impl Plugin {
    /// Asks a component what it is.
    pub(crate) fn describe(
        engine: wasmtime::Engine,
        instances: Instances,
        limits: Limits,
        identity: Identity,
    ) -> Result<Self, Fault> {
        let bounds = Bounds { engine: &engine, limits: &limits };
        let nobody = Box::new(Nobody::new(&identity.digest.to_string()));
        let role = match &instances {
            Instances::Workload(pre) => {
                let manifest = bounds.call(nobody, |store| {
                    let plugin = pre.instantiate(&mut *store).context(Unfit)?;
                    plugin.opstack_plugin_workload().call_describe(store)
                })?;
                Role::Workload(translate::manifest(manifest)?)
            }
            Instances::Client(pre) => {
                let manifest = bounds.call(nobody, |store| {
                    let plugin = pre.instantiate(&mut *store).context(Unfit)?;
                    plugin.opstack_plugin_execution_client().call_describe(store)
                })?;
                Role::Client(translate::client_manifest(manifest))
            }
        };
        Ok(Self { inner: Arc::new(Inner { engine, instances, limits, identity, role }) })
    }

    /// What it is for.
    pub fn role(&self) -> &Role {
        &self.inner.role
    }

    /// Digest of the component.
    pub fn digest(&self) -> &Digest {
        &self.inner.identity.digest
    }

    /// Version of the contract it was built for.
    pub fn contract_version(&self) -> &str {
        &self.inner.identity.contract_version
    }

    /// Where its machine code came from.
    pub fn origin(&self) -> Origin {
        self.inner.identity.origin
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds { engine: &self.inner.engine, limits: &self.inner.limits }
    }

    fn workload(&self) -> Result<&WorkloadPluginPre<State>, Fault> {
        match &self.inner.instances {
            Instances::Workload(pre) => Ok(pre),
            Instances::Client(_) => Err(Fault::plugin("WrongRole", "it is an execution client and serves no kind")),
        }
    }

    /// `workload.reconcile` in a fresh instance.
    ///
    /// # Errors
    /// A fault, where the plugin did not answer as the contract says.
    pub fn reconcile(&self, host: Box<dyn Host>, request: &Request) -> Result<Result<Answer, Failure>, Fault> {
        let pre = self.workload()?;
        let response = self.bounds().call(host, |store| {
            let plugin = pre.instantiate(&mut *store).context(Unfit)?;
            plugin.opstack_plugin_workload().call_reconcile(store, &translate::request(request))
        })?;
        match response {
            Err(failure) => Ok(Err(translate::failure(failure))),
            Ok(response) => Ok(Ok(translate::answer(response)?)),
        }
    }

    /// `workload.finalize` in a fresh instance.
    ///
    /// # Errors
    /// As [`Self::reconcile`].
    pub fn finalize(&self, host: Box<dyn Host>, request: &Request) -> Result<Result<Finalized, Failure>, Fault> {
        let pre = self.workload()?;
        let finalized = self.bounds().call(host, |store| {
            let plugin = pre.instantiate(&mut *store).context(Unfit)?;
            plugin.opstack_plugin_workload().call_finalize(store, &translate::request(request))
        })?;
        Ok(finalized.map(translate::finalized).map_err(translate::failure))
    }

    /// `execution-client.render` in a fresh instance.
    ///
    /// # Errors
    /// As [`Self::reconcile`].
    pub fn render_client(&self, request: &str) -> Result<Result<String, Failure>, Fault> {
        let (Instances::Client(pre), Role::Client(manifest)) = (&self.inner.instances, &self.inner.role) else {
            return Err(Fault::plugin("WrongRole", "it serves a kind and is no execution client"));
        };
        let answer = self.bounds().call(Box::new(Nobody::new(&manifest.name)), |store| {
            let plugin = pre.instantiate(&mut *store).context(Unfit)?;
            plugin.opstack_plugin_execution_client().call_render(store, &request.to_string())
        })?;
        Ok(answer.map_err(translate::failure))
    }
}
