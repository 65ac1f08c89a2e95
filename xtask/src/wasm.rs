//! A Rust that compiles to WebAssembly: the one at hand if it can, else what can be installed.
//!
//! | toolchain | when |
//! | --- | --- |
//! | `installed` | the Rust at hand has the target's standard library |
//! | `rustup` | rustup can add it |
//! | `debian` | Debian's own Rust and its sources, from which the standard library is built; installed by root |
//!
//! `OPSTACK_WASM_TOOLCHAIN` picks one by name, mostly to test it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    run::{self, say},
    workspace,
};

/// What plugins are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

const VARIABLE: &str = "OPSTACK_WASM_TOOLCHAIN";

/// A download of some 20 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);
/// A download of some 200 MB.
const APT_LIMIT: Duration = Duration::from_secs(900);

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_FILES: [&str; 4] =
    ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/lib/rustlib/src/rust/library/std/Cargo.toml", "/usr/bin/wasm-ld-19"];

/// A way to compile to WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The cargo that runs us.
    Own,
    /// Debian's, beside it.
    Debian,
}

impl Toolchain {
    /// Finds or installs one.
    pub fn ensure() -> Result<Self> {
        let choice = env::var(VARIABLE).unwrap_or_default();
        match choice.as_str() {
            "" => Self::first_that_works(),
            "installed" if own_has_target()? => Ok(Self::Own),
            "installed" => bail!("{VARIABLE}=installed, but this Rust has no standard library for {TARGET}"),
            "rustup" => add_by_rustup(),
            "debian" => install_debian(),
            other => bail!("{VARIABLE}={other} is none of installed, rustup, debian"),
        }
    }

    fn first_that_works() -> Result<Self> {
        if own_has_target()? {
            return Ok(Self::Own);
        }
        let rustup = add_by_rustup();
        let Err(no_rustup) = rustup else { return rustup };
        say(&format!("{no_rustup:#}; trying Debian's Rust"));
        install_debian().map_err(|no_debian| {
            anyhow::anyhow!(
                "no Rust compiles to WebAssembly here.\n  rustup: {no_rustup:#}\n  Debian: {no_debian:#}\n\
                 Install the target {TARGET} for the Rust at hand, with rustup or your distribution's packages"
            )
        })
    }

    /// `cargo build` for WebAssembly in the workspace of a directory, in one of its profiles.
    pub fn build(self, directory: &Path, profile: &str) -> Command {
        let mut command = match self {
            Self::Own => run::cargo(directory),
            Self::Debian => debian_cargo(directory),
        };
        command.args(["build", "--profile", profile, "--lib", "--target", TARGET, "--target-dir"]).arg(target_dir());
        if self == Self::Debian {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        // Flags meant for this machine's processor or linker are wrong here; and the paths of this machine
        // would give the same sources another digest on each.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_RUSTFLAGS");
        command.env("CARGO_ENCODED_RUSTFLAGS", format!("--remap-path-prefix={}=/cargo", cargo_home().display()));
        command
    }
}

/// Where cargo puts what it builds for WebAssembly. All workspaces share it, for they share most dependencies.
pub fn target_dir() -> PathBuf {
    workspace::target_dir().join("wasm")
}

fn cargo_home() -> PathBuf {
    let default = || env::home_dir().unwrap_or_default().join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(default, PathBuf::from)
}

/// Whether the Rust at hand has the target's standard library, wherever it came from.
fn own_has_target() -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let directory = run::output(run::scrubbed(rustc).args(["--print", "target-libdir", "--target", TARGET]))?;
    let Ok(mut entries) = fs::read_dir(directory.trim()) else { return Ok(false) };
    Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))))
}

fn add_by_rustup() -> Result<Toolchain> {
    run::step("rustup target add", || {
        run::run_within(RUSTUP_LIMIT, run::scrubbed("rustup").args(["target", "add", TARGET]))?;
        ensure!(own_has_target()?, "rustup added {TARGET}, but not to the Rust at hand");
        Ok(Toolchain::Own)
    })
}

fn install_debian() -> Result<Toolchain> {
    if is_debian_complete() {
        return Ok(Toolchain::Debian);
    }
    let packages = DEBIAN_PACKAGES.join(" ");
    ensure!(Path::new("/etc/debian_version").exists(), "this is no Debian");
    ensure!(is_root(), "only root can install {packages}; ask for them, or for rustup's {TARGET}");
    run::step("apt-get install", || {
        run::run_within(APT_LIMIT, apt().arg("update"))?;
        run::run_within(APT_LIMIT, apt().args(["install", "--yes", "--no-install-recommends"]).args(DEBIAN_PACKAGES))
    })?;
    ensure!(is_debian_complete(), "after the installation of {packages}, not all of {} exist", DEBIAN_FILES.join(", "));
    Ok(Toolchain::Debian)
}

fn is_debian_complete() -> bool {
    DEBIAN_FILES.iter().all(|file| Path::new(file).exists())
}

fn is_root() -> bool {
    run::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn apt() -> Command {
    let mut command = run::scrubbed("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Debian ships no standard library for the target, so cargo builds it from Debian's sources. That is an unstable
/// feature, hence the bootstrap variable; it applies to this compiler, whose sources are those of a release.
fn debian_cargo(directory: &Path) -> Command {
    let mut command = run::scrubbed("/usr/bin/cargo");
    command.current_dir(directory).env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "/usr/bin/wasm-ld-19");
    // Those of the Rust at hand.
    for name in ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env_remove(name);
    }
    command
}

/// Says which toolchain is used, once, with its version.
pub fn announce(toolchain: Toolchain) -> Result<()> {
    let rustc = match toolchain {
        Toolchain::Own => env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
        Toolchain::Debian => "/usr/bin/rustc".into(),
    };
    let version = run::output(run::scrubbed(rustc).arg("--version")).context("failed to ask for a version")?;
    say(&format!("WebAssembly by {}", version.trim()));
    Ok(())
}
