//! One question to one endpoint: what is sent for it, and how what comes back reads as an answer.

use opstack_core::probe::Question;
use serde_json::json;
use std::sync::Arc;

use crate::exposition::{self, Unreadable};
use crate::failure::Failure;
use crate::http::{self, Excess, Way};
use crate::pointer;
use crate::rpc;

/// A page's body is cut here.
const PAGE_LIMIT: usize = 64 * 1024;
/// Metrics are many before they are reduced.
const METRICS_LIMIT: usize = 4 * 1024 * 1024;

/// What was answered: its text, which is JSON, and what is watched in it. Parsed it would take a hundred times as much.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) text: Arc<str>,
    /// By the mark of the pointer, sorted: the mark of the value there.
    marks: Box<[(u64, Option<u64>)]>,
}

impl Answer {
    /// Notes what is at these pointers.
    pub(crate) fn of(text: Arc<str>, pointers: &[String]) -> Self {
        let mut marks: Vec<_> =
            pointers.iter().map(|pointer| (pointer::mark(pointer), pointer::mark_at(&text, pointer))).collect();
        marks.sort_unstable();
        marks.dedup();
        Self { text, marks: marks.into() }
    }

    /// The mark of the value at a pointer; looked for only if it was not noted.
    pub(crate) fn mark(&self, pointer: &str) -> Option<u64> {
        let wanted = pointer::mark(pointer);
        match self.marks.binary_search_by_key(&wanted, |(pointer, _)| *pointer) {
            Ok(at) => self.marks.get(at).and_then(|(_, value)| *value),
            Err(_) => pointer::mark_at(&self.text, pointer),
        }
    }
}

/// Asks, without a limit in time. Gives JSON text.
pub(crate) async fn ask(way: &Way, question: &Question) -> Result<Arc<str>, Failure> {
    let text = match question {
        Question::JsonRpc(calls) => rpc::ask(way, calls).await.map(|answers| rpc::answer_text(&way.url, &answers)),
        Question::HttpGet => page(way).await,
        Question::Metrics(names) => metrics(way, names).await,
    };
    let text = text.map_err(|failure| failure.scrubbed(&way.url))?;
    let text = way.url.scrub(&text);
    if !pointer::is_json(&text) {
        return Err(Failure::Invalid("the answer is no JSON".into()));
    }
    Ok(text.into())
}

async fn page(way: &Way) -> Result<String, Failure> {
    let page = http::get(way, PAGE_LIMIT, Excess::Cut).await?;
    Ok(json!({"status": page.status, "body": String::from_utf8_lossy(&page.body.bytes)}).to_string())
}

async fn metrics(way: &Way, names: &[String]) -> Result<String, Failure> {
    let page = http::get(way, METRICS_LIMIT, Excess::Refuse).await?;
    if page.status != 200 {
        return Err(Failure::Status(page.status));
    }
    let text = String::from_utf8_lossy(&page.body.bytes);
    let reduced = exposition::reduce(&text, names).map_err(|error| match error {
        Unreadable::TooMuch { limit } => Failure::TooLarge(limit),
        Unreadable::NotExposition { .. } => Failure::Invalid(error.to_string()),
    })?;
    Ok(reduced.to_string())
}
