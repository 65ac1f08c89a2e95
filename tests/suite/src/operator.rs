//! The operator's process.

use std::{
    env,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::{Hosts, MINUTE, Site, plugins, until};

/// What tests run it with, unless they say otherwise. The log is what they read when they fail; chains are on the loopback.
const DEFAULTS: [&str; 4] = [
    "--listen=127.0.0.1:0",
    "--lease-duration=5",
    "--log-filter=info,opstack_operator=debug",
    "--probe-allow=127.0.0.0/8",
];

/// `--name` of `--name=value`.
fn name(argument: &str) -> &str {
    argument.split('=').next().unwrap_or_default()
}

/// A running `opstack run`. Dropping it kills it; it does not outlive the test's process in any case.
pub struct Operator {
    child: Mutex<Child>,
    id: u32,
    log: PathBuf,
    address: SocketAddr,
}

impl Operator {
    /// Starts the operator and waits until it is ready.
    pub fn start(site: &Site) -> Self {
        Self::start_with(site, &[])
    }

    /// Starts the operator with more arguments and waits until it is ready.
    pub fn start_with(site: &Site, arguments: &[&str]) -> Self {
        let operator = Self::spawn(site, arguments);
        operator.wait_ready();
        operator
    }

    /// Waits until it serves its kinds.
    pub fn wait_ready(&self) {
        until("the operator to be ready", 5 * MINUTE, || match self.get("/readyz") {
            Ok((200, _)) => Ok(()),
            answer => Err(format!("{answer:?}; its log:\n{}", tail(&self.log))),
        });
    }

    /// Starts the operator with more arguments and waits only until it serves its admin endpoints.
    pub fn spawn(site: &Site, arguments: &[&str]) -> Self {
        Self::spawn_as(site, &site.plane.kubeconfig_path(), arguments)
    }

    /// The same as another user, or through something that stands between.
    pub fn spawn_as(site: &Site, kubeconfig: &Path, arguments: &[&str]) -> Self {
        Self::run(site, kubeconfig, Command::new(program()), arguments)
    }

    /// Starts the operator with names that it alone knows, and waits until it is ready.
    pub fn start_among(site: &Site, hosts: &Hosts, arguments: &[&str]) -> Self {
        let operator = Self::run(site, &site.plane.kubeconfig_path(), hosts.around(&program()), arguments);
        operator.wait_ready();
        operator
    }

    fn run(site: &Site, kubeconfig: &Path, mut command: Command, arguments: &[&str]) -> Self {
        let log = site.new_log();
        command
            .arg("run")
            .args(DEFAULTS.iter().filter(|default| arguments.iter().all(|argument| name(argument) != name(default))))
            .arg(format!("--cache-dir={}", plugins::root().join("target/compiled").display()))
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(File::create(&log).expect("a log"))
            .stderr(File::options().append(true).open(&log).expect("a log"));
        for name in ["RUST_LOG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "POD_NAME"] {
            command.env_remove(name);
        }
        let mut child = control_plane::spawn(command).expect("the operator starts");
        let (address, _) = until("the operator to serve", MINUTE, || match address(&log, "serving /healthz") {
            Some(address) => Ok(address),
            None => match child.try_wait() {
                Ok(Some(status)) => panic!("the operator ended ({status}):\n{}", tail(&log)),
                _ => Err(tail(&log)),
            },
        });
        Self { id: child.id(), child: Mutex::new(child), log, address }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether the process is still the one that was started.
    pub fn is_running(&self) -> bool {
        let mut child = self.child.lock().expect("a test panicked here");
        matches!(child.try_wait(), Ok(None))
    }

    /// All that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks its admin server.
    pub fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let answer = ask(self.address, "GET", path)?;
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_string());
        Ok((code.unwrap_or_default(), body.unwrap_or_default()))
    }

    /// Address of its health endpoints and metrics.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of its page, where it was told to serve one.
    pub fn page(&self) -> Option<SocketAddr> {
        address(&self.log, "serving the page")
    }

    /// The sum of a metric's samples whose labels hold `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.get("/metrics").expect("metrics");
        let samples = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, value))
        });
        samples.filter(|(labels, _)| labels.contains(label)).filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
    }

    /// How often objects were reconciled since the start.
    pub fn reconciles(&self) -> u64 {
        self.metric("opstack_reconciles_total", "") as u64
    }

    /// Waits until it has nothing to do: no reconcile for a while.
    pub fn settle(&self) {
        const QUIET: Duration = Duration::from_millis(1500);
        let mut last = (self.reconciles(), std::time::Instant::now());
        until("the operator to have nothing to do", 3 * MINUTE, || {
            let now = self.reconciles();
            if now != last.0 {
                last = (now, std::time::Instant::now());
            }
            if last.1.elapsed() >= QUIET { Ok(()) } else { Err(format!("{now} reconciles\n{}", tail(&self.log))) }
        });
    }

    /// Asks it to stop, and waits until it has done so well.
    pub fn stop(self) {
        self.signal(Signal::TERM);
        let mut child = self.child.lock().expect("a test panicked here");
        let (status, _) = until("the operator to stop", MINUTE, || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            _ => Err(tail(&self.log)),
        });
        assert!(status.success(), "the operator ended with {status}:\n{}", tail(&self.log));
    }

    /// Kills it (SIGKILL).
    pub fn kill(self) {}

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it is our child");
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Both fail only if it has ended already.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Asks an HTTP server; gives all of its answer, the headers too.
pub fn ask(address: SocketAddr, method: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The program, built beside the tests.
pub fn program() -> PathBuf {
    let tests = env::current_exe().expect("a running program");
    let candidates = tests.ancestors().skip(1).take(2).map(|directory| directory.join("opstack"));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("there is no `opstack` beside {}: run `cargo build -p opstack-operator` first", tests.display())
    })
}

/// The address in the line of a log that says where something is served.
fn address(log: &Path, served: &str) -> Option<SocketAddr> {
    let text = fs::read_to_string(log).ok()?;
    let line = text.lines().find(|line| line.contains(served))?;
    let (_, rest) = line.split_once("address=")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 25;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
