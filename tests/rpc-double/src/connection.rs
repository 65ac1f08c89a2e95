//! One connection: reads requests, does the work, answers as well or as badly as told.

use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::http::{self, Request};
use crate::state::Shared;

/// Serves until the other side closes or a fault does.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = http::read(&mut stream).await? {
        let _visit = shared.enter(&request);
        let (fault, answer) = work(&shared, &request);
        let Some(bytes) = spoil(&shared, &mut stream, &request, fault, answer).await? else { return Ok(()) };
        stream.get_mut().write_all(&bytes).await?;
    }
    Ok(())
}

/// What was asked for, and which fault its answer suffers.
fn work(shared: &Shared, request: &Request) -> (Option<Fault>, Answer) {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let fault = fault(shared, &asked);
    let answer = match (request.method.as_str(), asked) {
        ("POST", Value::Array(calls)) => Answer::Batch(calls.iter().map(|call| shared.work(call)).collect()),
        ("POST", call) => Answer::Single(shared.work(&call)),
        _ => {
            let path = request.path.split('?').next().unwrap_or_default();
            let page = shared.lock().pages.get(path).cloned();
            let (status, body) = page.unwrap_or_else(|| (404, format!("Cannot GET {}", request.path)));
            Answer::Page(status, body)
        }
    };
    (fault, answer)
}

/// The script comes first, then what is spoilt by method, then what is spoilt in any case.
fn fault(shared: &Shared, asked: &Value) -> Option<Fault> {
    let mut state = shared.lock();
    if let Some(scripted) = state.script.pop_front() {
        return scripted;
    }
    let calls = asked.as_array().map_or(std::slice::from_ref(asked), Vec::as_slice);
    let by_method = calls.iter().find_map(|call| state.spoilt.get(call["method"].as_str()?));
    by_method.or(state.spoilt_all.as_ref()).cloned()
}

enum Answer {
    Batch(Vec<Value>),
    Single(Value),
    Page(u16, String),
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Batch(answers) => json_response(&json!(answers)),
            Self::Single(answer) => json_response(answer),
            Self::Page(status, body) => http::response(*status, "Content-Type: text/plain\r\n", body.as_bytes()),
        }
    }
}

fn json_response(body: &Value) -> Vec<u8> {
    http::response(200, "Content-Type: application/json\r\n", body.to_string().as_bytes())
}

/// The bytes to send; nothing when the connection is to be closed.
async fn spoil(
    shared: &Shared,
    stream: &mut BufReader<TcpStream>,
    request: &Request,
    fault: Option<Fault>,
    answer: Answer,
) -> io::Result<Option<Vec<u8>>> {
    let bytes = match (fault, answer) {
        (None, answer) => answer.bytes(),
        (Some(Fault::Hang), _) => {
            stream.fill_buf().await?;
            return Ok(None);
        }
        (Some(Fault::Hold), answer) => {
            let mut held = shared.held.subscribe();
            tokio::select! {
                _ = held.wait_for(|held| !held) => answer.bytes(),
                _ = stream.fill_buf() => return Ok(None),
            }
        }
        (Some(Fault::Slow(delay)), answer) => {
            tokio::select! {
                () = tokio::time::sleep(delay) => answer.bytes(),
                _ = stream.fill_buf() => return Ok(None),
            }
        }
        (Some(Fault::Half), answer) => {
            let bytes = answer.bytes();
            let half = bytes.len() - 5;
            stream.get_mut().write_all(&bytes[..half]).await?;
            return Ok(None);
        }
        (Some(Fault::Close), _) => return Ok(None),
        (Some(fault), answer) => altered(&fault, request, answer),
    };
    Ok(Some(bytes))
}

/// Faults that answer at once, with something else.
fn altered(fault: &Fault, request: &Request, answer: Answer) -> Vec<u8> {
    match (fault, answer) {
        (Fault::Status(status), _) => {
            http::response(*status, "", format!("Cannot {} {}", request.method, request.path).as_bytes())
        }
        (Fault::Text(text), _) => http::response(200, "", text.as_bytes()),
        (Fault::Redirect(to), _) => http::response(307, &format!("Location: {to}\r\n"), b""),
        (Fault::Refused(code, message), _) => {
            json_response(&json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}}))
        }
        (Fault::Huge(size), Answer::Page(..)) => http::response(200, "", "x".repeat(*size).as_bytes()),
        (Fault::Huge(size), Answer::Single(mut answer)) => {
            answer["result"] = json!("x".repeat(*size));
            json_response(&answer)
        }
        (Fault::Huge(size), Answer::Batch(mut answers)) => {
            answers[0]["result"] = json!("x".repeat(*size));
            json_response(&json!(answers))
        }
        (Fault::Shuffled, Answer::Batch(mut answers)) => {
            answers.reverse();
            json_response(&json!(answers))
        }
        (Fault::Missing, Answer::Batch(mut answers)) => {
            answers.pop();
            json_response(&json!(answers))
        }
        (_, answer) => answer.bytes(),
    }
}
