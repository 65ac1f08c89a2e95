//! `opstack run`: the settings of the operator. What they lead to is in [`crate::run`].

use anyhow::Context as _;
use clap::ValueEnum;
use opstack_core::budget::{Item, Limits};
use opstack_engine::{CompileLimits, Compiler};
use opstack_prober::{IpNet, Kept};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::compile_worker;

/// Run the operator.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory with plugins that are trusted with all that they ask for; for development. Plugin objects are followed as well.
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,
    /// Namespace of the operator's own objects.
    #[arg(long, env = "OPSTACK_NAMESPACE", default_value = "opstack-system")]
    pub namespace: String,
    /// Namespaces whose objects are served, comma-separated; all where absent. The operator needs rights in these and in its own alone: `opstack rbac --watch-namespaces` prints them.
    #[arg(long, env = "OPSTACK_WATCH_NAMESPACES", value_name = "NAMESPACES", value_delimiter = ',', value_parser = namespace)]
    pub watch_namespaces: Vec<String>,
    /// DNS domain of the cluster.
    #[arg(long, env = "OPSTACK_CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,
    /// Image that runs `opstack`, for init containers.
    #[arg(long, env = "OPSTACK_IMAGE", default_value_t = default_image())]
    pub image: String,
    /// Where compiled components are kept; the user's cache where absent.
    #[arg(long, env = "OPSTACK_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Compiled components that came with the image, as `opstack plugin compile` makes them.
    #[arg(long, env = "OPSTACK_COMPILED_DIR", value_name = "DIR")]
    pub compiled_dir: Option<PathBuf>,
    /// Objects of one kind that are worked on at once.
    #[arg(long, default_value_t = 8)]
    pub concurrency: usize,
    /// Every object is looked at again after so many seconds, even if nothing changed.
    #[arg(long, default_value = "36000", value_parser = clap::value_parser!(u64).range(1..))]
    pub resync_interval: u64,
    /// The compiler of plugins.
    #[command(flatten)]
    pub compiler: CompilerArgs,
    /// Leader election.
    #[command(flatten)]
    pub leader: LeaderArgs,
    /// The admin server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What is shared by all namespaces.
    #[command(flatten)]
    pub shared: SharedArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The compiler of plugins, which runs in a process of its own.
#[derive(Debug, clap::Args)]
pub struct CompilerArgs {
    /// Address space that compiling one plugin may take, in MiB; about half of it is used. Two are compiled at once.
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = clap::value_parser!(u32).range(64..))]
    pub compile_memory_mib: u32,
    /// Processor time that compiling one plugin may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub compile_seconds: u32,
}

impl CompilerArgs {
    /// This program as its own compiler: the file that runs, even where another has taken its place since.
    ///
    /// # Errors
    /// When the program can't tell where it is.
    pub fn compiler(&self) -> anyhow::Result<Compiler> {
        let running = PathBuf::from("/proc/self/exe");
        let program =
            if running.exists() { running } else { std::env::current_exe().context("failed to find this program")? };
        Ok(Compiler::Child(compile_worker::compiler(program, self.limits())))
    }

    fn limits(&self) -> CompileLimits {
        CompileLimits {
            memory: u64::from(self.compile_memory_mib) * 1024 * 1024,
            cpu_seconds: self.compile_seconds.into(),
        }
    }
}

/// What is shared by all namespaces.
#[derive(Debug, clap::Args)]
pub struct SharedArgs {
    /// Addresses that probes may ask although they are refused by default (loopback, link-local, metadata services, multicast, reserved, the operator's own) or by --probe-deny.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "OPSTACK_PROBE_ALLOW")]
    pub probe_allow: Vec<IpNet>,
    /// Addresses to which no URL of a user may lead, beside those that are refused by default. Services and pods of the cluster that objects name as such are asked all the same.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "OPSTACK_PROBE_DENY")]
    pub probe_deny: Vec<IpNet>,
    /// Addresses or names by which this operator itself is reached: no probe goes there.
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', env = "OPSTACK_OWN_ADDRESSES")]
    pub own_address: Vec<String>,
    /// Questions to chains in flight at once. One namespace alone gets half of them.
    #[arg(long, default_value = "128", value_parser = clap::value_parser!(u16).range(2..))]
    pub probe_slots: u16,
    /// How much one object, or all of a namespace, may want, as in `questions-per-namespace=2000`. There are children, secrets, questions, pointers, acts, events and answer-bytes, each -per-object and -per-namespace.
    #[arg(long, value_name = "NAME=NUMBER", value_delimiter = ',', env = "OPSTACK_BUDGET", value_parser = budget)]
    pub budget: Vec<String>,
}

impl SharedArgs {
    /// The budgets: by default, but for those that are set.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        // Each was found to be one when it was read.
        self.budget.iter().for_each(|setting| _ = limits.set(setting));
        limits
    }

    /// How much is kept of answers.
    pub fn kept(&self) -> Kept {
        let limit = self.limits().of(Item::AnswerBytes);
        Kept { per_object: limit.per_object, per_namespace: limit.per_namespace }
    }
}

fn budget(text: &str) -> Result<String, String> {
    Limits::default().set(text).map(|()| text.into()).map_err(|error| error.to_string())
}

/// Leader election.
#[derive(Debug, clap::Args)]
pub struct LeaderArgs {
    /// Write only while holding the Lease. Switch off for a single process in development.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_elect: bool,
    /// How long a term lasts without renewal, in seconds.
    #[arg(long, default_value = "15", value_parser = seconds)]
    pub lease_duration: Duration,
    /// Name under which the Lease is held; the host name where absent.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
}

/// The admin server.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Address of a page for browsers that shows what `opstack status` does, e.g. 127.0.0.1:8081; there is none where absent. It has no login: whoever reaches it reads names, columns and conditions of all namespaces.
    #[arg(long, value_name = "ADDRESS")]
    pub page: Option<SocketAddr>,
    /// Host names under which the page is visited, beside localhost and addresses. A browser that comes under another name was led here by a stranger's page.
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "OPSTACK_PAGE_HOSTS")]
    pub page_host: Vec<String>,
}

/// Logs and traces.
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// Format of the lines.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Filter, as in `info,opstack_operator=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
    /// OTLP endpoint (HTTP) for traces, e.g. http://collector:4318/v1/traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// The image of this version.
pub fn default_image() -> String {
    concat!("opstack:", env!("CARGO_PKG_VERSION")).into()
}

/// A name as a namespace may have it.
///
/// # Errors
/// Says what is allowed.
pub fn namespace(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = (1..=63).contains(&text.len()) && text.bytes().all(allowed);
    match is_label && !text.starts_with('-') && !text.ends_with('-') {
        true => Ok(text.into()),
        false => {
            Err("a namespace has at most 63 lower-case letters, digits and hyphens, and no hyphen at its ends".into())
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 2..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err("give whole seconds between 2 and 3600".into()),
    }
}

impl Args {
    /// Runs until the process is told to stop.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(crate::run::run(self))
    }
}
