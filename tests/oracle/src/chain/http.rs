//! As much of an HTTP client as the test needs: one request for each connection.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The body behind a URL.
pub fn get(url: &str) -> Result<String> {
    request("GET", url, "")
}

/// The result of a JSON-RPC call.
pub fn rpc(url: &str, method: &str, params: Value) -> Result<Value> {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer: Value = serde_json::from_str(&request("POST", url, &call.to_string())?)?;
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => bail!("{method}: {}", answer["error"]),
    }
}

/// HTTP/1.0, so that the body comes whole.
fn request(method: &str, url: &str, body: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").context("no HTTP URL")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).with_context(|| format!("nobody listens at {host}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    ensure!(head.lines().next().is_some_and(|line| line.contains(" 200")), "{url}: {head}");
    Ok(body.into())
}
