//! The double itself.

use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::bounded;
use crate::connection::serve;
use crate::fault::Fault;
use crate::state::{Call, RpcError, Seen, Shared};

/// A JSON-RPC server on the loopback that ends when it is dropped.
pub struct Double {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Double {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Listens there; all of 127.0.0.0/8 is ours.
    ///
    /// # Panics
    /// When the address is taken.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = listen(address).await;
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::new());
        let accepting = Mutex::new(Some(accept(listener, shared.clone())));
        Self { address, shared, accepting }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers a method with the same result always.
    pub fn answer(&self, method: &str, result: Value) {
        self.on(method, move |_| Ok(result.clone()));
    }

    /// Answers a method with what the handler says.
    pub fn on(&self, method: &str, handler: impl Fn(&Value) -> Result<Value, RpcError> + Send + Sync + 'static) {
        self.shared.lock().handlers.insert(method.into(), Arc::new(handler));
    }

    /// Answers a method with an error.
    pub fn fail(&self, method: &str, code: i64, message: &str) {
        let error = RpcError { code, message: message.into() };
        self.on(method, move |_| Err(error.clone()));
    }

    /// Serves a page by GET.
    pub fn page(&self, path: &str, status: u16, body: &str) {
        self.shared.lock().pages.insert(path.into(), (status, body.into()));
    }

    /// Spoils every request with this method in it.
    pub fn spoil(&self, method: &str, fault: Fault) {
        self.shared.lock().spoilt.insert(method.into(), fault);
    }

    /// Spoils every request that nothing else spoils.
    pub fn spoil_all(&self, fault: Fault) {
        self.shared.lock().spoilt_all = Some(fault);
    }

    /// Spoils the next requests one after the other; `None` is a good answer.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.shared.lock().script.extend(faults);
    }

    /// Ends all faults. What is held stays so.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.script.clear();
        state.spoilt.clear();
        state.spoilt_all = None;
    }

    /// Answers what [`Fault::Hold`] holds, and holds nothing any more.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Stops listening and breaks all connections: the next one is refused.
    pub async fn close(&self) {
        let accepting = self.accepting();
        if let Some(task) = accepting {
            task.abort();
            // The socket is closed when the task is gone, not before.
            let _ = task.await;
        }
    }

    /// Listens again on the same port.
    ///
    /// # Panics
    /// When it is taken.
    pub async fn reopen(&self) {
        let listener = listen(self.address).await;
        let task = accept(listener, self.shared.clone());
        *self.accepting.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    fn accepting(&self) -> Option<JoinHandle<()>> {
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// All calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// How often a method was called.
    pub fn count(&self, method: &str) -> usize {
        self.shared.lock().calls.iter().filter(|call| call.method == method).count()
    }

    /// Paths that were asked for, with their queries.
    pub fn paths(&self) -> Vec<String> {
        self.shared.lock().paths.clone()
    }

    /// When each request arrived, by the clock of the machine.
    pub fn times(&self) -> Vec<Instant> {
        self.shared.lock().times.clone()
    }

    /// Numbers of what was seen.
    pub fn seen(&self) -> Seen {
        *self.shared.seen.borrow()
    }

    /// Waits until the numbers are as wanted.
    ///
    /// # Panics
    /// When they don't become so.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.shared.seen.subscribe();
        let found = bounded(what, seen.wait_for(wanted)).await;
        // The sender lives as long as `self`.
        found.map(|seen| *seen).unwrap_or_default()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(task) = self.accepting() {
            task.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap_or_else(|error| panic!("failed to listen on {address}: {error}"))
}

/// Ending the task ends its connections too.
fn accept(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(shared.clone(), stream));
            while connections.try_join_next().is_some() {}
        }
    })
}
