//! Runs one task from the standard input in a mount and network namespace of its own, and writes the verdict to the standard output.
//!
//! It is a process of its own because the namespaces of a process can only be changed while it has a single thread.

mod listeners;
mod namespaces;
mod root;

use anyhow::Result;
use oracle::task::{Proof, Task, Verdict};
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A program that shows nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Result<()> {
    let task: Task = serde_json::from_reader(std::io::stdin())?;
    let verdict = match namespaces::enter() {
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
    let output = Output::of(&mut child);
    let ended = wait(&mut child, &task.proof, &dialled)?;
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

/// What a program writes, both streams in one.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let stdout = child.stdout.take().map(|stream| Self::read(stream, text.clone()));
        let stderr = child.stderr.take().map(|stream| Self::read(stream, text.clone()));
        Self { text, readers: stdout.into_iter().chain(stderr).collect() }
    }

    fn read(mut stream: impl Read + Send + 'static, text: Arc<Mutex<Vec<u8>>>) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                text.lock().unwrap_or_else(PoisonError::into_inner).extend(buffer.iter().take(length));
            }
        })
    }

    fn join(self) -> String {
        // A reader that panicked has read what it has read.
        self.readers.into_iter().for_each(|reader| drop(reader.join()));
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
