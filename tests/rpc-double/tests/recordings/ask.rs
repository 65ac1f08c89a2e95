//! Questions over HTTP/1.0, whose answers end with the connection.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The answer to one call; null where there is none.
pub fn call(port: u16, method: &Value, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let head = format!("POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    serde_json::from_str(&exchange(port, &(head + &body))).unwrap_or_default()
}

/// A page; empty where there is none.
pub fn page(port: u16, path: &str) -> String {
    exchange(port, &format!("GET {path} HTTP/1.0\r\n\r\n"))
}

fn exchange(port: u16, request: &str) -> String {
    let exchanged = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = exchanged().unwrap_or_default();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}
