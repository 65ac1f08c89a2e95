//! What only the engine can stop, and what must not get through it.

use serde_json::json;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bindings::exports::opstack::plugin::workload::{Readiness, Request, Response};
use crate::bindings::opstack::plugin::log::{self, Level};
use crate::bindings::opstack::plugin::types::{Failure, ObjectRef};
use crate::bindings::opstack::plugin::{cluster, execution_clients};
use crate::{Call, empty, kind, saying};

pub fn answer(call: &Call, input: &Request) -> Option<Result<Response, Failure>> {
    let answer = match call.behaviour() {
        "nothing" => empty(),
        "echo" => echo(input),
        "count-calls" => saying(json!({"calls": count_call()})),
        "deep-recursion" => saying(json!({"depth": recurse(u64::MAX)})),
        // Refused memory is no fault while the guest gets along without.
        "ask-for-memory" => {
            let refused = core::arch::wasm32::memory_grow::<0>(call.number("megabytes", 1) * 16) == usize::MAX;
            saying(json!({"refused": refused}))
        }
        "forge-the-log" => {
            log::write(Level::Error, "innocent\n2026-01-01T00:00:00Z ERROR forged \u{1b}[2J line");
            core::arch::wasm32::unreachable()
        }
        "look-up" => {
            let found: Vec<_> = (0..call.number("count", 1)).map(|_| look_up()).collect();
            saying(json!({"found": found.last().cloned().flatten()}))
        }
        "look-up-forever" => loop {
            look_up();
        },
        "list" => saying(json!({"found": cluster::list(&kind("ConfigMap"), Some("ns"), "a=b")})),
        "ask-client" => {
            let client = call.object["spec"]["client"].as_str().unwrap_or_default();
            let asked = execution_clients::render(client, &call.object["spec"]["request"].to_string());
            return Some(asked.map(|fragment| saying(json!({"fragment": fragment}))));
        }
        _ => return None,
    };
    Some(Ok(answer))
}

pub fn endless_loop() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// What it was told beside the object.
fn echo(input: &Request) -> Response {
    let child = |child: &crate::bindings::exports::opstack::plugin::workload::Child| {
        let readiness = match &child.readiness {
            Readiness::Ready => "ready",
            Readiness::Progressing(what) | Readiness::Failed(what) => what,
            Readiness::Terminating => "terminating",
        };
        json!([child.ref_.kind.kind, child.ref_.namespace, child.ref_.name, readiness, child.status])
    };
    let observation = |seen: &crate::bindings::opstack::plugin::probes::Observation| {
        json!([seen.probe, seen.pod, seen.measured_at, seen.stale, seen.answer.is_ok()])
    };
    saying(json!({
        "children": input.children.iter().map(child).collect::<Vec<_>>(),
        "observations": input.observations.iter().map(observation).collect::<Vec<_>>(),
        "outcomes": input.outcomes.iter().map(|outcome| json!([outcome.id, outcome.at])).collect::<Vec<_>>(),
        "clusterDomain": input.facts.cluster_domain,
        "apiGroups": input.facts.api_groups,
        "configuration": input.configuration,
    }))
}

fn look_up() -> Option<String> {
    cluster::get(&ObjectRef { kind: kind("ConfigMap"), namespace: Some("ns".into()), name: "wanted".into() })
}

/// Needs the machine's stack and none of the guest's own memory.
fn recurse(left: u64) -> u64 {
    if left == 0 { 0 } else { recurse(black_box(left - 1)) ^ left }
}

/// One, if every call has an instance of its own.
fn count_call() -> usize {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}
