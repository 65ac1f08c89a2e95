//! The API server's audit log: what was asked, by whom, and what came of it.

mod event;

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

pub use self::event::{Event, Events};
use crate::options::AuditLevel;

/// A place in the audit log: what comes after it is younger than the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// A reader of the audit log.
///
/// A request is in the log when it has ended, so the events of a request whose answer a client has
/// read to its end are there; a watch is there from its start. Use [`AuditLog::wait_for`] for what
/// somebody else does at a time of its own.
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The log's file: one JSON object (`audit.k8s.io/v1`, Event) a line.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The present end of the log.
    pub fn mark(&self) -> Result<Mark> {
        Ok(Mark(self.open()?.metadata()?.len()))
    }

    /// All events.
    pub fn events(&self) -> Result<Events> {
        self.events_since(Mark(0))
    }

    /// The events that were logged after `mark`, in the order of the log.
    pub fn events_since(&self, mark: Mark) -> Result<Events> {
        let mut file = self.open()?;
        // One byte back: whether a line begins at the mark shows in the byte before it.
        file.seek(SeekFrom::Start(mark.0.saturating_sub(1)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        complete_lines(&bytes, mark.0 == 0)
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(Event::parse)
            .collect()
    }

    /// Waits until `is_enough` says so of the events since `mark`, and returns them.
    pub fn wait_for(
        &self,
        mark: Mark,
        timeout: Duration,
        mut is_enough: impl FnMut(&Events) -> bool,
    ) -> Result<Events> {
        let deadline = Instant::now() + timeout;
        loop {
            let events = self.events_since(mark)?;
            if is_enough(&events) {
                return Ok(events);
            }
            if Instant::now() >= deadline {
                bail!("not in the audit log after {timeout:?}; its writes:\n{}", events.writes());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path).with_context(|| format!("failed to open {}", self.path.display()))
    }
}

/// The lines that begin and end in `bytes`. Others are being written just now, or were when the mark
/// was taken: the latter belong to the time before it.
fn complete_lines(bytes: &[u8], starts_with_line: bool) -> &[u8] {
    let newline = |byte: &u8| *byte == b'\n';
    let start = if starts_with_line { Some(0) } else { bytes.iter().position(newline) };
    let end = bytes.iter().rposition(newline);
    start.zip(end).and_then(|(start, end)| bytes.get(start..=end)).unwrap_or_default()
}

pub(crate) fn path(home: &Path) -> PathBuf {
    home.join("audit.log")
}

/// The audit policy: everything but the questions for the server's health, which this crate itself
/// asks all the time.
pub(crate) fn policy(level: AuditLevel) -> Value {
    let level = match level {
        AuditLevel::Metadata => "Metadata",
        AuditLevel::Request => "Request",
        AuditLevel::RequestResponse => "RequestResponse",
    };
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"] },
            { "level": level },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_being_written_are_left_alone() {
        for (bytes, from_start, expected) in [
            ("a\nb\n", true, "a\nb\n"),
            ("a\nb\nc", true, "a\nb\n"),
            ("a", true, ""),
            ("", true, ""),
            // After a mark, the first byte is the one before it.
            ("\na\nb\n", false, "\na\nb\n"),
            ("d of a line\nb\nc", false, "\nb\n"),
            ("no end", false, ""),
        ] {
            let found = complete_lines(bytes.as_bytes(), from_start);
            assert_eq!(found, expected.as_bytes(), "{bytes:?}");
        }
    }
}
