//! Settings that a component inherits from its network, field by field: its own value, else the network's
//! `sharedConfig`, else the documented default.
//!
//! The `…Spec` types are what users write: every field is optional and has no default in the schema, because the
//! API server would otherwise fill a component's field before the network's could be inherited. The types without
//! `Spec` are the outcome.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::honoured::Honoured;
pub use super::resources::{Resources, ResourcesSpec};
use crate::answer::FieldError;
use crate::values::ListenAddress;

/// How much a program logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What a developer wants.
    Debug,
    /// What an operator wants.
    #[default]
    Info,
    /// What needs a look.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// The word that all programs of the OP Stack take.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON document a line.
    Json,
}

impl LogFormat {
    /// The word that all programs of the OP Stack take.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logfmt => "logfmt",
            Self::Json => "json",
        }
    }
}

/// Log settings, to be inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggingSpec {
    /// How much is logged. In the end: info.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Form of a line. In the end: logfmt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
    /// Colours, for terminals. In the end: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<bool>,
}

/// Log settings after inheritance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Logging {
    /// How much is logged.
    pub level: LogLevel,
    /// Form of a line.
    pub format: LogFormat,
    /// Colours.
    pub color: bool,
}

impl Logging {
    /// The component's own settings before those of its network.
    pub fn inherit(own: &LoggingSpec, network: &LoggingSpec) -> Self {
        Self {
            level: own.level.or(network.level).unwrap_or_default(),
            format: own.format.or(network.format).unwrap_or_default(),
            color: own.color.or(network.color).unwrap_or(false),
        }
    }
}

/// Metrics settings, to be inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// Whether metrics are served. In the end: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Address to listen on. In the end: 0.0.0.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<ListenAddress>,
    /// Port to listen on. In the end: 7300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Path for the scrape. In the end: /metrics; the programs written in Go answer on every path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^/"))]
    pub path: Option<String>,
}

/// Metrics settings after inheritance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Whether metrics are served.
    pub enabled: bool,
    /// Address to listen on.
    pub host: ListenAddress,
    /// Port to listen on.
    pub port: u16,
    /// Path for the scrape.
    pub path: String,
}

impl Metrics {
    /// The component's own settings before those of its network.
    pub fn inherit(own: &MetricsSpec, network: &MetricsSpec) -> Self {
        let host = own.host.as_ref().or(network.host.as_ref());
        let path = own.path.as_ref().or(network.path.as_ref());
        Self {
            enabled: own.enabled.or(network.enabled).unwrap_or(true),
            host: host.cloned().unwrap_or_else(ListenAddress::all),
            port: own.port.or(network.port).unwrap_or(7300),
            path: path.cloned().unwrap_or_else(|| "/metrics".into()),
        }
    }

    /// Whether anything outside the pod can scrape them.
    pub fn reachable(&self) -> bool {
        self.enabled && !self.host.is_loopback()
    }
}

/// Seccomp profile of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfile {
    /// In the end: RuntimeDefault.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SeccompKind>,
    /// File of the profile, for `Localhost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localhost_profile: Option<String>,
}

/// Kinds of seccomp profiles that a restricted namespace admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SeccompKind {
    /// The profile of the container runtime.
    #[default]
    RuntimeDefault,
    /// A file on the node.
    Localhost,
}

/// Identity of a pod's processes, to be inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecuritySpec {
    /// Refuse to start as root. In the end: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,
    /// User id. In the end: 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub run_as_user: Option<i64>,
    /// Group that owns the volumes. In the end: 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub fs_group: Option<i64>,
    /// Filter of system calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<SeccompProfile>,
}

impl SecuritySpec {
    /// Says what of this block, at `path`, has no effect.
    pub fn report(&self, path: &str, honoured: &mut Honoured) {
        let profile = self.seccomp_profile.as_ref();
        if profile
            .is_some_and(|profile| profile.localhost_profile.is_some() && profile.kind != Some(SeccompKind::Localhost))
        {
            honoured.refuse(
                format!("{path}.seccompProfile.localhostProfile"),
                "only a profile of the type Localhost is read from a file; set type: Localhost, or leave it out",
            );
        }
    }
}

/// Identity of a pod's processes after inheritance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// Refuse to start as root.
    pub run_as_non_root: bool,
    /// User id.
    pub run_as_user: i64,
    /// Group that owns the volumes.
    pub fs_group: i64,
    /// Kind of seccomp profile.
    pub seccomp: SeccompKind,
    /// File of the profile, for `Localhost`.
    pub localhost_profile: Option<String>,
}

impl Security {
    /// The component's own settings before those of its network.
    ///
    /// # Errors
    /// When the processes are root and must not be: no kubelet starts them.
    pub fn inherit(own: &SecuritySpec, network: &SecuritySpec) -> Result<Self, FieldError> {
        // The profile is one value: a type and its file belong together.
        let seccomp = own.seccomp_profile.as_ref().or(network.seccomp_profile.as_ref()).cloned().unwrap_or_default();
        let security = Self {
            run_as_non_root: own.run_as_non_root.or(network.run_as_non_root).unwrap_or(true),
            run_as_user: own.run_as_user.or(network.run_as_user).unwrap_or(1000),
            fs_group: own.fs_group.or(network.fs_group).unwrap_or(1000),
            seccomp: seccomp.kind.unwrap_or_default(),
            localhost_profile: seccomp.localhost_profile,
        };
        if security.run_as_non_root && security.run_as_user == 0 {
            let message =
                "0 is root, and runAsNonRoot is true, so that no container would start; write another id, such as 1000";
            return Err(FieldError::new("spec.security.runAsUser", message));
        }
        Ok(security)
    }
}

/// What a network shares with its components.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SharedConfig {
    /// Log settings.
    pub logging: LoggingSpec,
    /// Metrics settings.
    pub metrics: MetricsSpec,
    /// Requests and limits.
    pub resources: ResourcesSpec,
    /// Identity of the processes.
    pub security: SecuritySpec,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_goes_before_its_network_field_by_field() {
        let own = LoggingSpec { level: Some(LogLevel::Debug), ..Default::default() };
        let network = LoggingSpec { level: Some(LogLevel::Error), format: Some(LogFormat::Json), color: None };
        let logging = Logging::inherit(&own, &network);
        assert_eq!(logging, Logging { level: LogLevel::Debug, format: LogFormat::Json, color: false });
    }

    #[test]
    fn documented_defaults_come_last() {
        let metrics = Metrics::inherit(&MetricsSpec::default(), &MetricsSpec::default());
        assert_eq!((metrics.enabled, metrics.port, metrics.path.as_str()), (true, 7300, "/metrics"));
        let security = Security::inherit(&SecuritySpec::default(), &SecuritySpec::default()).unwrap();
        assert_eq!((security.run_as_user, security.fs_group, security.run_as_non_root), (1000, 1000, true));
        let root = SecuritySpec { run_as_user: Some(0), ..SecuritySpec::default() };
        let error = Security::inherit(&SecuritySpec::default(), &root).unwrap_err();
        assert_eq!(error.path, "spec.security.runAsUser");
        let meant = SecuritySpec { run_as_non_root: Some(false), ..root };
        assert_eq!(Security::inherit(&meant, &SecuritySpec::default()).unwrap().run_as_user, 0);
    }
}
