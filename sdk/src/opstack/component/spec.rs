//! The fields that every component's spec has, written down once.

use k8s_openapi::api::core::v1::EnvVar;
use serde_json::Value;

use crate::opstack::endpoint::L1Spec;
use crate::opstack::policy::NetworkPolicySpec;
use crate::opstack::references::Reference;
use crate::opstack::resources::ResourcesSpec;
use crate::opstack::shared::{LoggingSpec, MetricsSpec, SecuritySpec};
use crate::opstack::signing::{PrivateKey, RemoteSigner};

/// The fields that `component_spec!` gives to every spec.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// `optimismNetworkRef`
    pub network: &'a Reference,
    /// `privateKey`
    pub private_key: Option<&'a PrivateKey>,
    /// `signer`
    pub signer: Option<&'a RemoteSigner>,
    /// `l1`
    pub l1: &'a L1Spec,
    /// `logging`
    pub logging: &'a LoggingSpec,
    /// `metrics`
    pub metrics: &'a MetricsSpec,
    /// `resources`
    pub resources: &'a ResourcesSpec,
    /// `security`
    pub security: &'a SecuritySpec,
    /// `networkPolicy`
    pub network_policy: &'a NetworkPolicySpec,
    /// `replicas`
    pub replicas: i32,
    /// `image`
    pub image: Option<&'a String>,
    /// `extraArgs`
    pub extra_args: &'a [String],
    /// `extraEnv`
    pub extra_env: &'a [EnvVar],
    /// `podTemplate`
    pub pod_template: &'a Value,
}

/// A struct with the fields given and those that every component has, and `common()` to read the latter.
#[macro_export]
macro_rules! component_spec {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$attribute:meta])* pub $field:ident : $type:ty ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The network that the component belongs to.
            pub optimism_network_ref: $crate::opstack::references::Reference,
            $( $(#[$attribute])* pub $field: $type, )*
            /// Key of the account on L1. Either this or `signer` is needed.
            #[serde(default)]
            pub private_key: Option<$crate::opstack::signing::PrivateKey>,
            /// Remote signer of the account on L1.
            #[serde(default)]
            pub signer: Option<$crate::opstack::signing::RemoteSigner>,
            /// L1 endpoints, where they differ from those of the network.
            #[serde(default)]
            pub l1: $crate::opstack::endpoint::L1Spec,
            /// Log settings; inherited from the network field by field.
            #[serde(default)]
            pub logging: $crate::opstack::shared::LoggingSpec,
            /// Metrics settings; inherited from the network field by field.
            #[serde(default)]
            pub metrics: $crate::opstack::shared::MetricsSpec,
            /// Requests and limits; inherited from the network key by key.
            #[serde(default)]
            pub resources: $crate::opstack::shared::ResourcesSpec,
            /// Identity of the processes; inherited from the network field by field.
            #[serde(default)]
            pub security: $crate::opstack::shared::SecuritySpec,
            /// Who may dial the program.
            #[serde(default)]
            pub network_policy: $crate::opstack::policy::NetworkPolicySpec,
            /// 0 stops the program and keeps everything else. More than one process with the same account would get
            /// in each other's way.
            #[serde(default = "one_replica")]
            pub replicas: $crate::values::Int<0, 1>,
            /// Image of the program; the release that the operator was made for where absent.
            #[serde(default)]
            pub image: Option<String>,
            /// Arguments after the rendered ones. No secrets: everybody who can read pods sees them.
            #[serde(default)]
            pub extra_args: Vec<String>,
            /// Environment beside the rendered one; an entry of the same name takes its place.
            #[serde(default)]
            #[schemars(schema_with = "opstack_sdk::opstack::overrides::env_schema")]
            pub extra_env: Vec<$crate::k8s_openapi::api::core::v1::EnvVar>,
            /// Merged over the pod template by the rules of a strategic merge patch.
            #[serde(default)]
            #[schemars(schema_with = "opstack_sdk::crd::any_object")]
            pub pod_template: $crate::serde_json::Value,
            /// Leaves everything of this object as it is.
            #[serde(default)]
            pub paused: bool,
        }

        fn one_replica() -> $crate::values::Int<0, 1> {
            $crate::values::Int::of(1)
        }

        impl $name {
            /// The fields that every component has.
            pub fn common(&self) -> $crate::opstack::component::Common<'_> {
                $crate::opstack::component::Common {
                    network: &self.optimism_network_ref,
                    private_key: self.private_key.as_ref(),
                    signer: self.signer.as_ref(),
                    l1: &self.l1,
                    logging: &self.logging,
                    metrics: &self.metrics,
                    resources: &self.resources,
                    security: &self.security,
                    network_policy: &self.network_policy,
                    replicas: if self.replicas.get() == 0 { 0 } else { 1 },
                    image: self.image.as_ref(),
                    extra_args: &self.extra_args,
                    extra_env: &self.extra_env,
                    pod_template: &self.pod_template,
                }
            }
        }
    };
}
