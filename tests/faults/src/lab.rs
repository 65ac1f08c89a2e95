//! A cluster, a proxy, an operator behind it that is killed and started again, and objects to try it with.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, ensure};
use control_plane::{AuditLevel, Options};
use rustix::process::Signal;
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Site, hostile, until};

use crate::{
    proxy::Proxy,
    state::{self, State},
};

/// Name of every object of the tests' kind: it is alone in its namespace.
pub const NAME: &str = "probe";

/// Everything that a test of faults needs. The operator comes and goes.
pub struct Lab {
    operator: Arc<Operator>,
    /// Through which the operator sees its API server.
    pub proxy: Proxy,
    arguments: [String; 2],
    kubeconfig: PathBuf,
    /// The cluster, past the proxy.
    pub site: Site,
}

impl Lab {
    /// Starts a cluster and a proxy, and an operator without leader election behind it.
    ///
    /// There is no garbage collector: what the operator leaves behind stays and is seen.
    pub fn start() -> Result<Self> {
        let site = Site::start_with(Options { controllers: false, ..Options::audited(AuditLevel::Metadata) });
        let proxy = Proxy::start(&site.plane)?;
        let kubeconfig = proxy.kubeconfig(site.directory(), site.plane.token())?;
        let plugins = format!("--plugins={}", plugins(site.directory())?.display());
        let arguments = ["--leader-elect=false".into(), plugins];
        let operator = spawn(&site, &kubeconfig, &arguments);
        Ok(Self { operator, proxy, arguments, kubeconfig, site })
    }

    /// Kills the operator if it still runs, and starts another one without faults, counting its calls from the first.
    pub fn restart(&mut self) -> Result<()> {
        kill(&self.operator);
        self.proxy.wait_idle(MINUTE)?;
        self.proxy.count();
        self.operator = spawn(&self.site, &self.kubeconfig, &self.arguments);
        Ok(())
    }

    /// The operator that runs, or was killed.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Something that kills the operator that runs now, and returns when it is gone.
    pub fn killer(&self) -> Arc<dyn Fn() + Send + Sync> {
        let operator = self.operator.clone();
        Arc::new(move || kill(&operator))
    }

    /// An object that is not yet made, in a namespace of its own.
    pub fn subject(&self, namespace: &str) -> Subject<'_> {
        Subject::new(&self.site, namespace)
    }

    /// An object in a namespace that was made before.
    pub fn known(&self, namespace: &str) -> Subject<'_> {
        Subject { site: &self.site, namespace: namespace.into() }
    }
}

fn spawn(site: &Site, kubeconfig: &Path, arguments: &[String]) -> Arc<Operator> {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let operator = Operator::spawn_as(site, kubeconfig, &arguments);
    operator.wait_ready();
    Arc::new(operator)
}

fn kill(operator: &Operator) {
    if operator.is_running() {
        operator.signal(Signal::KILL);
    }
    until("a killed operator to be gone", MINUTE, || if operator.is_running() { Err(String::new()) } else { Ok(()) });
}

/// A step in the life of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is made, and asks for three ConfigMaps and a generated Secret.
    Create,
    /// Its data change, and two ConfigMaps are no longer asked for.
    Update,
    /// It is deleted.
    Delete,
}

impl Step {
    /// A whole life.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];
}

/// One object of the tests' kind in a namespace of its own.
pub struct Subject<'a> {
    site: &'a Site,
    namespace: String,
}

impl<'a> Subject<'a> {
    /// An object that is not yet made, in a namespace of its own.
    pub fn new(site: &'a Site, namespace: &str) -> Self {
        site.namespace(namespace);
        Self { site, namespace: namespace.into() }
    }

    /// Takes a step.
    pub fn take(&self, step: Step) {
        match step {
            Step::Create => self.create(3, "before"),
            Step::Update => self.change(1, "after"),
            Step::Delete => self.site.delete(&self.path()),
        }
    }

    /// Makes the object with so many ConfigMaps that all hold `value`.
    pub fn create(&self, count: u32, value: &str) {
        let more = json!({"count": count, "data": {"key": value}});
        self.site.create(&hostile::with(&self.namespace, NAME, "generated-secret", &more));
    }

    /// Changes number and contents of the ConfigMaps.
    pub fn change(&self, count: u32, value: &str) {
        self.site.merge(&self.path(), &json!({"spec": {"count": count, "data": {"key": value}}}));
    }

    /// The object's path.
    pub fn path(&self) -> String {
        hostile::path(&self.namespace, NAME)
    }

    /// What the namespace holds.
    pub fn state(&self) -> State {
        let asked = until("the API server to list a namespace", MINUTE, || {
            State::of(self.site, &self.namespace).ok_or_else(String::new)
        });
        asked.0
    }

    /// The values of its Secrets.
    pub fn secrets(&self) -> BTreeMap<String, Value> {
        state::secrets(self.site, &self.namespace)
    }

    /// Waits until the operator has done what a step calls for, by the object's own status.
    pub fn wait_done(&self, step: Step) -> State {
        let done = until(&format!("{step:?} to be done"), MINUTE, || {
            let state = self.state();
            let object = state.object("Hostile");
            let is_done = match step {
                Step::Delete => object.is_null(),
                _ => is_ready(object),
            };
            if is_done { Ok(state) } else { Err(format!("{state}{}", self.site.log_tail())) }
        });
        done.0
    }

    /// Waits until the namespace holds what it should, and fails with the difference.
    pub fn wait_for(&self, wanted: &State) {
        until("the state in which a run without faults ends", MINUTE, || {
            let state = self.state();
            if state == *wanted {
                return Ok(());
            }
            Err(format!("{state}--- wanted\n{wanted}--- the operator's log\n{}", self.site.log_tail()))
        });
    }
}

fn is_ready(object: &Value) -> bool {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let observed = object["status"]["observedGeneration"] == object["generation"];
    observed && conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A directory with the hostile guest as the only plugin.
pub fn plugins(directory: &Path) -> Result<PathBuf> {
    let guest = suite::plugins::root().join("target/guests/hostile.wasm");
    ensure!(guest.is_file(), "{} is missing: run `cargo xtask build` first", guest.display());
    let plugins = directory.join("plugins");
    fs::create_dir_all(&plugins)?;
    fs::copy(&guest, plugins.join("hostile.wasm"))?;
    Ok(plugins)
}
