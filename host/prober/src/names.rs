//! Names and what they lead to. A look-up can't be broken off, so each holds a slot of its namespace until its end.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::slots::{Class, Slots};

/// Look-ups under way at once: each takes a thread, of which a process has few hundred.
const TOTAL: usize = 64;
/// And those of each namespace beside.
const OWN: usize = 2;
/// An answer serves so long: a name that leads elsewhere now is soon known to.
const FRESH: Duration = Duration::from_secs(5);

/// Asks for the addresses of a name; blocks.
pub(crate) type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// By name: since when, and what it leads to.
type Known = HashMap<Arc<str>, (Instant, Arc<[IpAddr]>)>;

/// The addresses of names.
pub(crate) struct Names {
    look_up: Arc<LookUp>,
    slots: Slots,
    known: Mutex<Known>,
}

impl Names {
    /// As the system knows them.
    pub(crate) fn of_system() -> Arc<Self> {
        Self::of(Arc::new(|name: &str| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())))
    }

    pub(crate) fn of(look_up: Arc<LookUp>) -> Arc<Self> {
        Arc::new(Self { look_up, slots: Slots::new(TOTAL, OWN), known: Mutex::default() })
    }

    /// What a name leads to, on behalf of a namespace. The error is one of the look-up, or its panic.
    pub(crate) async fn find(&self, namespace: &Arc<str>, name: &str) -> io::Result<Arc<[IpAddr]>> {
        if let Some(known) = self.get(name) {
            return Ok(known);
        }
        let slot = self.slots.take(namespace, Class::Prompt).await;
        // Somebody else may have asked meanwhile.
        if let Some(known) = self.get(name) {
            return Ok(known);
        }
        let (look_up, asked) = (self.look_up.clone(), name.to_owned());
        let found = spawn_blocking(move || {
            let found = look_up(&asked);
            drop(slot);
            found
        });
        let found: Arc<[IpAddr]> = found.await.map_err(io::Error::other)??.into();
        self.put(name, found.clone());
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        let known = self.lock();
        known.get(name).filter(|(since, _)| since.elapsed() < FRESH).map(|(_, found)| found.clone())
    }

    /// As if time had passed.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn put(&self, name: &str, found: Arc<[IpAddr]>) {
        let mut known = self.lock();
        known.retain(|_, (since, _)| since.elapsed() < FRESH);
        known.insert(name.into(), (Instant::now(), found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::join_all;
    use std::sync::mpsc;

    #[tokio::test]
    async fn names_of_one_namespace_that_are_never_found_leave_threads_to_the_others() {
        let (hold, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let names = Names::of(Arc::new(move |name: &str| {
            if name.starts_with("bad") {
                // Till the test ends.
                let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
            }
            Ok(vec![IpAddr::from([10, 0, 0, 7])])
        }));
        let bad: Arc<str> = "bad".into();
        // Each is given up at once, as by a short time limit. Their look-ups go on.
        for number in 0..1000 {
            assert!(names.find(&bad, &format!("bad-{number}")).now_or_never().is_none());
        }
        let good: Arc<str> = "good".into();
        let found = join_all((0..20).map(|number| {
            let (names, good) = (names.clone(), good.clone());
            async move { names.find(&good, &format!("good-{number}")).await.map(|found| found.len()) }
        }));
        let found = rpc_double::bounded("the other namespace's names", found).await;
        assert!(found.into_iter().all(|found| found.is_ok_and(|found| found == 1)));
        drop(hold);
    }
}
