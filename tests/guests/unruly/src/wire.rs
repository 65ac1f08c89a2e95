//! Answers that break the contract: too much, no JSON, no UTF-8.

use crate::bindings::exports::opstack::plugin::workload::{Children, Policy, Resource, Response};
use crate::bindings::opstack::plugin::log::{self, Level};
use crate::bindings::opstack::plugin::probes::{Action, Precondition, Probe, Question, RpcCall, Target};
use crate::bindings::opstack::plugin::types::{Failure, FieldError};
use crate::{Call, empty, saying};

pub fn answer(call: &Call) -> Option<Result<Response, Failure>> {
    let answer = match call.behaviour() {
        "huge-object" => resources(vec![huge(call)]),
        "huge-status" => Response { status: huge(call), ..empty() },
        "huge-failure" => {
            let error = FieldError { path: "spec".into(), message: huge(call) };
            return Some(Err(Failure::Invalid(vec![error])));
        }
        "huge-log-line" => {
            log::write(Level::Info, &huge(call));
            empty()
        }
        "many-objects" => resources((0..call.number("count", 100_000)).map(|_| "{}".into()).collect()),
        "same-bytes" => same_bytes(call),
        "deep-status" => Response { status: deep(call), ..empty() },
        "status-is-no-json" => Response { status: "{\"phase\": ".into(), ..empty() },
        "status-is-no-object" => saying([1, 2].into()),
        "status-is-no-utf8" => Response { status: no_utf8(), ..empty() },
        "params-are-no-json" => Response { probes: vec![probe("[")], ..empty() },
        "precondition-is-no-json" => Response { actions: vec![action("{")], ..empty() },
        _ => return None,
    };
    Some(Ok(answer))
}

fn resources(objects: Vec<String>) -> Response {
    let resource = |object| Resource { object, policy: Policy::Delete };
    Response { children: Children::Apply(objects.into_iter().map(resource).collect()), ..empty() }
}

/// Valid JSON of `spec.megabytes`.
fn huge(call: &Call) -> String {
    format!("\"{}\"", "x".repeat(call.number("megabytes", 10) << 20))
}

/// Little memory here that would be much in the host: many objects whose texts are the same bytes.
fn same_bytes(call: &Call) -> Response {
    let text: &'static str = Box::leak(huge(call).into_boxed_str());
    let alias = |_| {
        // SAFETY: it isn't: the string does not own its bytes. Nothing frees it before the host has read it, which is all
        // that this guest is for.
        unsafe { String::from_raw_parts(text.as_ptr().cast_mut(), text.len(), text.len()) }
    };
    resources((0..call.number("count", 100_000)).map(alias).collect())
}

fn deep(call: &Call) -> String {
    let depth = call.number("depth", 100_000);
    format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth))
}

fn no_utf8() -> String {
    // SAFETY: it isn't: these bytes are no UTF-8. They go to the host unread.
    unsafe { String::from_utf8_unchecked(vec![b'"', 0xff, 0xfe, b'"']) }
}

fn probe(params: &str) -> Probe {
    Probe {
        id: "head".into(),
        target: Target::Url("http://example.invalid".into()),
        question: Question::JsonRpc(vec![rpc(params)]),
        interval_ms: 1000,
        timeout_ms: 1000,
        wake_on: vec![],
    }
}

fn action(equals: &str) -> Action {
    let precondition = Precondition { call: rpc("[]"), pointer: String::new(), equals: equals.into() };
    let target = Target::Url("http://example.invalid".into());
    Action { id: "act".into(), target, pod: None, call: rpc("[]"), precondition, timeout_ms: 1000 }
}

fn rpc(params: &str) -> RpcCall {
    RpcCall { method: "eth_blockNumber".into(), params: params.into() }
}
