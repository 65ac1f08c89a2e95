//! Questions to the chain and side effects on it, as data. Who asks and acts is the shell.

use serde_json::Value;
use std::time::Duration;

use crate::ids::ObjectKey;

/// A key inside a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretKey {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub name: String,
    /// Key in its data.
    pub key: String,
}

/// Where a question or an action goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A Service.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Port of the Service.
        port: u16,
        /// Begins with `/`.
        path: String,
    },
    /// Each running pod of a workload.
    Pods {
        /// A Deployment or StatefulSet.
        workload: ObjectKey,
        /// Port of the pod.
        port: u16,
        /// Begins with `/`.
        path: String,
    },
    /// A plain URL.
    Url(String),
    /// A URL that is a secret.
    SecretUrl(SecretKey),
}

/// One JSON-RPC call.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcCall {
    /// e.g. `eth_chainId`.
    pub method: String,
    /// Array or object.
    pub params: Value,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// One batch.
    JsonRpc(Vec<RpcCall>),
    /// GET; status and body.
    HttpGet,
    /// GET of Prometheus text; these metrics.
    Metrics(Vec<String>),
}

/// A question asked again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Unique within an answer.
    pub id: String,
    /// Whom.
    pub target: Target,
    /// What.
    pub question: Question,
    /// How often; between [`MIN_INTERVAL`] and an hour.
    pub interval: Duration,
    /// How long to wait; at most [`MAX_TIMEOUT`].
    pub timeout: Duration,
    /// JSON pointers whose change wakes the object.
    pub wake_on: Vec<String>,
}

/// Lower intervals are raised to this.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Higher intervals are lowered to this.
pub const MAX_INTERVAL: Duration = Duration::from_secs(3600);
/// Higher timeouts are lowered to this.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(30);

impl Probe {
    /// The same probe with interval and timeout inside their bounds.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        self.interval = self.interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        self.timeout = self.timeout.clamp(Duration::from_millis(1), MAX_TIMEOUT);
        self
    }
}

/// What a probe found last.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Id of the probe.
    pub probe: String,
    /// Name of the pod for [`Target::Pods`], else empty.
    pub pod: String,
    /// Milliseconds since the Unix epoch.
    pub measured_at: u64,
    /// The last good answer is older than three intervals.
    pub stale: bool,
    /// JSON text, or why there is none.
    pub answer: Result<std::sync::Arc<str>, String>,
}

/// The fact an action rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Precondition {
    /// Asked again right before.
    pub call: RpcCall,
    /// JSON pointer into its result.
    pub pointer: String,
    /// What must be there.
    pub equals: Value,
}

/// A JSON-RPC call with a side effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Names this one act.
    pub id: String,
    /// Whom.
    pub target: Target,
    /// Which pod, for [`Target::Pods`].
    pub pod: Option<String>,
    /// What.
    pub call: RpcCall,
    /// Only if.
    pub precondition: Precondition,
    /// How long to wait.
    pub timeout: Duration,
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionOutcome {
    /// Which.
    pub id: String,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// The result as JSON text, or why it failed or was refused.
    pub outcome: Result<String, String>,
}
