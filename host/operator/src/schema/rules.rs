//! Rules in CEL. Those that compare an object with what it was before say nothing of one that is made.

use cel::objects::Key;
use cel::{Context, Program};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Refusal, below};

const RULES: &str = "x-kubernetes-validations";

/// What the rules of a node say against it.
pub fn refusals(node: &Value, schema: &Value, path: &str) -> impl Iterator<Item = Refusal> {
    schema[RULES].as_array().into_iter().flatten().filter_map(move |rule| {
        let inner = rule["fieldPath"].as_str().unwrap_or_default().trim_start_matches('.');
        Some(Refusal { path: below(path, inner), message: refused(node, rule)? })
    })
}

/// What a rule says against a node. One that is not understood here is left to the API server.
fn refused(node: &Value, rule: &Value) -> Option<String> {
    let text = rule["rule"].as_str().filter(|rule| !rule.contains("oldSelf"))?;
    let program = Program::compile(text).ok()?;
    let mut context = Context::default();
    context.add_variable_from_value("self", value_of(node));
    match program.execute(&context) {
        Ok(cel::Value::Bool(false)) => Some(match rule["message"].as_str() {
            Some(message) => message.trim().into(),
            None => format!("the rule {text} does not hold"),
        }),
        _ => None,
    }
}

/// As Kubernetes has them: every whole number is an `int`.
fn value_of(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(value_of).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (Key::String(Arc::new(name.clone())), value_of(value)));
            let map = Arc::new(fields.collect::<HashMap<_, _>>());
            cel::Value::Map(cel::objects::Map { map })
        }
    }
}
