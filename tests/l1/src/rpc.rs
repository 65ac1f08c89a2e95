//! JSON-RPC over HTTP, one connection for each request: version 1.0, whose answers come in one piece.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// An endpoint.
#[derive(Clone, Debug)]
pub struct Rpc {
    url: String,
}

impl Rpc {
    /// The endpoint at `http://host:port`.
    pub fn new(url: &str) -> Self {
        Self { url: url.into() }
    }

    /// As it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The result of one call; `params` is a JSON array.
    pub fn call(&self, method: &str, params: &str) -> Result<Value> {
        let params: Value = serde_json::from_str(params).context("the parameters are no JSON")?;
        let answer = self.batch(&[(method.into(), params)], PATIENCE).map_err(anyhow::Error::msg)?;
        let answer = answer.into_iter().next().context("a batch without an answer")?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => bail!("{method}: {}", answer["error"]),
        }
    }

    /// The answers of a batch, in order.
    ///
    /// # Errors
    /// Why there is none, in the words of the operator's prober where it makes a difference.
    pub fn batch(&self, calls: &[(String, Value)], timeout: Duration) -> Result<Vec<Value>, String> {
        let requests: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let body = self.post(&Value::from(requests).to_string(), timeout)?;
        let mut answers: Vec<Value> = serde_json::from_str(&body).map_err(|error| format!("no batch: {error}"))?;
        answers.sort_by_key(|answer| answer["id"].as_u64());
        Ok(answers)
    }

    fn post(&self, body: &str, timeout: Duration) -> Result<String, String> {
        let host = self.url.trim_start_matches("http://");
        let broken = |error: std::io::Error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("no answer within {timeout:?}"),
            _ => format!("no connection: {error}"),
        };
        let mut stream = TcpStream::connect(host).map_err(broken)?;
        stream.set_read_timeout(Some(timeout)).map_err(broken)?;
        let head = format!(
            "POST / HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(broken)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(broken)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("half an answer")?;
        Ok(body.into())
    }
}

/// A number as JSON-RPC has it.
pub fn quantity(value: &Value) -> Result<u64> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let digits = digits.with_context(|| format!("{value} is no hexadecimal number"))?;
    u64::from_str_radix(digits, 16).with_context(|| format!("{value} is no hexadecimal number"))
}
