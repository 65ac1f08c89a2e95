//! Who signs a component's transactions on L1: a key in a Secret, or a remote signer.
//!
//! The key goes from its Secret into the program's environment without ever passing through a plugin. What a plugin
//! sees are facts about it: enough to refuse a key that the program would choke on, and to restart the pod when it
//! is rotated.

use k8s_openapi::api::core::v1::{EnvVar, SecretVolumeSource, Volume, VolumeMount};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::secret_env;
use super::references::{SecretFacts, SecretKeyRef, secret_facts};
use super::status::PRIVATE_KEY_LOADED;
use crate::answer::{Condition, Failure};
use crate::cluster::Context;
use crate::kubernetes::mount_read_only;
use crate::values::Address;

/// A private key in a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKey {
    /// Where the key is: 32 bytes in hexadecimal, with or without `0x`.
    pub secret_ref: SecretKeyRef,
}

/// A remote signer that speaks `eth_signTransaction`, such as op-signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteSigner {
    /// URL of the signer.
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub endpoint: String,
    /// Account that it signs for.
    pub address: Address,
    /// Client certificate. Without one the connection is not authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SignerTls>,
}

/// A client certificate in a Secret of the same namespace, as cert-manager makes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignerTls {
    /// Name of the Secret.
    pub secret_name: String,
    /// Key of the authority's certificate.
    #[serde(default = "ca_crt")]
    pub ca_key: String,
    /// Key of the client's certificate.
    #[serde(default = "tls_crt")]
    pub cert_key: String,
    /// Key of the client's private key.
    #[serde(default = "tls_key")]
    pub private_key_key: String,
}

fn ca_crt() -> String {
    "ca.crt".into()
}

fn tls_crt() -> String {
    "tls.crt".into()
}

fn tls_key() -> String {
    "tls.key".into()
}

/// Who signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// A key that is there and well formed.
    Key(SecretKeyRef, SecretFacts),
    /// A remote signer, with the fingerprint of its client certificate.
    Remote(RemoteSigner, Option<String>),
}

/// How a program is told whether it speaks TLS with a remote signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsSwitch {
    /// By `--signer.tls.enabled`.
    #[default]
    Flag,
    /// Programs from before that flag (v1.9.4 of October 2024 and older) do, unless the paths of all three files are empty.
    Paths,
}

/// Why nobody can sign yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSigner {
    /// A Secret or a key in it does not exist; names it.
    Missing(String),
    /// The value is no private key; says how it differs, without showing it.
    Malformed(String),
}

const TLS_VOLUME: &str = "signer-tls";
const TLS_PATH: &str = "/etc/opstack/signer-tls";

impl Signing {
    /// Finds the signer of an object in `namespace`.
    ///
    /// # Errors
    /// The outer one when the spec names no signer or two, or a lookup fails; the inner one when what it names is
    /// not there.
    pub fn find(
        cx: &Context<'_>,
        namespace: &str,
        key: Option<&PrivateKey>,
        signer: Option<&RemoteSigner>,
    ) -> Result<Result<Self, NoSigner>, Failure> {
        let found = match (key, signer) {
            (Some(_), Some(_)) => {
                return Err(Failure::invalid("spec.signer", "privateKey is given too; keep one of the two"));
            }
            (None, None) => {
                let message = "nobody signs: set spec.privateKey.secretRef, or spec.signer for a remote signer";
                return Err(Failure::invalid("spec.privateKey", message));
            }
            (Some(key), None) => Self::key(cx, namespace, &key.secret_ref),
            (None, Some(signer)) => Self::remote(cx, namespace, signer),
        };
        match found {
            Err(Failure::Waiting(what)) => Ok(Err(NoSigner::Missing(what))),
            Err(failure) => Err(failure),
            Ok(found) => Ok(found),
        }
    }

    fn key(cx: &Context<'_>, namespace: &str, secret: &SecretKeyRef) -> Result<Result<Self, NoSigner>, Failure> {
        let facts = secret_facts(cx, namespace, secret)?;
        let malformed = |how: &str| {
            let SecretKeyRef { name, key } = secret;
            Err(NoSigner::Malformed(format!(
                "key {key} in Secret {namespace}/{name} {how}; write 64 hexadecimal digits, with or without 0x, and nothing else"
            )))
        };
        Ok(if !facts.hex32 {
            malformed(&format!("holds {} bytes, which are not a private key", facts.length))
        } else if facts.address.is_none() {
            malformed("is not a key on the curve secp256k1")
        } else if ![64, 66].contains(&facts.length) {
            // The programs strip a leading 0x and nothing else (op-service/crypto).
            malformed("has blanks or a line break around the private key, which the program refuses")
        } else {
            Ok(Self::Key(secret.clone(), facts))
        })
    }

