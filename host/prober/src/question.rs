//! One question to one endpoint: what is sent for it, and how what comes back reads as an answer.

use opstack_core::probe::Question;
use reqwest::Client;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::endpoint::EndpointUrl;
use crate::exposition;
use crate::failure::Failure;
use crate::http::{self, Excess};
use crate::rpc;

/// A page's body is cut here.
const PAGE_LIMIT: usize = 64 * 1024;
/// Metrics are many before they are reduced.
const METRICS_LIMIT: usize = 4 * 1024 * 1024;

/// What was answered, as the plugin reads it and as pointers find their way in it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: Arc<str>,
    pub(crate) value: Value,
}

/// Asks, without a limit in time.
pub(crate) async fn ask(client: &Client, url: &EndpointUrl, question: &Question) -> Result<Answer, Failure> {
    let text = match question {
        Question::JsonRpc(calls) => rpc::ask(client, url, calls).await.map(|answers| rpc::answer_text(&answers)),
        Question::HttpGet => page(client, url).await,
        Question::Metrics(names) => metrics(client, url, names).await,
    };
    let text = text.map_err(|failure| failure.scrubbed(url))?;
    let text = url.scrub(&text);
    let value = serde_json::from_str(&text).map_err(|_| Failure::Invalid("the answer is no JSON".into()))?;
    Ok(Answer { text: text.into(), value })
}

async fn page(client: &Client, url: &EndpointUrl) -> Result<String, Failure> {
    let page = http::get(client, url, PAGE_LIMIT, Excess::Cut).await?;
    Ok(json!({"status": page.status, "body": String::from_utf8_lossy(&page.body)}).to_string())
}

async fn metrics(client: &Client, url: &EndpointUrl, names: &[String]) -> Result<String, Failure> {
    let page = http::get(client, url, METRICS_LIMIT, Excess::Refuse).await?;
    if page.status != 200 {
        return Err(Failure::Status(page.status));
    }
    let text = String::from_utf8_lossy(&page.body);
    let reduced = exposition::reduce(&text, names).map_err(|error| Failure::Invalid(error.to_string()))?;
    Ok(reduced.to_string())
}
