//! Runs one task from the standard input in a mount and network namespace of its own, and writes the verdict to the standard output.
//! The end of its input tells a program to stop that runs until then.
//!
//! It is a process of its own because the namespaces of a process can only be changed while it has a single thread.

mod listeners;
mod namespaces;
mod root;

use anyhow::{Context as _, Result};
use oracle::task::{Proof, Task, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A program that shows nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let task: Task = serde_json::from_str(&line)?;
    let verdict = match namespaces::enter(task.shares_network) {
        Ok(()) => run(&task)?,
        Err(why) => Verdict::Unable(why.to_string()),
    };
    serde_json::to_writer(std::io::stdout(), &verdict)?;
    Ok(())
}

fn run(task: &Task) -> Result<Verdict> {
    root::enter(task)?;
    let dialled = listeners::open(&task.listeners)?;
    let (name, arguments) = task.command.split_first().map_or(("", [].as_slice()), |(name, rest)| (name, rest));
    let spawned = Command::new(name)
        .args(arguments)
        .env_clear()
        .env("PATH", root::PATH)
        .envs(task.environment.iter().cloned())
        .uid(task.user.0)
        .gid(task.user.1)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Ok(Verdict::Ended(format!("{name} can't be started: {error}"), String::new())),
    };
    let goes_on = task.proof == Proof::Stops;
    let output = Output::of(&mut child, goes_on);
    let ended = if goes_on { until_told(&mut child)? } else { wait(&mut child, &task.proof, &dialled)? };
    // It may be gone already.
    let _ = child.kill();
    child.wait()?;
    let text = output.join();
    Ok(match ended {
        Waited::Proven => Verdict::Taken(text),
        Waited::Ended(how) => Verdict::Ended(how, text),
        Waited::TooLong => Verdict::Silent(text),
    })
}

enum Waited {
    Proven,
    Ended(String),
    TooLong,
}

fn wait(child: &mut Child, proof: &Proof, dialled: &Receiver<std::net::SocketAddr>) -> Result<Waited> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match dialled.recv_timeout(LOOK) {
            Ok(address) if matches!(proof, Proof::Dials(any) if any.contains(&address)) => return Ok(Waited::Proven),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
        }
        if let Proof::Listens(address) = proof
            && TcpStream::connect_timeout(address, LOOK).is_ok()
        {
            return Ok(Waited::Proven);
        }
        if let Some(status) = child.try_wait()? {
            let proven = *proof == Proof::Ends && status.success();
            return Ok(if proven { Waited::Proven } else { Waited::Ended(status.to_string()) });
        }
    }
    Ok(Waited::TooLong)
}

/// Lets it run until the end of our input, then asks it to stop and waits until it has.
fn until_told(child: &mut Child) -> Result<Waited> {
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        // Whatever ends the input, it is over.
        let _ = std::io::stdin().read_to_end(&mut vec![]);
        sender.send(())
    });
    while told.recv_timeout(LOOK).is_err() {
        if let Some(status) = child.try_wait()? {
            return Ok(Waited::Ended(status.to_string()));
        }
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no process id")?;
    kill_process(pid, Signal::TERM)?;
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        if child.try_wait()?.is_some() {
            return Ok(Waited::Proven);
        }
        thread::sleep(LOOK);
    }
    Ok(Waited::TooLong)
}

/// What a program writes, both streams in one.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Output {
    /// `is_shown` writes it on, to our standard error, as it comes.
    fn of(child: &mut Child, is_shown: bool) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let stdout = child.stdout.take().map(|stream| Self::read(stream, text.clone(), is_shown));
        let stderr = child.stderr.take().map(|stream| Self::read(stream, text.clone(), is_shown));
        Self { text, readers: stdout.into_iter().chain(stderr).collect() }
    }

    fn read(
        mut stream: impl Read + Send + 'static,
        text: Arc<Mutex<Vec<u8>>>,
        is_shown: bool,
    ) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                let read = buffer.get(..length).unwrap_or_default();
                text.lock().unwrap_or_else(PoisonError::into_inner).extend(read);
                if is_shown {
                    // Nobody may be there to read it.
                    let _ = std::io::stderr().write_all(read);
                }
            }
        })
    }

    fn join(self) -> String {
        // A reader that panicked has read what it has read.
        self.readers.into_iter().for_each(|reader| drop(reader.join()));
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
