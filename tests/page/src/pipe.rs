//! The DevTools protocol through a pipe: messages in JSON, a zero byte behind each.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Chromium reads messages from descriptor 3 and writes them to 4; ours are its standard input and output.
const SCRIPT: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >&2"#;
/// An answer to any message comes within it, on a busy machine too.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A running browser and the pipe to it. Dropping it kills the browser.
pub struct Pipe {
    child: Child,
    input: Box<dyn Write + Send>,
    messages: Receiver<Value>,
    next: u64,
    /// What happened while an answer was waited for.
    events: Vec<Value>,
}

impl Pipe {
    /// Starts a browser.
    pub fn start(program: &Path, arguments: &[String]) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(program).arg("--remote-debugging-pipe").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            control_plane::spawn(command).with_context(|| format!("failed to start {}", program.display()))?;
        let input = child.stdin.take().context("a pipe to the browser")?;
        let output = child.stdout.take().context("a pipe from the browser")?;
        Ok(Self { child, input: Box::new(input), messages: read(output), next: 0, events: Vec::new() })
    }

    /// Sends a message and waits for its answer.
    pub fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.input.write_all(format!("{message}\0").as_bytes()).context("the browser has ended")?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let mut answer = match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => bail!("the browser did not answer {method} within {ANSWER_WITHIN:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("the browser ended before it answered {method}"),
            };
            if answer["id"] != self.next {
                self.events.push(answer);
            } else if answer["error"].is_null() {
                return Ok(answer["result"].take());
            } else {
                bail!("{method}: {}", answer["error"]["message"]);
            }
        }
    }

    /// What happened so far, and is not asked for again.
    pub fn events(&mut self) -> Vec<Value> {
        self.events.extend(self.messages.try_iter());
        std::mem::take(&mut self.events)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads messages until the browser ends.
fn read(output: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, messages) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut message = Vec::new();
        while matches!(output.read_until(0, &mut message), Ok(1..)) {
            let parsed = serde_json::from_slice(message.strip_suffix(b"\0").unwrap_or(&message));
            message.clear();
            if parsed.is_ok_and(|parsed| sender.send(parsed).is_err()) {
                return;
            }
        }
    });
    messages
}
