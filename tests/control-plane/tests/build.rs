//! Where the programs come from, with a stand-in for Go: built once, resumed after a failure, and
//! clear words when something is missing.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

const PROGRAMS: [&str; 5] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];

/// A machine with nothing but a shell and the stand-in for Go.
struct Machine(TempDir);

impl Machine {
    fn new(go_version: &str) -> Result<Self> {
        // On the disk of the build, which has the room that a real build is refused without.
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let go = directory.path().join("bin/go");
        fs::create_dir(directory.path().join("bin"))?;
        fs::write(&go, include_str!("support/go"))?;
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755))?;
        fs::write(directory.path().join("version"), format!("{go_version}\n"))?;
        Ok(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `control-plane programs` on this machine.
    fn programs(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_control-plane"));
        command
            .arg("programs")
            .env_remove("KUBEBUILDER_ASSETS")
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .env("FAKE_GO", self.path())
            .env("PATH", format!("{}:/usr/bin:/bin", self.path().join("bin").display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The packages that Go was asked to build, in order.
    fn builds(&self) -> Result<Vec<String>> {
        let calls = fs::read_to_string(self.path().join("calls"))?;
        let package = |line: &str| Some(line.rsplit([' ', '/']).next()?.to_owned());
        Ok(calls.lines().filter(|line| line.starts_with("build ")).filter_map(package).collect())
    }
}

fn printed(output: &Output) -> Vec<PathBuf> {
    String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn processes_that_come_at_the_same_time_build_once() -> Result<()> {
    let machine = Machine::new("go1.26.0")?;
    let running: Vec<_> = (0..3).map(|_| machine.programs().spawn()).collect::<Result<_, _>>()?;
    for child in running {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{}", errors(&output));
        let paths = printed(&output);
        let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, PROGRAMS);
        assert!(paths.iter().all(|path| path.is_file()), "{paths:?}");
    }
    assert_eq!(machine.builds()?.len(), PROGRAMS.len(), "{:?}", machine.builds()?);
    Ok(())
}

#[test]
fn a_build_goes_on_where_it_failed() -> Result<()> {
    let machine = Machine::new("go1.27.1")?;
    fs::write(machine.path().join("fail"), "kube-scheduler")?;
    let output = machine.programs().output()?;
    assert!(!output.status.success());
    let text = errors(&output);
    assert!(text.contains("cannot compile k8s.io/kubernetes/cmd/kube-scheduler"), "{text}");

    fs::remove_file(machine.path().join("fail"))?;
    fs::remove_file(machine.path().join("calls"))?;
    let output = machine.programs().output()?;
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(machine.builds()?, ["kube-scheduler", "kubectl"]);

    fs::remove_file(machine.path().join("calls"))?;
    assert_eq!(printed(&machine.programs().output()?), printed(&output));
    assert!(machine.builds().is_err(), "Go is not called when there is nothing to do");
    Ok(())
}

#[test]
fn what_is_missing_is_said() -> Result<()> {
    let old = Machine::new("go1.25.9")?;
    let text = errors(&old.programs().output()?);
    assert!(text.contains("go1.25.9 is too old") && text.contains("needs Go 1.26"), "{text}");

    let nothing = old.path().join("cache");
    let text = errors(&old.programs().env("PATH", &nothing).output()?);
    assert!(text.contains("no `go` command") && text.contains("needs Go 1.26"), "{text}");

    let text = errors(&old.programs().env("KUBEBUILDER_ASSETS", &nothing).output()?);
    assert!(text.contains("KUBEBUILDER_ASSETS") && text.contains("there is no etcd"), "{text}");
    Ok(())
}

#[test]
fn ready_programs_are_taken_as_they_are() -> Result<()> {
    let machine = Machine::new("go1.26.0")?;
    let assets = machine.path().join("assets");
    fs::create_dir(&assets)?;
    for name in ["etcd", "kube-apiserver"] {
        fs::write(assets.join(name), "")?;
    }
    let output = machine.programs().env("KUBEBUILDER_ASSETS", &assets).output()?;
    assert_eq!(printed(&output), [assets.join("etcd"), assets.join("kube-apiserver")]);
    machine.builds().err().context("Go was called for nothing")?;
    Ok(())
}
