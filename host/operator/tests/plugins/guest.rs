//! Plugins made of text: one that says what it is, and modules that keep a compiler busy.

use serde_json::{Value, json};
use std::fmt::Write as _;

use crate::module::Module;

/// Where the answer of `describe` is in memory.
const ANSWER: usize = 16;
/// Where the texts are that it points to.
const TEXTS: usize = 128;

/// The definition of a kind with these versions, of which the first is stored.
pub fn crd(kind: &str, versions: &[&str]) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    let schema =
        json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {}}}}});
    let version =
        |(index, name): (usize, &&str)| json!({"name": name, "served": true, "storage": index == 0, "schema": schema});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.test.org")},
        "spec": {
            "group": "test.org",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": versions.iter().enumerate().map(version).collect::<Value>(),
        },
    })
}

/// A workload plugin that describes itself, and traps when it is asked for more.
pub fn plugin(name: &str, version: &str, crd: &Value) -> Vec<u8> {
    plugin_with(name, version, crd, "")
}

/// The same with more functions.
pub fn plugin_with(name: &str, version: &str, crd: &Value, functions: &str) -> Vec<u8> {
    let served = crd["spec"]["versions"][0]["name"].as_str().unwrap();
    let (mut record, mut texts) = (Vec::new(), Vec::new());
    for text in [name, version, &crd.to_string(), served] {
        record.extend([TEXTS + texts.len(), text.len()].map(|number| u32::try_from(number).unwrap().to_le_bytes()));
        texts.extend_from_slice(text.as_bytes());
    }
    // Three empty lists; no phases.
    record.extend([[0; 4]; 7]);
    let data = format!("{}{}", segment(ANSWER, record.as_flattened()), segment(TEXTS, &texts));
    let fields = format!("{data}{functions}");
    Module { fields: &fields, describe: &format!("(i32.const {ANSWER})"), ..Module::default() }.bytes()
}

fn segment(offset: usize, bytes: &[u8]) -> String {
    let mut text = String::new();
    bytes.iter().for_each(|byte| write!(text, "\\{byte:02x}").unwrap());
    format!("(data (i32.const {offset}) \"{text}\")")
}

/// Functions that are small, valid and within all bounds, and in which each of many values lives through each of many loops.
pub fn bomb(functions: usize) -> String {
    const LOCALS: usize = 900;
    const LOOPS: usize = 1200;
    let each = |body: fn(usize) -> String| (1..=LOCALS).map(body).collect::<String>();
    let locals = format!("(local {})", "i64 ".repeat(LOCALS));
    let set = each(|local| format!("(local.set {local} (i64.load offset={local} (local.get 0)))"));
    let loops = "(loop (br_if 0 (i32.load8_u (local.get 0))))".repeat(LOOPS);
    let sum = each(|local| format!("(i64.store offset={local} (local.get 0) (local.get {local}))"));
    format!("(func (param i32) {locals} {set} {loops} {sum})").repeat(functions)
}
