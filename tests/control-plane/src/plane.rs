//! A running control plane: how it starts, how to reach it, how it goes.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    audit::{self, AuditLog},
    components::{Component, Components},
    flags::Site,
    home::Home,
    http::{Client, Response},
    kubeconfig::Credentials,
    kubectl::Kubectl,
    options::Options,
    pki::{self, Pki},
    ports::Port,
    programs::Programs,
};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A Kubernetes control plane of this machine's loopback: etcd, kube-apiserver and, as asked for,
/// kube-controller-manager and kube-scheduler.
///
/// Any number of them run beside each other. Dropping one kills its processes and removes its data;
/// if this process is killed, the kernel kills them, and the next plane removes the data.
pub struct ControlPlane {
    components: Components,
    api: Client,
    pub(crate) etcd: Port,
    apiserver: Port,
    etcd_peer: Port,
    pub(crate) pki: Pki,
    token: String,
    kubectl: Option<PathBuf>,
    options: Options,
    // The last field: the directory goes after everything else.
    home: Home,
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready. The first call on a machine may have to
    /// build the programs, see [`Programs::find`].
    pub fn start(options: Options) -> Result<Self> {
        Self::start_with(&Programs::find()?, options)
    }

    /// Starts a control plane of the programs given.
    pub fn start_with(programs: &Programs, options: Options) -> Result<Self> {
        let plane = Self::prepare(programs, options)?;
        plane.start_component(Component::Etcd)?;
        plane.start_component(Component::ApiServer)?;
        for component in [Component::ControllerManager, Component::Scheduler] {
            if plane.components.has(component) {
                plane.start_component(component)?;
            }
        }
        Ok(plane)
    }

    /// Makes keys, files and command lines; starts nothing.
    fn prepare(programs: &Programs, options: Options) -> Result<Self> {
        let home = Home::create_in(options.parent.as_deref().unwrap_or(&env::temp_dir()))?;
        let logs = home.path().join("logs");
        fs::create_dir(&logs)?;
        let (etcd, etcd_peer, apiserver) = (Port::reserve()?, Port::reserve()?, Port::reserve_at(options.address)?);
        let pki = Pki::create(home.path().join("pki"))?;
        let token = pki::random_token()?;
        let api = Client::with_tls(apiserver.address, pki.authority_der(), token.clone())?;
        let plane = Self {
            components: Components::new(logs),
            api,
            etcd,
            apiserver,
            etcd_peer,
            pki,
            token,
            kubectl: programs.kubectl.clone(),
            options,
            home,
        };
        plane.write_kubeconfig(&plane.kubeconfig_path(), "admin", Credentials::Token(&plane.token))?;
        plane.add_components(programs)?;
        Ok(plane)
    }

    fn add_components(&self, programs: &Programs) -> Result<()> {
        let site = Site {
            home: self.home.path(),
            pki: &self.pki,
            etcd: &self.etcd,
            etcd_peer: &self.etcd_peer,
            apiserver: &self.apiserver,
            options: &self.options,
        };
        let tokens = self.home.path().join("tokens.csv");
        fs::write(&tokens, format!("{},admin,admin,\"system:masters\"\n", self.token))?;
        let (etcd, apiserver) = (programs.etcd.clone(), programs.kube_apiserver.clone());
        self.components.add(Component::Etcd, etcd, site.etcd());
        self.components.add(Component::ApiServer, apiserver, site.apiserver(&tokens)?);
        if self.options.controllers {
            let program = chosen(&programs.kube_controller_manager, Component::ControllerManager)?;
            let kubeconfig = self.user_kubeconfig("system:kube-controller-manager", None)?;
            let flags = site.controller_manager(&kubeconfig);
            self.components.add(Component::ControllerManager, program, flags);
        }
        if self.options.scheduler {
            let program = chosen(&programs.kube_scheduler, Component::Scheduler)?;
            let kubeconfig = self.user_kubeconfig("system:kube-scheduler", None)?;
            self.components.add(Component::Scheduler, program, site.scheduler(&kubeconfig));
        }
        Ok(())
    }

    /// The API server's address, `https://127.0.0.1:PORT` unless the options ask for another.
    pub fn url(&self) -> String {
        format!("https://{}", self.apiserver.address)
    }

    /// The bearer token of the user `admin`, a member of `system:masters`.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The certificate of the authority that signed the API server's, as a PEM file.
    pub fn authority_path(&self) -> PathBuf {
        self.pki.authority()
    }

    /// A kubeconfig of the user `admin`.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    /// Sends a request to the API server as `admin`. A PATCH is a merge patch.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
        self.api.request(method, path, body)
    }

    /// Requests of whoever has this token.
    pub(crate) fn client(&self, token: String) -> Result<Client> {
        Client::with_tls(self.apiserver.address, self.pki.authority_der(), token)
    }

    /// kubectl as `admin`. `None` if the programs came without one.
    pub fn kubectl(&self) -> Option<Kubectl> {
        let program = self.kubectl.clone()?;
        let cache = self.home.path().join("kubectl-cache");
        Some(Kubectl::new(program, self.kubeconfig_path()).with_cache(cache))
    }

    /// The audit log, if the options ask for one.
    pub fn audit(&self) -> Option<AuditLog> {
        self.options.audit.map(|_| AuditLog::new(audit::path(self.home.path())))
    }

    /// The process ids of what runs.
    pub fn process_ids(&self) -> BTreeMap<Component, u32> {
        self.components.ids()
    }

    /// The file that a component's messages go to.
    pub fn log_path(&self, component: Component) -> PathBuf {
        self.components.log(component)
    }

    /// The directory with everything of this plane; it goes when the plane is dropped.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn components(&self) -> &Components {
        &self.components
    }

    /// Starts a component and waits until it does its work.
    pub(crate) fn start_component(&self, component: Component) -> Result<()> {
        self.components.start(component)?;
        self.wait_ready(component)
    }

    /// Waits until a component does its work, for no longer than the options allow.
    pub(crate) fn wait_ready(&self, component: Component) -> Result<()> {
        let deadline = Instant::now() + self.options.start_timeout;
        loop {
            self.components.check(component)?;
            let why_not = match self.is_ready(component) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                let log = crate::process::tail(&self.components.log(component));
                let timeout = self.options.start_timeout;
                bail!("{component} is not ready after {timeout:?}: {why_not:#}\n{log}");
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn is_ready(&self, component: Component) -> Result<()> {
        let asks: &[&str] = match component {
            Component::Etcd => {
                return expect_success(&Client::plain(self.etcd.address), "/health");
            }
            // The namespace is made a moment after the server calls itself ready.
            Component::ApiServer => &["/readyz", "/api/v1/namespaces/default"],
            // It serves no port; but this object is its work, and no Pod can be made before it.
            Component::ControllerManager => &["/api/v1/namespaces/default/serviceaccounts/default"],
            // Nothing shows that it is ready until there is a Pod. It catches up when it is.
            Component::Scheduler => &[],
        };
        asks.iter().try_for_each(|path| expect_success(&self.api, path))
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.components.stop_all();
    }
}

fn expect_success(client: &Client, path: &str) -> Result<()> {
    let response = client.request("GET", path, None)?;
    ensure!(response.is_success(), "{path} answers {}: {}", response.status, response.text());
    Ok(())
}

fn chosen(program: &Option<PathBuf>, component: Component) -> Result<PathBuf> {
    program.clone().with_context(|| {
        format!(
            "the options ask for {component}, which the directory of KUBEBUILDER_ASSETS lacks: add it there, \
             or unset the variable and let it be built"
        )
    })
}
