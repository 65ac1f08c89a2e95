//! `opstack fetch`: a file by URL with its digest checked, for init containers.
//!
//! The bytes go to the disk as they come, and no more of them than is allowed. A connection that breaks is made again and goes on
//! where it was, as long as each one brings something new; the digest is that of all of it.

use anyhow::{Context as _, anyhow, bail};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

use super::aside::Aside;

/// How long a server is borne with.
#[derive(Clone, Copy)]
struct Patience {
    /// One that says nothing for so long is given up.
    silence: Duration,
    /// Between a connection that broke and the next.
    pause: Duration,
    /// So many connections in a row may bring nothing new; then the kubelet starts the container again, and says so.
    idle: u32,
}

const PATIENCE: Patience = Patience { silence: Duration::from_secs(60), pause: Duration::from_secs(2), idle: 5 };

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
    /// A larger file is refused, in MiB.
    #[arg(long, value_name = "MIB", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_mib: u32,
}

impl Args {
    /// Fetches.
    pub fn run(self) -> anyhow::Result<()> {
        self.run_within(PATIENCE)
    }

    fn run_within(&self, patience: Patience) -> anyhow::Result<()> {
        if digest_of(&self.to).is_ok_and(|digest| self.matches(&digest)) {
            return Ok(());
        }
        crate::run::install_crypto();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let what = || format!("failed to write {}", self.to.display());
        let mut download = Download::new(Aside::create(&self.to, 0o644).with_context(what)?, self.limit());
        runtime.block_on(self.fetch(&mut download, patience))?;
        let Download { file, hasher, .. } = download;
        let digest = hex::encode(hasher.finalize());
        if !self.matches(&digest) {
            bail!("the file fetched has the SHA-256 {digest}, not {}", self.sha256);
        }
        file.put().with_context(what)
    }

    fn matches(&self, digest: &str) -> bool {
        digest.eq_ignore_ascii_case(&self.sha256)
    }

    /// Bytes.
    fn limit(&self) -> u64 {
        u64::from(self.max_mib) * 1024 * 1024
    }

    async fn fetch(&self, download: &mut Download, patience: Patience) -> anyhow::Result<()> {
        let client = Client::builder().connect_timeout(patience.silence).read_timeout(patience.silence).build();
        let client = client.map_err(broken)?;
        let (mut reached, mut idle) = (0, 0);
        loop {
            let error = match self.go_on(&client, download).await {
                Ok(()) => return Ok(()),
                Err(Interrupted::ForGood(error)) => return Err(error),
                Err(Interrupted::Broken(error)) => error,
            };
            idle = if download.length > reached { 0 } else { idle + 1 };
            reached = reached.max(download.length);
            // A server that never sent anything is not worth waiting for.
            if reached == 0 || idle >= patience.idle {
                return Err(error);
            }
            eprintln!("opstack: {error:#}; going on after {} bytes", download.length);
            sleep(patience.pause).await;
        }
    }

    /// Fetches what is missing, by one connection.
    async fn go_on(&self, client: &Client, download: &mut Download) -> Result<(), Interrupted> {
        let mut request = client.get(&self.url);
        if download.length > 0 {
            request = request.header(RANGE, format!("bytes={}-", download.length));
            if let Some(version) = &download.version {
                request = request.header(IF_RANGE, version);
            }
        }
        let mut answer = request.send().await.map_err(|error| Interrupted::Broken(broken(error)))?;
        download.begin(&answer)?;
        while let Some(bytes) = answer.chunk().await.map_err(|error| Interrupted::Broken(broken(error)))? {
            download.take(&bytes)?;
        }
        Ok(())
    }
}

/// The URL may hold a key: errors must not repeat it.
fn broken(error: reqwest::Error) -> anyhow::Error {
    anyhow::Error::new(error.without_url()).context("failed to fetch the file")
}

/// Why a connection did not bring the rest of the file.
enum Interrupted {
    /// Another one may.
    Broken(anyhow::Error),
    /// None will.
    ForGood(anyhow::Error),
}

impl From<std::io::Error> for Interrupted {
    fn from(error: std::io::Error) -> Self {
        Self::ForGood(anyhow::Error::new(error).context("failed to write the file"))
    }
}

/// What has come so far.
struct Download {
    file: Aside,
    hasher: Sha256,
    length: u64,
    limit: u64,
    /// What the server calls the version that these bytes are of.
    version: Option<HeaderValue>,
}

impl Download {
    fn new(file: Aside, limit: u64) -> Self {
        Self { file, hasher: Sha256::new(), length: 0, limit, version: None }
    }

    /// Looks at what a server is about to send: the rest, or all of it once more.
    fn begin(&mut self, answer: &Response) -> Result<(), Interrupted> {
        let status = answer.status();
        if status == StatusCode::PARTIAL_CONTENT && first_byte(answer.headers()) == Some(self.length) {
            return self.allow(answer.content_length().unwrap_or(0));
        }
        // Whatever else there is of an answer, it is none to go on with.
        let is_begun = self.length > 0;
        self.file.clear()?;
        (self.hasher, self.length) = (Sha256::new(), 0);
        if status == StatusCode::OK {
            self.version = version(answer.headers());
            return self.allow(answer.content_length().unwrap_or(0));
        }
        let error = anyhow!("failed to fetch the file: the server answers {status}");
        Err(if is_begun { Interrupted::Broken(error) } else { Interrupted::ForGood(error) })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Interrupted> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.allow(more)?;
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length += more;
        Ok(())
    }

    fn allow(&self, more: u64) -> Result<(), Interrupted> {
        if self.length.saturating_add(more) <= self.limit {
            return Ok(());
        }
        let mib = self.limit / (1024 * 1024);
        Err(Interrupted::ForGood(anyhow!("the file is larger than the {mib} MiB that --max-mib allows")))
    }
}

/// `100` of `Content-Range: bytes 100-199/200`.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// What can be told of a version to a server that is asked for the rest of it.
fn version(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    tag.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

fn digest_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests;
