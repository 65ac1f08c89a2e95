//! An execution client that misbehaves on demand: `behaviour` in the request says how.

use serde_json::{Value, json};
use std::hint::black_box;

#[allow(missing_docs, clippy::all, clippy::allow_attributes_without_reason, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "execution-client-plugin" });
}

use bindings::exports::opstack::plugin::execution_client::{ClientManifest, Guest};
use bindings::opstack::plugin::types::Failure;

struct Client;

bindings::export!(Client with_types_in bindings);

impl Guest for Client {
    fn describe() -> ClientManifest {
        ClientManifest {
            name: "hostile-client".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            data_format: "none".into(),
        }
    }

    fn render(request: String) -> Result<String, Failure> {
        let request: Value = serde_json::from_str(&request).map_err(|error| Failure::Other(error.to_string()))?;
        match request["behaviour"].as_str().unwrap_or("good") {
            "good" => Ok(json!({"containers": [], "asked": request}).to_string()),
            "trap" => core::arch::wasm32::unreachable(),
            "endless-loop" => loop {
                black_box(());
            },
            "stack-overflow" => Ok(recurse(u64::MAX).to_string()),
            "huge-output" => Ok(format!("\"{}\"", "x".repeat(20 << 20))),
            "invalid-json" => Ok("{\"containers\": ".into()),
            "waiting" => Err(Failure::Waiting("Secret nothing".into())),
            other => Err(Failure::Other(format!("{other:?} is no behaviour of this guest"))),
        }
    }
}

fn recurse(left: u64) -> u64 {
    if left == 0 { 0 } else { recurse(black_box(left - 1)) ^ left }
}