    fn remote(cx: &Context<'_>, namespace: &str, signer: &RemoteSigner) -> Result<Result<Self, NoSigner>, Failure> {
        let Some(tls) = &signer.tls else { return Ok(Ok(Self::Remote(signer.clone(), None))) };
        let mut fingerprints = String::new();
        for key in [&tls.ca_key, &tls.cert_key, &tls.private_key_key] {
            let secret = SecretKeyRef { name: tls.secret_name.clone(), key: key.clone() };
            fingerprints += &secret_facts(cx, namespace, &secret)?.fingerprint;
            fingerprints.push(' ');
        }
        Ok(Ok(Self::Remote(signer.clone(), Some(fingerprints))))
    }

    /// The account on L1.
    pub fn address(&self) -> Option<String> {
        match self {
            Self::Key(_, facts) => facts.address.clone(),
            Self::Remote(signer, _) => Some(signer.address.to_string()),
        }
    }

    /// Changes when the key or the client certificate does.
    pub fn fingerprint(&self) -> &str {
        match self {
            Self::Key(_, facts) => &facts.fingerprint,
            Self::Remote(_, fingerprint) => fingerprint.as_deref().unwrap_or_default(),
        }
    }

    /// The environment of a program whose variables begin with `prefix`: `<prefix>_PRIVATE_KEY`.
    pub fn env(&self, prefix: &str) -> Option<EnvVar> {
        match self {
            Self::Key(secret, _) => Some(secret_env(&format!("{prefix}_PRIVATE_KEY"), secret)),
            Self::Remote(..) => None,
        }
    }

    /// Flags of `op-service/signer/cli.go` and `op-service/tls/cli.go` (v1.9.3, v1.16.13, v1.19.6).
    pub fn args(&self, switch: TlsSwitch) -> Vec<String> {
        let Self::Remote(signer, _) = self else { return vec![] };
        let mut args =
            vec![format!("--signer.endpoint={}", signer.endpoint), format!("--signer.address={}", signer.address)];
        if switch == TlsSwitch::Flag {
            args.push(format!("--signer.tls.enabled={}", signer.tls.is_some()));
        }
        let files = |ca: &str, cert: &str, key: &str| {
            [format!("--signer.tls.ca={ca}"), format!("--signer.tls.cert={cert}"), format!("--signer.tls.key={key}")]
        };
        let mounted = |file: &str| format!("{TLS_PATH}/{file}");
        match (&signer.tls, switch) {
            (Some(tls), _) => {
                args.extend(files(&mounted(&tls.ca_key), &mounted(&tls.cert_key), &mounted(&tls.private_key_key)));
            }
            (None, TlsSwitch::Paths) => args.extend(files("", "", "")),
            (None, TlsSwitch::Flag) => {}
        }
        args
    }

    /// The volume with the client certificate, and where it is mounted.
    pub fn volume(&self) -> Option<(Volume, VolumeMount)> {
        let Self::Remote(RemoteSigner { tls: Some(tls), .. }, _) = self else { return None };
        let source = SecretVolumeSource {
            secret_name: Some(tls.secret_name.clone()),
            default_mode: Some(0o440),
            ..Default::default()
        };
        let volume = Volume { name: TLS_VOLUME.into(), secret: Some(source), ..Default::default() };
        Some((volume, mount_read_only(TLS_VOLUME, TLS_PATH)))
    }
}

/// The condition `PrivateKeyLoaded`.
pub fn condition(signing: &Result<Signing, NoSigner>) -> Condition {
    match signing {
        Ok(Signing::Key(secret, facts)) => {
            let address = facts.address.as_deref().unwrap_or("unknown");
            let message = format!("private key loaded from Secret {}; its account is {address}", secret.name);
            Condition::yes(PRIVATE_KEY_LOADED, "SecretFound", message)
        }
        Ok(Signing::Remote(signer, _)) => {
            let message = format!("transactions are signed remotely for {}", signer.address);
            Condition::yes(PRIVATE_KEY_LOADED, "RemoteSigner", message)
        }
        Err(NoSigner::Missing(what)) => {
            Condition::no(PRIVATE_KEY_LOADED, "SecretMissing", format!("waiting for {what}"))
        }
        Err(NoSigner::Malformed(how)) => Condition::no(PRIVATE_KEY_LOADED, "KeyMalformed", how),
    }
}
