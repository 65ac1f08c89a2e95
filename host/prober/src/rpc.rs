//! JSON-RPC, by alloy's client over a transport of our own.
//!
//! alloy's HTTP transport writes the URL into a span and reads bodies of any size; its batches lose the reason when a
//! server refuses a batch as a whole. So the transport here is ours; ids, packets and their matching are alloy's.

use alloy_json_rpc::{ErrorPayload, Id, RequestPacket, Response, ResponsePacket, ResponsePayload, RpcError};
use alloy_rpc_client::{RpcClient, Waiter};
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use opstack_core::probe::RpcCall;
use serde_json::json;
use serde_json::value::RawValue;
use std::task::{Context, Poll};
use tower_service::Service;

use crate::endpoint::EndpointUrl;
use crate::failure::{Failure, shown};
use crate::http::{self, Way};

/// Largest answer to a batch.
pub(crate) const ANSWER_LIMIT: usize = 1024 * 1024;

/// What a node said to one call.
pub(crate) type Said = Result<Box<RawValue>, ErrorPayload>;

/// Makes the calls in one request. An error of one call is what the node said; the failures are of the node.
pub(crate) async fn ask(way: &Way, calls: &[RpcCall]) -> Result<Vec<Said>, Failure> {
    if calls.is_empty() {
        return Err(Failure::Invalid("the question has no call in it".into()));
    }
    let client = RpcClient::new(Transport(way.clone()), false);
    let mut batch = client.new_batch();
    let waiters: Vec<Waiter<Box<RawValue>>> = calls
        .iter()
        .map(|call| batch.add_call(call.method.clone(), &call.params))
        .collect::<Result<_, _>>()
        .map_err(failure)?;
    batch.send().await.map_err(failure)?;
    let mut answers = Vec::with_capacity(calls.len());
    for (waiter, call) in waiters.into_iter().zip(calls) {
        answers.push(match waiter.await {
            Ok(result) => Ok(result),
            Err(RpcError::ErrorResp(error)) => Err(error),
            Err(RpcError::Transport(TransportErrorKind::MissingBatchResponse(_))) => {
                return Err(Failure::Invalid(format!("not a JSON-RPC answer: {} is not answered", call.method)));
            }
            Err(error) => return Err(failure(error)),
        });
    }
    Ok(answers)
}

/// One answer as the contract has it. The result's text stays as it came: a detour would round large numbers.
pub(crate) fn answer_text(url: &EndpointUrl, answers: &[Said]) -> String {
    let answers: Vec<_> = answers
        .iter()
        .map(|said| match said {
            Ok(result) => format!(r#"{{"result":{}}}"#, result.get()),
            Err(error) => json!({"error": {"code": error.code, "message": message(url, error)}}).to_string(),
        })
        .collect();
    format!("[{}]", answers.join(","))
}

/// What an error says, as it can be shown.
pub(crate) fn message(url: &EndpointUrl, error: &ErrorPayload) -> String {
    shown(&url.scrub_error(&error.message))
}

/// Our failures come back out of alloy's errors as they went in. Its own texts may quote the answer, so they don't.
fn failure(error: TransportError) -> Failure {
    match error {
        RpcError::Transport(TransportErrorKind::Custom(error)) => match error.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(_) => Failure::Invalid("not a JSON-RPC answer".into()),
        },
        RpcError::SerError(_) => Failure::Invalid("the question is no JSON".into()),
        _ => Failure::Invalid("not a JSON-RPC answer".into()),
    }
}

#[derive(Clone)]
struct Transport(Way);

impl Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let Self(way) = self.clone();
        Box::pin(async move { exchange(&way, packet).await.map_err(TransportErrorKind::custom) })
    }
}

async fn exchange(way: &Way, packet: RequestPacket) -> Result<ResponsePacket, Failure> {
    let expected = packet.len();
    let request = unwrapped(packet).serialize().map_err(|_| Failure::Invalid("the question is no JSON".into()))?;
    let body = http::post(way, request.get().to_owned(), ANSWER_LIMIT).await?;
    // Of the parser's errors only the place is told; its words quote the answer.
    let packet = serde_json::from_slice(&body.bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::Invalid(format!("not a JSON-RPC answer (at {place})"))
    })?;
    match packet {
        ResponsePacket::Single(Response { id: Id::None, payload: ResponsePayload::Failure(error) }) => {
            let said = message(&way.url, &error);
            Err(Failure::Invalid(format!("the whole request was refused: error {}: {said}", error.code)))
        }
        ResponsePacket::Single(_) if expected > 1 => {
            Err(Failure::Invalid("not a JSON-RPC answer: one answer to several calls".into()))
        }
        packet => Ok(packet),
    }
}

/// A batch of one goes out as a single call: it says the same, and not every server takes batches.
fn unwrapped(packet: RequestPacket) -> RequestPacket {
    match packet {
        RequestPacket::Batch(mut calls) if calls.len() == 1 => match calls.pop() {
            Some(call) => RequestPacket::Single(call),
            None => RequestPacket::Batch(calls),
        },
        packet => packet,
    }
}
