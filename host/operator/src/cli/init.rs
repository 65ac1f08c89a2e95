//! `opstack init`: what init containers need, without a shell and without openssl.

use anyhow::{Context as _, bail};
use clap::Subcommand;
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Prepare files inside a pod, as an init container.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write 32 fresh random bytes in hexadecimal: an engine JWT that lives as long as the pod.
    Jwt {
        /// File to write.
        #[arg(long)]
        to: PathBuf,
    },
    /// Write a p2p key derived from a root key, the namespace and the pod's name: the same identity wherever the pod runs.
    P2pKey {
        /// Environment variable that holds the root key.
        #[arg(long, default_value = "P2P_ROOT_KEY")]
        root_env: String,
        /// Environment variable that holds the namespace.
        #[arg(long, default_value = "POD_NAMESPACE")]
        namespace_env: String,
        /// Environment variable that holds the pod's name.
        #[arg(long, default_value = "POD_NAME")]
        pod_env: String,
        /// File to write.
        #[arg(long)]
        to: PathBuf,
    },
}

impl Command {
    /// Writes the file.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Jwt { to } => {
                let mut bytes = [0u8; 32];
                rand::rngs::OsRng.try_fill_bytes(&mut bytes).context("failed to get random bytes")?;
                write(&to, &hex::encode(bytes))
            }
            Self::P2pKey { root_env, namespace_env, pod_env, to } => {
                let variable = |name: &str| {
                    std::env::var(name).with_context(|| format!("the environment variable {name} is not set"))
                };
                write(&to, &derive(&variable(&root_env)?, &variable(&namespace_env)?, &variable(&pod_env)?)?)
            }
        }
    }
}

/// SHA-256 over `ROOT-NAMESPACE-POD` and a newline, as the VSL charts derive it, in hexadecimal.
///
/// # Errors
/// When the root holds what a shell would have changed on its way, so that other tools would derive another key.
pub fn derive(root: &str, namespace: &str, pod: &str) -> anyhow::Result<String> {
    if root.is_empty() || root.chars().any(|c| c.is_whitespace() || "*?[]\\".contains(c)) {
        bail!(
            "the root key is empty or holds blanks or one of * ? [ ] \\; use letters, digits and punctuation other than these"
        );
    }
    Ok(hex::encode(Sha256::digest(format!("{root}-{namespace}-{pod}\n"))))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    // The containers of the pod share its group.
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o440)
        .open(path)
        .with_context(|| format!("failed to open {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::facts::Identity;

    #[test]
    fn derived_keys_are_those_of_the_charts() {
        let key = derive("root", "default", "vsl-sequencer-0").unwrap();
        assert_eq!(key, "98fd8aff6b44a4ba3508da05fcce2932ca148b6264916d92945f871e93043589");
        assert_ne!(derive("root", "default", "vsl-sequencer-1").unwrap(), key);
        assert!(derive("ro ot", "default", "a").is_err());
        assert!(derive("", "default", "a").is_err());
    }

    #[test]
    fn another_root_namespace_or_pod_is_another_identity() {
        let keys = ["root", "other"].into_iter().flat_map(|root| {
            let pods = [("default", "node-0"), ("default", "node-1"), ("chains", "node-0"), ("chains", "node-1")];
            pods.map(|(namespace, pod)| derive(root, namespace, pod).unwrap())
        });
        let ids = keys.map(|key| Identity::of(&hex::decode(key).unwrap()).unwrap().peer_id);
        assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 8);
    }
}
