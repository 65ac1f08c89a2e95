//! Time in tests: tokio's clock stands still until a test moves it, while sockets work as always.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How long a test waits for something that must come about, by the real clock.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tokio's clock, stopped for as long as this lives. Needs a current-thread runtime.
///
/// A paused clock alone runs ahead as soon as all tasks wait, for a socket too, and so fires timeouts that nobody
/// meant. Work on the blocking pool holds it back; this keeps some there.
pub struct Frozen {
    _busy: mpsc::Sender<()>,
}

impl Frozen {
    /// Stops the clock.
    pub fn start() -> Self {
        tokio::time::pause();
        let (busy, until_dropped) = mpsc::channel::<()>();
        spawn_blocking(move || until_dropped.recv());
        Self { _busy: busy }
    }

    /// Moves it, and a millisecond more: timers go off at whole ones, after their time.
    pub async fn advance(&self, by: Duration) {
        tokio::time::advance(by + Duration::from_millis(1)).await;
    }
}

/// Waits for a future that must come to an end soon.
///
/// # Panics
/// When it doesn't, naming what was waited for.
pub async fn bounded<F: Future>(what: &str, future: F) -> F::Output {
    let (waiting, given_up) = mpsc::channel::<()>();
    let watchdog = spawn_blocking(move || given_up.recv_timeout(PATIENCE));
    let output = tokio::select! {
        output = future => output,
        _ = watchdog => panic!("{what}: not within {PATIENCE:?}"),
    };
    drop(waiting);
    output
}
