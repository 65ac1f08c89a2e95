//! What is told of progress: lines of a name, and long runs of other programs with a sign of life.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::spawn;

/// How often a long run shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// How much of a failed run's output goes into the error.
const TAIL_LINES: usize = 30;

/// The name under which progress is told.
#[derive(Clone, Copy, Debug)]
pub struct Voice(pub &'static str);

impl Voice {
    /// Writes a progress line. Not `eprintln!`, which a test's harness keeps back until the test has
    /// ended, and this is for whoever wonders why nothing happens.
    pub fn say(self, text: &str) {
        // Nobody to tell is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{}: {text}", self.0);
    }

    /// Runs a command, telling every now and then how far it is; `what` names the run.
    ///
    /// The command has no standard input, and its standard output goes nowhere: what it does is told on its standard
    /// error, one line a `unit` ("packages"). Fails with the last lines of that if the command does.
    pub fn run(self, what: &str, unit: &str, mut command: Command) -> Result<()> {
        let shown = shown(&command);
        let started = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = spawn(command).with_context(|| format!("failed to start `{shown}`"))?;
        let (sender, lines) = mpsc::channel();
        let stderr = child.stderr.take().with_context(|| format!("the output of `{shown}` is not a pipe"))?;
        let reader = thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let tail = self.follow(what, unit, started, &lines);
        let status = child.wait().with_context(|| format!("failed to wait for `{shown}`"))?;
        // It has ended: the channel that it fed is closed.
        let _ = reader.join();
        let tail = Vec::from(tail).join("\n");
        ensure!(status.success(), "`{shown}` for {what} failed ({status}):\n{tail}");
        self.say(&format!("{what}: done, {} s", started.elapsed().as_secs()));
        Ok(())
    }

    /// Reads lines until there will be none any more; keeps the last ones.
    fn follow(self, what: &str, unit: &str, started: Instant, lines: &mpsc::Receiver<String>) -> VecDeque<String> {
        let mut tail = VecDeque::new();
        let mut count = 0_usize;
        let mut next = started + HEARTBEAT;
        loop {
            match lines.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    count += 1;
                    tail.push_back(line);
                    if tail.len() > TAIL_LINES {
                        tail.pop_front();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return tail,
                Err(RecvTimeoutError::Timeout) => {
                    let last = tail.back().map_or("", String::as_str);
                    let seconds = started.elapsed().as_secs();
                    self.say(&format!("{what}: {seconds} s, {count} {unit} so far, now {last}"));
                    next += HEARTBEAT;
                }
            }
        }
    }
}

/// The command line, for messages: the program's name without its directory.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = [program].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_run_tells_its_last_lines() {
        let script = "for i in $(seq 50); do echo line $i >&2; done; exit 3";
        let error = Voice("test").run("counting", "lines", sh(script)).expect_err("it fails").to_string();
        assert!(error.contains("for counting failed") && error.contains("exit status: 3"), "{error}");
        assert!(error.contains("line 50") && error.contains("line 21") && !error.contains("line 20\n"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Voice("test").run("nothing", "lines", Command::new("/nowhere/tool")).expect_err("it is not there");
        assert!(format!("{error:#}").contains("failed to start `tool`"), "{error:#}");
    }
}
