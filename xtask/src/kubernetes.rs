//! The programs of Kubernetes, built beside our own: compilers of Go and of Rust leave each other room, since both
//! wait for single long units at times.

use std::{
    panic,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Result;
use control_plane::Programs;

/// What is missing (Go, disk) is found out within this, and should be told before anything long begins.
const EARLY: Duration = Duration::from_secs(2);

/// Programs that are there, or being built.
pub struct Pending(JoinHandle<Result<Programs>>);

impl Pending {
    /// Looks for them, and begins to build them where they are not there yet.
    pub fn start() -> Result<Self> {
        let search = thread::spawn(Programs::find);
        let begun = Instant::now();
        while begun.elapsed() < EARLY {
            if search.is_finished() {
                let programs = join(search)?;
                return Ok(Self(thread::spawn(|| Ok(programs))));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self(search))
    }

    /// Waits for them.
    pub fn wait(self) -> Result<Programs> {
        join(self.0)
    }
}

fn join(search: JoinHandle<Result<Programs>>) -> Result<Programs> {
    search.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}
