//! Calls of other programs: in an environment without what the outer `cargo run` left there, and told as steps.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// Writes a line of progress.
pub fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// Does something that takes a while, and tells how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("{what} …"));
    let started = Instant::now();
    let result = work().with_context(|| format!("{what} failed"));
    let outcome = if result.is_ok() { "done" } else { "failed" };
    say(&format!("{what}: {outcome}, {:.1} s", started.elapsed().as_secs_f64()));
    result
}

/// The cargo that runs us, in a directory.
pub fn cargo(directory: &Path) -> Command {
    let mut command = scrubbed(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(directory);
    command
}

/// A program in the user's own environment.
///
/// `cargo run` tells a program about its package. A cargo called from there would hand that on to build scripts,
/// some of which are run again whenever it differs from the time before: everything above them would be rebuilt at
/// each change between `cargo xtask` and plain `cargo`.
pub fn scrubbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_about_our_package) {
            command.env_remove(name);
        }
    }
    command
}

fn is_about_our_package(variable: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_CFG_"];
    const NAMES: [&str; 4] = ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    NAMES.contains(&variable) || PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

/// Runs a program and fails if it does. It has no standard input; what it prints goes to our standard error.
pub fn run(command: &mut Command) -> Result<()> {
    show(command.stdout(stderr()))
}

/// The same, where what it prints is a result and stays on the standard output.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    check(command, status.with_context(|| format!("failed to start {}", shown(command)))?)
}

/// Runs a program for no longer than a limit.
pub fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(stderr()))?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return check(command, status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("{} took longer than {} s", shown(command), limit.as_secs());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Runs a program and gives what it printed; its errors go to ours.
pub fn output(command: &mut Command) -> Result<String> {
    let answer = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let Output { status, stdout, .. } = answer.with_context(|| format!("failed to start {}", shown(command)))?;
    check(command, status)?;
    String::from_utf8(stdout).with_context(|| format!("the output of {} is not UTF-8", shown(command)))
}

/// Starts a program.
pub fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("failed to start {}", shown(command)))
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok(())
}

/// The command line, for messages: the program's name without its directory.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = [program].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy);
    format!("`{}`", words.collect::<Vec<_>>().join(" "))
}

/// The standard output is for results, so what other programs say goes to the standard error.
fn stderr() -> Stdio {
    std::io::stderr().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_our_package_is_hidden() {
        for hidden in ["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "OUT_DIR"] {
            assert!(is_about_our_package(hidden), "{hidden}");
        }
        for kept in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "PATH"] {
            assert!(!is_about_our_package(kept), "{kept}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let started = Instant::now();
        let error = run_within(Duration::from_millis(200), Command::new("sleep").arg("60")).expect_err("too long");
        assert!(error.to_string().contains("took longer"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
