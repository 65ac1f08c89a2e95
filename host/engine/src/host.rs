//! What a plugin may ask of the host while it runs, and the state of one call.

use opstack_core::answer::Failure;
use opstack_core::ids::Gvk;
use std::borrow::Cow;
use std::sync::Arc;
use wasmtime::Result;

use crate::contract::{cluster, execution_clients, log, probes, types};
use crate::limits::{Limiter, Limits};
use crate::translate;

/// The imports of the contract, as the engine's user answers them. Answers come from memory: they don't wait.
pub trait Host: Send {
    /// `cluster.get`
    ///
    /// # Errors
    /// When the plugin may not ask that; the call ends with its fault.
    fn get(&mut self, kind: &Gvk, namespace: Option<&str>, name: &str) -> Result<Option<Arc<str>>, Denied>;

    /// `cluster.list`
    ///
    /// # Errors
    /// As [`Self::get`].
    fn list(&mut self, kind: &Gvk, namespace: Option<&str>, selector: &str) -> Result<Vec<Arc<str>>, Denied>;

    /// `execution-clients.render`
    ///
    /// # Errors
    /// What the client's plugin answers.
    fn render_client(&mut self, client: &str, request: &str) -> Result<String, Failure>;

    /// `log.write`
    fn log(&mut self, level: LogLevel, message: &str);
}

/// The plugin asked for something that it is not granted; says what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(pub String);

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `trace`
    Trace,
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

/// A host for calls that must not ask anything, such as `describe`; its log goes to the process's own.
pub(crate) struct Nobody {
    plugin: String,
}

impl Nobody {
    /// For a plugin by its name, or by its digest as long as it has not said its name.
    pub(crate) fn new(plugin: &str) -> Self {
        Self { plugin: plugin.into() }
    }
}

impl Host for Nobody {
    fn get(&mut self, _: &Gvk, _: Option<&str>, _: &str) -> Result<Option<Arc<str>>, Denied> {
        Err(Denied("it looked something up where that is not allowed".into()))
    }

    fn list(&mut self, _: &Gvk, _: Option<&str>, _: &str) -> Result<Vec<Arc<str>>, Denied> {
        Err(Denied("it looked something up where that is not allowed".into()))
    }

    fn render_client(&mut self, _: &str, _: &str) -> Result<String, Failure> {
        Err(Failure::Other("execution clients can't be asked here".into()))
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        tracing::debug!(plugin = self.plugin, ?level, "{message}");
    }
}

/// Bytes of log that are kept of one call.
const LOG_BYTES: usize = 64 * 1024;
/// Characters of the last error that a fault repeats.
const SAID: usize = 500;

/// The state of one call.
pub(crate) struct State {
    host: Box<dyn Host>,
    pub(crate) limiter: Limiter,
    log_left: usize,
    log_dropped: usize,
    /// The last error that the guest logged: usually why it then panicked.
    pub(crate) last_error: Option<String>,
}

impl State {
    pub(crate) fn new(host: Box<dyn Host>, limits: &Limits) -> Self {
        Self { host, limiter: Limiter::new(limits), log_left: LOG_BYTES, log_dropped: 0, last_error: None }
    }

    /// Tells what was left out of the log.
    pub(crate) fn close(&mut self) {
        if self.log_dropped > 0 {
            let message = format!("{} log lines were dropped: a call may log {LOG_BYTES} bytes", self.log_dropped);
            self.host.log(LogLevel::Warn, &message);
        }
    }
}

impl types::Host for State {}
impl probes::Host for State {}

impl cluster::Host for State {
    fn get(&mut self, object: types::ObjectRef) -> Result<Option<String>> {
        let gvk = translate::gvk(&object.kind);
        let found = self.host.get(&gvk, object.namespace.as_deref(), &object.name);
        Ok(found?.map(|json| json.to_string()))
    }

    fn list(&mut self, kind: types::KindRef, namespace: Option<String>, selector: String) -> Result<Vec<String>> {
        let found = self.host.list(&translate::gvk(&kind), namespace.as_deref(), &selector);
        Ok(found?.iter().map(ToString::to_string).collect())
    }
}

impl execution_clients::Host for State {
    fn render(&mut self, client: String, request: String) -> Result<Result<String, types::Failure>> {
        Ok(self.host.render_client(&client, &request).map_err(translate::failure_to_guest))
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        let message = plain(&message);
        if matches!(level, log::Level::Error) {
            self.last_error = Some(message.chars().take(SAID).collect());
        }
        match self.log_left.checked_sub(message.len().max(1)) {
            Some(left) => {
                self.log_left = left;
                self.host.log(translate::level(level), &message);
            }
            None => self.log_dropped += 1,
        }
        Ok(())
    }
}

/// One line without control characters: a guest must not forge lines of the host's log, or move a terminal's cursor.
fn plain(message: &str) -> Cow<'_, str> {
    if !message.contains(char::is_control) {
        return Cow::Borrowed(message);
    }
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    Cow::Owned(message.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(plain("é and \"quotes\""), "é and \"quotes\"");
        assert_eq!(plain("a\nERROR b\u{1b}[2J"), "a\\nERROR b\\u{1b}[2J");
    }
}
