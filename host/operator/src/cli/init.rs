//! `opstack init`: what init containers need, without a shell and without openssl.

use anyhow::{Context as _, bail};
use clap::Subcommand;
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::aside::Aside;

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
            Self::Jwt { to } if is_jwt(&to) => Ok(()),
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

/// Puts a file in its place, whatever is there: an init container may run again over what it has left.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    // The containers of the pod share its group.
    let written = Aside::create(path, 0o440).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.put()
    });
    written.with_context(|| format!("failed to write {}", path.display()))
}

/// The JWT that a run before this one wrote: the containers of the pod may hold it already.
fn is_jwt(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| <[u8; 32]>::try_from(hex::decode(text).unwrap_or_default()).is_ok())
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

    /// A privileged user opens any file: that the file is replaced and never opened shows in its number.
    fn number(path: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o440);
        metadata.ino()
    }

    #[test]
    fn a_second_run_replaces_what_the_first_one_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write(&path, "first").unwrap();
        let first = number(&path);
        write(&path, "first").unwrap();
        assert_eq!(number(&path), first, "it is as it should be");
        std::fs::write(dir.path().join("key.partial"), "a run that was killed left this").unwrap();
        write(&path, "second").unwrap();
        assert_ne!(number(&path), first, "a file of mode 0440 can't be opened for writing");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_second_run_keeps_the_jwt_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("jwt");
        let read = || std::fs::read_to_string(&to).unwrap();
        Command::Jwt { to: to.clone() }.run().unwrap();
        let first = read();
        Command::Jwt { to: to.clone() }.run().unwrap();
        assert_eq!(read(), first);
        std::fs::remove_file(&to).unwrap();
        std::fs::write(&to, "damaged").unwrap();
        Command::Jwt { to: to.clone() }.run().unwrap();
        assert!(is_jwt(&to) && read() != first);
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
