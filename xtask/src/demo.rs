//! `cargo xtask demo`: from nothing to the tree of all that the examples become, on a machine without a cluster.

mod chain;
mod site;
mod view;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    kubernetes::Pending,
    plugins,
    run::{self, say},
    workspace,
};
pub use chain::chain;
use site::Site;
use view::View;

/// The examples refer to each other in this namespace.
const NAMESPACE: &str = "optimism-system";
/// Where the operator runs, and the ConfigMaps of plugins are.
const OPERATOR_NAMESPACE: &str = "opstack-system";

const POLL: Duration = Duration::from_millis(500);
/// Compiling seven plugins for the first time takes seconds; a busy machine takes longer.
const PLUGINS_WITHIN: Duration = Duration::from_secs(180);
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// Nothing has changed for so many looks: it is as far as it gets.
const QUIET_LOOKS: usize = 6;

/// Runs it after what `build` does; `keep` leaves everything up until the process is told to end.
pub fn demo(keep: bool, build: impl FnOnce() -> Result<()>) -> Result<()> {
    let kubernetes = Pending::start()?;
    build()?;
    let programs = run::step("Kubernetes", || kubernetes.wait())?;
    let site = run::step("start a control plane", || Site::start(&programs))?;
    run::step("install Plugin", || site.install_own_kind())?;
    run::step("start the operator", || site.start_operator())?;
    run::step("load the plugins from ConfigMaps", || load_plugins(&site))?;
    run::step("apply the examples", || apply_examples(&site))?;
    let view = run::step("wait until nothing changes", || settled(&site))?;
    for command in ["status", "tree"] {
        println!(
            "$ opstack {command} --namespace {NAMESPACE}\n{}",
            site.opstack(&[command, "--namespace", NAMESPACE])?
        );
    }
    ensure!(!view.is_empty(), "no object was made; the operator's log:\n{}", site.log_tail());
    if keep {
        leave_up(&site, &view);
    }
    run::step("end everything", || {
        drop(site);
        Ok(())
    })
}

/// The namespaces, then a ConfigMap and a `Plugin` for each component.
fn load_plugins(site: &Site) -> Result<()> {
    let pack = ["plugin", "pack", "--namespace", OPERATOR_NAMESPACE];
    let packed = run::output(run::scrubbed(workspace::opstack()).args(pack).args(plugins::built()?))?;
    site.apply(&packed)?;
    let deadline = Instant::now() + PLUGINS_WITHIN;
    loop {
        let waiting = site.view(NAMESPACE)?.waiting_plugins();
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("not in service:\n{}\nthe operator's log:\n{}", waiting.join("\n"), site.log_tail());
        }
        site.check_operator()?;
        thread::sleep(POLL);
    }
}

/// All at once and in no particular order: that of the files' names.
fn apply_examples(site: &Site) -> Result<()> {
    let directory = workspace::root().join("examples");
    let entries = fs::read_dir(&directory).with_context(|| format!("failed to read {}", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    ensure!(!paths.is_empty(), "there is no example in {}", directory.display());
    for path in paths {
        site.apply_file(NAMESPACE, &path).with_context(|| workspace::relative(&path))?;
    }
    Ok(())
}

/// Waits until every object was looked at and nothing changes any more.
fn settled(site: &Site) -> Result<View> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    let (mut last, mut quiet) = (Value::Null, 0);
    loop {
        site.check_operator()?;
        let view = site.view(NAMESPACE)?;
        let gist = view.gist();
        quiet = if gist == last { quiet + 1 } else { 0 };
        last = gist;
        let unseen = view.unseen();
        if unseen.is_empty() && quiet >= QUIET_LOOKS {
            return Ok(view);
        }
        if Instant::now() >= deadline {
            ensure!(unseen.is_empty(), "not looked at: {}\n{}", unseen.join(", "), site.log_tail());
            say("it still changes; this is how it stands now");
            return Ok(view);
        }
        thread::sleep(POLL);
    }
}

fn leave_up(site: &Site, view: &View) {
    println!("\nIt stays up until Ctrl-C. In another shell:\n");
    println!("  export KUBECONFIG={}", site.kubeconfig().display());
    println!("  export PATH={}:$PATH", site.programs().display());
    println!("  kubectl --namespace {NAMESPACE} get {}", view.kinds());
    println!("  kubectl get plugins");
    println!("  tail -f {}", site.log().display());
    loop {
        thread::park();
    }
}

/// A field of an object as text.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
