//! Calls of kubectl.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// kubectl with a fixed kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: Option<PathBuf>,
}

impl Kubectl {
    /// `program` is a path, or a name to look up on the PATH.
    pub fn new(program: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), kubeconfig: kubeconfig.into(), cache: None }
    }

    /// The same program as another user.
    pub fn with_kubeconfig(self, kubeconfig: impl Into<PathBuf>) -> Self {
        Self { kubeconfig: kubeconfig.into(), ..self }
    }

    /// Keeps what the server's API looks like in `cache` and not in the user's home, where the
    /// directories of short-lived servers would pile up.
    pub(crate) fn with_cache(self, cache: PathBuf) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Runs kubectl and returns its standard output; fails with its standard error.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        self.run_with_input(arguments, "")
    }

    /// Applies manifests, in YAML or JSON, on the server's side.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.run_with_input(["apply", "--server-side", "--filename=-"], manifests)
    }

    /// A call of kubectl that is not made yet.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig);
        if let Some(cache) = &self.cache {
            command.arg("--cache-dir").arg(cache);
        }
        command.args(arguments);
        command
    }

    /// Runs kubectl with `input` on its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<String> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("failed to start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without having read everything; its exit code tells whether that is bad.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?} failed ({}): {errors}", output.status);
        String::from_utf8(output.stdout).context("kubectl's output is not UTF-8")
    }
}
