//! What a double was taught and what it has seen.

use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

use crate::fault::Fault;
use crate::http::Request;

/// An error of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// e.g. -32000.
    pub code: i64,
    /// What went wrong.
    pub message: String,
}

/// One call that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Its params.
    pub params: Value,
}

/// Numbers of what a double has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests that were read.
    pub requests: usize,
    /// Requests that were answered, well or badly, or given up.
    pub finished: usize,
    /// The highest number of requests that were at work at once.
    pub peak: usize,
}

impl Seen {
    /// Requests at work.
    pub fn in_flight(&self) -> usize {
        self.requests - self.finished
    }
}

type Handler = Arc<dyn Fn(&Value) -> Result<Value, RpcError> + Send + Sync>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) handlers: HashMap<String, Handler>,
    pub(crate) pages: HashMap<String, (u16, String)>,
    pub(crate) script: VecDeque<Option<Fault>>,
    pub(crate) spoilt: HashMap<String, Fault>,
    pub(crate) spoilt_all: Option<Fault>,
    pub(crate) calls: Vec<Call>,
    pub(crate) paths: Vec<String>,
    pub(crate) times: Vec<Instant>,
}

/// State, with a signal at each change.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) seen: watch::Sender<Seen>,
    pub(crate) held: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), seen: watch::Sender::default(), held: watch::Sender::new(true) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, request: &Request) -> Visit {
        {
            let mut state = self.lock();
            state.paths.push(request.path.clone());
            state.times.push(Instant::now());
        }
        self.seen.send_modify(|seen| {
            seen.requests += 1;
            seen.peak = seen.peak.max(seen.in_flight());
        });
        Visit(self.clone())
    }

    /// Does one call.
    pub(crate) fn work(&self, call: &Value) -> Value {
        let method = call["method"].as_str().unwrap_or_default().to_owned();
        let handler = {
            let mut state = self.lock();
            state.calls.push(Call { method: method.clone(), params: call["params"].clone() });
            state.handlers.get(&method).cloned()
        };
        let outcome = match handler {
            Some(handler) => handler(&call["params"]),
            None => Err(RpcError { code: -32601, message: format!("the method {method} does not exist") }),
        };
        let id = &call["id"];
        match outcome {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.code, "message": error.message}}),
        }
    }
}

/// A request at work.
pub(crate) struct Visit(Arc<Shared>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.seen.send_modify(|seen| seen.finished += 1);
    }
}
