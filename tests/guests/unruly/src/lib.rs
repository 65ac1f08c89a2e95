//! A plugin that breaks what the SDK keeps: `spec.behaviour` of an `Unruly` says how.
//!
//! [`wire`] holds answers that break the contract's encoding, [`runaway`] what only the engine can stop or must not let through.
//! What the cluster must be saved from is the guest `hostile`.

mod runaway;
mod wire;

use serde_json::{Value, json};

#[allow(missing_docs, clippy::all, clippy::allow_attributes_without_reason, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "workload-plugin" });
}

use bindings::exports::opstack::plugin::workload::{Children, Finalized, Guest, Manifest, Request, Response};
use bindings::opstack::plugin::types::{Failure, FieldError, KindRef};

struct Unruly;

bindings::export!(Unruly with_types_in bindings);

impl Guest for Unruly {
    fn describe() -> Manifest {
        Manifest {
            name: "unruly".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            crd: json!({"spec": {"group": "test.optimism.io", "names": {"kind": "Unruly"}}}).to_string(),
            served_version: "v1".into(),
            reads: vec![kind("ConfigMap")],
            owns: vec![kind("ConfigMap")],
            rpc_methods: vec![],
            phases: None,
        }
    }

    fn reconcile(input: Request) -> Result<Response, Failure> {
        let call = Call::read(&input)?;
        let answer = wire::answer(&call).or_else(|| runaway::answer(&call, &input));
        answer.unwrap_or_else(|| {
            let message = format!("{:?} is no behaviour of this guest", call.behaviour());
            Err(Failure::Invalid(vec![FieldError { path: "spec.behaviour".into(), message }]))
        })
    }

    fn finalize(input: Request) -> Result<Finalized, Failure> {
        match Call::read(&input)?.behaviour() {
            "block" => Ok(Finalized::Blocked("it wants to stay".into())),
            "fail" => Err(Failure::Other("it does not want to go".into())),
            "endless-loop" => runaway::endless_loop(),
            _ => Ok(Finalized::Proceed),
        }
    }
}

/// The object of a call.
struct Call {
    object: Value,
}

impl Call {
    fn read(input: &Request) -> Result<Self, Failure> {
        match serde_json::from_str(&input.object) {
            Ok(object) => Ok(Self { object }),
            Err(error) => Err(Failure::Other(format!("the object is not JSON: {error}"))),
        }
    }

    fn behaviour(&self) -> &str {
        self.object["spec"]["behaviour"].as_str().unwrap_or_default()
    }

    /// A number of the spec.
    fn number(&self, field: &str, default: usize) -> usize {
        self.object["spec"][field].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    }
}

fn kind(kind: &str) -> KindRef {
    KindRef { group: String::new(), version: "v1".into(), kind: kind.into() }
}

/// An answer that changes nothing.
fn empty() -> Response {
    Response {
        children: Children::Apply(vec![]),
        secrets: vec![],
        probes: vec![],
        actions: vec![],
        status: "{}".into(),
        conditions: vec![],
        events: vec![],
        requeue_after_ms: None,
    }
}

/// An answer with this status and nothing else.
fn saying(status: Value) -> Response {
    Response { status: status.to_string(), ..empty() }
}
