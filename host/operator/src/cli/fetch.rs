//! `opstack fetch`: a file by URL with its digest checked, for init containers.

use anyhow::{Context as _, bail};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Fetch a file and check its digest, as an init container.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where from (http or https).
    #[arg(long)]
    url: String,
    /// SHA-256 that the file must have, in hexadecimal.
    #[arg(long)]
    sha256: String,
    /// File to write; left alone if it has the digest already.
    #[arg(long)]
    to: PathBuf,
}

impl Args {
    /// Fetches.
    pub fn run(self) -> anyhow::Result<()> {
        if std::fs::read(&self.to).is_ok_and(|bytes| self.matches(&bytes)) {
            return Ok(());
        }
        crate::run::install_crypto();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bytes = runtime.block_on(self.fetch())?;
        if !self.matches(&bytes) {
            bail!("the file fetched has the SHA-256 {}, not {}", hex::encode(Sha256::digest(&bytes)), self.sha256);
        }
        // Never leave half a file behind.
        let partial = self.to.with_extension("partial");
        std::fs::write(&partial, bytes).with_context(|| format!("failed to write {}", partial.display()))?;
        std::fs::rename(&partial, &self.to).with_context(|| format!("failed to write {}", self.to.display()))
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        hex::encode(Sha256::digest(bytes)).eq_ignore_ascii_case(&self.sha256)
    }

    async fn fetch(&self) -> anyhow::Result<Vec<u8>> {
        // The URL may hold a key: errors must not repeat it.
        let answer = reqwest::get(&self.url).await.map_err(reqwest::Error::without_url).context("failed to fetch")?;
        let answer = answer.error_for_status().map_err(reqwest::Error::without_url).context("failed to fetch")?;
        Ok(answer.bytes().await.map_err(reqwest::Error::without_url).context("failed to fetch")?.to_vec())
    }
}
