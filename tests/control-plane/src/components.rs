//! The processes of one control plane, each with its command line and its log.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use crate::process::{self, Process};

/// A program of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The store.
    Etcd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        })
    }
}

/// How to start a component, and its process while it runs.
struct Slot {
    program: PathBuf,
    arguments: Vec<String>,
    process: Option<Process>,
}

/// All components. No lock is held for longer than it takes to start or kill a process.
pub(crate) struct Components {
    logs: PathBuf,
    slots: Mutex<BTreeMap<Component, Slot>>,
}

impl Components {
    /// `logs` is an existing directory.
    pub(crate) fn new(logs: PathBuf) -> Self {
        Self { logs, slots: Mutex::default() }
    }

    /// Says how to start a component; doesn't start it.
    pub(crate) fn add(&self, component: Component, program: PathBuf, arguments: Vec<String>) {
        self.slots().insert(component, Slot { program, arguments, process: None });
    }

    pub(crate) fn start(&self, component: Component) -> Result<()> {
        let log = self.log(component);
        self.with(component, |slot| {
            ensure!(slot.process.is_none(), "{component} runs already");
            slot.process = Some(Process::start(&slot.program, &slot.arguments, &log)?);
            Ok(())
        })
    }

    /// Kills a component by SIGKILL and returns when it is gone.
    pub(crate) fn stop(&self, component: Component) -> Result<()> {
        self.with(component, |slot| {
            drop(slot.process.take().with_context(|| format!("{component} doesn't run"))?);
            Ok(())
        })
    }

    /// Kills all, in the order that leaves nobody without what it talks to.
    pub(crate) fn stop_all(&self) {
        for slot in self.slots().values_mut().rev() {
            slot.process = None;
        }
    }

    pub(crate) fn signal(&self, component: Component, signal: Signal) -> Result<()> {
        self.with(component, |slot| {
            slot.process.as_ref().with_context(|| format!("{component} doesn't run"))?.signal(signal)
        })
    }

    /// Fails, with the end of its log, if a component has ended by itself.
    pub(crate) fn check(&self, component: Component) -> Result<()> {
        self.ended(component)?.map_or(Ok(()), |how| bail!("{how}"))
    }

    /// How a component has ended by itself, with the end of its log; nothing while it runs.
    pub(crate) fn ended(&self, component: Component) -> Result<Option<String>> {
        let log = self.log(component);
        self.with(component, |slot| {
            let process = slot.process.as_mut().with_context(|| format!("{component} doesn't run"))?;
            let status = process.exit_status()?;
            Ok(status.map(|status| format!("{component} ended ({status}):\n{}", process::tail(&log))))
        })
    }

    /// All that belong to this plane.
    pub(crate) fn all(&self) -> Vec<Component> {
        self.slots().keys().copied().collect()
    }

    pub(crate) fn has(&self, component: Component) -> bool {
        self.slots().contains_key(&component)
    }

    /// The process ids of the components that run.
    pub(crate) fn ids(&self) -> BTreeMap<Component, u32> {
        let id = |slot: &Slot| slot.process.as_ref().map(Process::id);
        self.slots().iter().filter_map(|(&component, slot)| Some((component, id(slot)?))).collect()
    }

    pub(crate) fn log(&self, component: Component) -> PathBuf {
        Path::join(&self.logs, format!("{component}.log"))
    }

    fn with<T>(&self, component: Component, act: impl FnOnce(&mut Slot) -> Result<T>) -> Result<T> {
        let mut slots = self.slots();
        act(slots.get_mut(&component).with_context(|| format!("{component} is not part of this plane"))?)
    }

    /// A test that failed with the lock held must not keep the others from their clean-up.
    fn slots(&self) -> MutexGuard<'_, BTreeMap<Component, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
