//! Child processes that do not outlive this one, however it ends.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, Command},
    sync::{LazyLock, mpsc},
    thread,
};

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that starts all children.
///
/// Linux sends the death signal when the *thread* that started a child ends, and a test's thread
/// ends long before the process. This one waits for requests for as long as the process lives.
static SPAWNER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
    let (sender, requests) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for (mut command, answer) in requests {
            // Nobody waits for the answer only if the asking thread is gone.
            let _ = answer.send(command.spawn());
        }
    });
    sender
});

/// Starts a child that is killed when this process ends, even by SIGKILL.
///
/// It gets a process group of its own: an interrupt from the terminal is for this process, which
/// then ends its children in its own order.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    command.process_group(0);
    die_with_parent(&mut command);
    let (sender, answer) = mpsc::channel();
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    SPAWNER.send((command, sender)).map_err(|error| gone(error.to_string()))?;
    answer.recv().map_err(|error| gone(error.to_string()))?
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "Command::pre_exec is the only way to run code between fork and exec")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let ask_for_signal = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then no signal will come any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed.
    // It makes two system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(ask_for_signal) };
}

/// Elsewhere only `Drop` ends the children.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
