//! `opstack fetch`: a file by URL with its digest checked, for init containers.

use anyhow::{Context as _, bail};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::Duration;

/// A server that says nothing for so long is given up: the kubelet starts the container again, and says so.
const PATIENCE: Duration = Duration::from_secs(60);

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
        self.run_within(PATIENCE)
    }

    fn run_within(&self, patience: Duration) -> anyhow::Result<()> {
        if std::fs::read(&self.to).is_ok_and(|bytes| self.matches(&bytes)) {
            return Ok(());
        }
        crate::run::install_crypto();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bytes = runtime.block_on(self.fetch(patience))?;
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

    async fn fetch(&self, patience: Duration) -> anyhow::Result<Vec<u8>> {
        // The URL may hold a key: errors must not repeat it.
        let failed =
            |error: reqwest::Error| anyhow::Error::new(error.without_url()).context("failed to fetch the file");
        let client = reqwest::Client::builder().connect_timeout(patience).read_timeout(patience).build();
        let answer = client.map_err(failed)?.get(&self.url).send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        Ok(answer.bytes().await.map_err(failed)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    const FILE: &str = "{\"genesis\":{}}";
    const KEY: &str = "an-api-key";

    /// Answers each path with the same bytes; `/silent` with none.
    fn serve() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reply = move |mut stream: TcpStream| {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let answer = |status: &str, length: usize, more: &str| {
                format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
            };
            let text = match request.split([' ', '/', '?']).nth(2).unwrap() {
                "file" => answer("200 OK", FILE.len(), "") + FILE,
                "truncated" => answer("200 OK", FILE.len() + 1, "") + FILE,
                "moved" => answer("302 Found", 0, "Location: /file\r\n"),
                "round" => answer("302 Found", 0, "Location: /round\r\n"),
                "failing" => answer("503 Service Unavailable", 0, ""),
                "silent" => return drop(lines.next()),
                _ => answer("404 Not Found", 9, "") + "not found",
            };
            stream.write_all(text.as_bytes()).unwrap();
        };
        thread::spawn(move || listener.incoming().for_each(|stream| _ = thread::spawn(move || reply(stream.unwrap()))));
        format!("http://{address}")
    }

    /// Fetches into a fresh directory. Gives the error, if there is one, and what is in the directory afterwards.
    fn fetched(url: String, digest: &str) -> (Option<String>, Vec<(String, String)>) {
        let directory = tempfile::tempdir().unwrap();
        let args = Args { url, sha256: digest.into(), to: directory.path().join("rollup.json") };
        // Only who never answers is not worth waiting for.
        let patience = if args.url.contains("/silent") { Duration::from_millis(100) } else { PATIENCE };
        let error = args.run_within(patience).err().map(|error| format!("{error:#}"));
        let entries = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
        let files = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()));
        (error, files.collect())
    }

    #[test]
    fn the_file_is_there_only_if_all_of_it_is_right() {
        let server = serve();
        let right = hex::encode(Sha256::digest(FILE));
        let there = vec![("rollup.json".to_string(), FILE.to_string())];
        assert_eq!(fetched(format!("{server}/file?{KEY}"), &right), (None, there.clone()));
        assert_eq!(fetched(format!("{server}/file?{KEY}"), &right.to_uppercase()), (None, there.clone()));
        assert_eq!(fetched(format!("{server}/moved?{KEY}"), &right), (None, there), "a redirection is followed");
        let wrong = "ab".repeat(32);
        for (path, digest, says) in [
            ("file", &wrong, format!("the file fetched has the SHA-256 {right}, not {wrong}")),
            ("none", &right, "404 Not Found".into()),
            ("failing", &right, "503 Service Unavailable".into()),
            ("truncated", &right, "end of file before message length reached".into()),
            ("round", &right, "too many redirects".into()),
            ("silent", &right, "timed out".into()),
        ] {
            let (error, files) = fetched(format!("{server}/{path}?{KEY}"), digest);
            let error = error.unwrap_or_else(|| panic!("{path}: no error"));
            assert!(error.contains(&says), "{path}: {error}");
            assert!(!error.contains(KEY), "{path}: {error}");
            assert!(files.is_empty(), "{path}: {files:?}");
        }
    }

    #[test]
    fn a_file_that_is_right_is_not_fetched_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), FILE).unwrap();
        let sha256 = hex::encode(Sha256::digest(FILE));
        // Nobody listens on port 9.
        let args = |sha256: String| Args { url: "http://127.0.0.1:9".into(), sha256, to: file.path().into() };
        args(sha256).run().unwrap();
        let error = format!("{:#}", args("ab".repeat(32)).run().unwrap_err());
        assert!(error.starts_with("failed to fetch the file: "), "{error}");
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), FILE);
    }
}
