//! The compiler in a child process: what the parent does.
//!
//! The child is a program that calls [`crate::compile_stdin`], which bounds its own time and memory before it reads anything.
//! Bytes go in and machine code comes out: it opens no file and no connection, and has no environment. A child that ends
//! otherwise than by an answer tells by how it ended what it lacked.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crate::compiler::Code;
use crate::error::LoadError;
use crate::message::Answer;

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CompileLimits {
    /// Bytes of memory.
    pub memory: u64,
    /// Seconds of processor time.
    pub cpu_seconds: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory: 512 * 1024 * 1024, cpu_seconds: 60 }
    }
}

impl CompileLimits {
    /// Time on the clock: a child that gets little of the processor may take longer than its limit of that.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.cpu_seconds.saturating_mul(5))
    }
}

/// A program that compiles what it reads.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, by which it also learns its limits.
    pub arguments: Vec<OsString>,
    /// The limits that it was given, for messages; and how long it is waited for.
    pub limits: CompileLimits,
}

/// How often it is looked at whether the child has ended.
const TICK: Duration = Duration::from_millis(10);

impl ChildCompiler {
    /// Compiles bytes in a child.
    ///
    /// # Errors
    /// What the child says, what it lacked, or why there is none.
    pub(crate) fn compile(&self, bytes: &[u8]) -> Result<Code, LoadError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| failed(format!("{}: {error}", self.program.display())))?;
        let (status, answer) = self.converse(child, bytes).map_err(|error| failed(error.to_string()))?;
        match (status, Answer::read(answer)) {
            (None, _) => Err(failed(format!("it has not ended after {} s", self.limits.patience().as_secs()))),
            (Some(status), Some(answer)) if status.success() => answer.into_code(),
            (Some(status), _) => Err(self.ended(status)),
        }
    }

    /// Hands the bytes over and takes what comes, until the child ends or is ended. No status where it took too long.
    fn converse(&self, mut child: Child, bytes: &[u8]) -> std::io::Result<(Option<ExitStatus>, Vec<u8>)> {
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        thread::scope(|scope| {
            let begun = Builder::new().spawn_scoped(scope, move || {
                // A child that ends early says why by its end.
                let _ = stdin.map(|mut stdin| stdin.write_all(bytes));
            });
            let listener = Builder::new().spawn_scoped(scope, move || {
                let mut answer = Vec::new();
                // Beyond the bound nobody reads, and the child ends by that.
                let _ = stdout.map(|stdout| stdout.take(Answer::MOST).read_to_end(&mut answer));
                answer
            });
            let (Ok(_), Ok(listener)) = (begun, listener) else {
                end(&mut child);
                return Err(std::io::Error::other("there is no thread"));
            };
            let status = self.wait(&mut child);
            if !matches!(status, Ok(Some(_))) {
                end(&mut child);
            }
            Ok((status?, listener.join().unwrap_or_default()))
        })
    }

    /// Waits for the child's end, for a bounded time.
    fn wait(&self, child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
        let last = Instant::now() + self.limits.patience();
        loop {
            match child.try_wait()? {
                None if Instant::now() < last => thread::sleep(TICK),
                status => return Ok(status),
            }
        }
    }

    /// What a child that gave no answer lacked.
    fn ended(&self, status: ExitStatus) -> LoadError {
        const ABORTED: i32 = 6;
        const KILLED: i32 = 9;
        const OUT_OF_TIME: i32 = 24;
        let CompileLimits { memory, cpu_seconds } = self.limits;
        match status.signal() {
            Some(OUT_OF_TIME) => LoadError::CompileLimit { what: format!("{cpu_seconds} s of processor time") },
            // An allocation that failed.
            Some(ABORTED) => LoadError::CompileLimit { what: format!("{} MiB of memory", memory / (1024 * 1024)) },
            // Somebody else's doing: the kernel, where there is no memory for anybody.
            Some(KILLED) => failed(format!("it was killed ({status})")),
            _ => LoadError::Compile { why: format!("the compiler failed on it ({status})") },
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn failed(why: String) -> LoadError {
    LoadError::CompilerFailed { why }
}
