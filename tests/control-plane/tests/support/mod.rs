//! What the tests of the control plane have in common.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use control_plane::{ControlPlane, Response};
use serde_json::{Value, json};

/// One Pod, which no node will ever take.
pub const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: waiting, namespace: default}
spec:
  selector: {matchLabels: {app: waiting}}
  template:
    metadata: {labels: {app: waiting}}
    spec: {containers: [{name: main, image: none.invalid/none}]}
";

pub fn get(plane: &ControlPlane, path: &str) -> Result<Response> {
    plane.request("GET", path, None)
}

/// Makes a ConfigMap in the namespace `default` and returns its resource version.
pub fn create_config_map(plane: &ControlPlane, name: &str, metadata: Value) -> Result<String> {
    let mut object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
    object["metadata"]["name"] = json!(name);
    let path = "/api/v1/namespaces/default/configmaps";
    let response = plane.request("POST", path, Some(&object))?;
    ensure!(response.status == 201, "{}", response.text());
    let version = response.json()?["metadata"]["resourceVersion"].take();
    Ok(version.as_str().context("an object without a resource version")?.to_owned())
}

/// What a watch of ConfigMaps says within a second that goes on after `version`.
pub fn watch_from(plane: &ControlPlane, version: &str) -> Result<String> {
    let path = format!("/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1&resourceVersion={version}");
    Ok(get(plane, &path)?.text())
}

/// Asks again and again until `is_so`.
pub fn eventually(timeout: Duration, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + timeout;
    while !is_so()? {
        if Instant::now() >= deadline {
            bail!("waited {timeout:?} in vain for {what}");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether a process runs. One that has ended but that nobody has asked about yet (a zombie, which
/// an orphan in a container can stay for long) doesn't.
pub fn is_running(id: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else {
        return false;
    };
    // `ID (NAME) STATE ...`, where the name may hold anything.
    !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
}

/// A process of its own that owns a plane: `control-plane up`.
pub struct Up {
    child: Child,
    pub directory: PathBuf,
    pub ids: Vec<u32>,
}

impl Up {
    /// `place` is where the plane makes its directory.
    pub fn start(place: &Path) -> Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_control-plane"))
            .arg("up")
            .env("TMPDIR", place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("a pipe")?;
        let mut up = Self { child, directory: PathBuf::new(), ids: Vec::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some(path) = line.strip_prefix("export KUBECONFIG=") {
                up.directory = Path::new(path).parent().context("a path")?.to_owned();
            }
            let id = line.split_once(": process ").and_then(|(_, rest)| rest.split(',').next());
            up.ids.extend(id.and_then(|id| id.parse::<u32>().ok()));
            if line.contains("kube-scheduler") {
                break;
            }
        }
        Ok(up)
    }

    /// As a person would end it: by the end of its input.
    pub fn end(&mut self) -> Result<ExitStatus> {
        drop(self.child.stdin.take());
        Ok(self.child.wait()?)
    }

    /// By SIGKILL: it can't clean up.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
