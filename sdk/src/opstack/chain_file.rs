//! The two files of a chain, `rollup.json` and `genesis.json`: where they come from, and where consumers find them.

use k8s_openapi::api::core::v1::ConfigMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::references::ConfigMapKeyRef;
use crate::answer::Failure;
use crate::cluster::Context;

/// Sources of a file. Several may be given; the first of inline, configMapRef, url, autoDiscover counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigSource {
    /// The file itself, for small ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// A ConfigMap in the network's namespace, for files below a mebibyte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapKeyRef>,
    /// Downloaded into the pod; for files of any size. Needs `sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub url: Option<String>,
    /// Digest of the file at `url`: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    pub sha256: Option<String>,
    /// Found by itself: a chain of the superchain registry is known to the programs by its name. Of another chain the
    /// rollup configuration is taken from a running op-node; a genesis can't be asked for by any RPC.
    pub auto_discover: bool,
}

impl Default for ConfigSource {
    fn default() -> Self {
        Self { inline: None, config_map_ref: None, url: None, sha256: None, auto_discover: true }
    }
}

/// The source that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// In the spec.
    Inline(&'a str),
    /// In a ConfigMap of the network's namespace.
    ConfigMap(&'a ConfigMapKeyRef),
    /// At a URL; the digest is checked.
    Url {
        /// Where.
        url: &'a str,
        /// What it must hash to.
        sha256: Option<&'a str>,
    },
    /// To be found.
    Auto,
    /// Nowhere: not even `autoDiscover` is on.
    None,
}

impl ConfigSource {
    /// The source that counts.
    pub fn chosen(&self) -> Source<'_> {
        let given = |text: &'_ &String| !text.trim().is_empty();
        if let Some(text) = self.inline.as_ref().filter(given) {
            Source::Inline(text)
        } else if let Some(reference) = &self.config_map_ref {
            Source::ConfigMap(reference)
        } else if let Some(url) = &self.url {
            Source::Url { url, sha256: self.sha256.as_deref() }
        } else if self.auto_discover {
            Source::Auto
        } else {
            Source::None
        }
    }

    /// Names of the explicit sources, in order of precedence.
    pub fn given(&self) -> Vec<&'static str> {
        let sources = [
            ("inline", self.inline.as_ref().is_some_and(|text| !text.trim().is_empty())),
            ("configMapRef", self.config_map_ref.is_some()),
            ("url", self.url.is_some()),
        ];
        sources.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Field of the network's spec.
    pub field: &'static str,
    /// The published ConfigMap is `<network>-<suffix>`.
    pub suffix: &'static str,
    /// Key in it, and name of the file where it is mounted.
    pub key: &'static str,
}

/// The rollup configuration.
pub const ROLLUP_CONFIG: File = File { field: "rollupConfig", suffix: "rollup-config", key: "rollup.json" };
/// The genesis.
pub const GENESIS: File = File { field: "l2Genesis", suffix: "genesis", key: "genesis.json" };

/// The chain configuration of the L1, needed where the L1 is none that the programs know.
pub const L1_CHAIN_CONFIG: File =
    File { field: "l1ChainConfig", suffix: "l1-chain-config", key: "l1-chain-config.json" };

/// Where a consumer finds a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainFile {
    /// The programs know the chain by this name (`--network`): no file is needed.
    Registry(String),
    /// Published in a ConfigMap of the network's namespace.
    Published {
        /// Name of the ConfigMap.
        config_map: String,
        /// Key in it.
        key: &'static str,
        /// The file, for hashes and for copies into other namespaces.
        text: String,
    },
    /// To be downloaded and checked by the consumer's pod.
    Url {
        /// Where.
        url: String,
        /// What it must hash to.
        sha256: String,
    },
}

impl File {
    /// Name of the ConfigMap that a network's plugin publishes.
    pub fn config_map(&self, network: &str) -> String {
        format!("{network}-{}", self.suffix)
    }

    /// Where a consumer of the network finds the file.
    ///
    /// # Errors
    /// `waiting` when the network's plugin has not published it (or can't: its conditions say why).
    pub fn locate(&self, cx: &Context<'_>, network: &Network, source: &ConfigSource) -> Result<ChainFile, Failure> {
        let title = network.title();
        match source.chosen() {
            Source::Url { url, sha256: Some(sha256) } => {
                Ok(ChainFile::Url { url: url.into(), sha256: sha256.to_lowercase() })
            }
            Source::Url { .. } => Err(Failure::waiting(format!("spec.{}.sha256 of {title}", self.field))),
            Source::Inline(_) | Source::ConfigMap(_) => self.published(cx, network),
            Source::Auto | Source::None => match network.spec.registry_name() {
                Some(name) => Ok(ChainFile::Registry(name.into())),
                None if *self == ROLLUP_CONFIG && source.auto_discover => self.published(cx, network),
                None => Err(Failure::waiting(format!(
                    "spec.{} of {title}: the chain is not one of the superchain registry, so it needs inline, configMapRef or url",
                    self.field
                ))),
            },
        }
    }

    fn published(&self, cx: &Context<'_>, network: &Network) -> Result<ChainFile, Failure> {
        let config_map = self.config_map(&network.name);
        let map = cx.built_in::<ConfigMap>(&network.namespace, &config_map)?;
        let text = map.and_then(|map| map.data).and_then(|mut data| data.remove(self.key));
        let text = text.ok_or_else(|| {
            Failure::waiting(format!(
                "key {} in ConfigMap {}/{config_map}, which the plugin of {} publishes once the file is valid",
                self.key,
                network.namespace,
                network.title()
            ))
        })?;
        Ok(ChainFile::Published { config_map, key: self.key, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_goes_before_a_reference_before_a_url_before_discovery() {
        let mut source = ConfigSource {
            inline: Some("{}".into()),
            config_map_ref: Some(ConfigMapKeyRef { name: "a".into(), key: "b".into() }),
            url: Some("https://example.org/rollup.json".into()),
            ..Default::default()
        };
        assert_eq!(source.given(), ["inline", "configMapRef", "url"]);
        assert_eq!(source.chosen(), Source::Inline("{}"));
        source.inline = Some(" \n".into());
        assert!(matches!(source.chosen(), Source::ConfigMap(_)));
        source.config_map_ref = None;
        assert!(matches!(source.chosen(), Source::Url { sha256: None, .. }));
        source.url = None;
        assert_eq!(source.chosen(), Source::Auto);
        source.auto_discover = false;
        assert_eq!(source.chosen(), Source::None);
    }
}
