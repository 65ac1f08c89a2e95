//! What real programs answered once: `recordings/*.json`, made and verified by `tests/recordings.rs`.

use serde_json::Value;
use std::path::{Path, PathBuf};

use crate::double::Double;
use crate::state::RpcError;

/// The answers of one program.
#[derive(Clone, Debug)]
pub struct Recording(Value);

impl Recording {
    /// The directory that they are in.
    pub fn directory() -> PathBuf {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        // Whichever crate of `tests` is tested.
        Path::new(&manifest).join("../rpc-double/recordings")
    }

    /// One by its name, such as `op-geth`.
    ///
    /// # Panics
    /// When there is none.
    pub fn load(name: &str) -> Self {
        let path = Self::directory().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// The whole: `program`, `version`, `about`, `calls` and `pages`.
    pub fn document(&self) -> &Value {
        &self.0
    }

    fn calls(&self) -> impl Iterator<Item = &Value> {
        self.0["calls"].as_array().into_iter().flatten()
    }

    /// The result of the first call of a method.
    ///
    /// # Panics
    /// When it was not called, or failed.
    pub fn result(&self, method: &str) -> &Value {
        let call = self.calls().find(|call| call["method"] == method);
        call.and_then(|call| call.get("result")).unwrap_or_else(|| panic!("no result of {method} was recorded"))
    }

    /// A page's text.
    ///
    /// # Panics
    /// When it was not asked for.
    pub fn page(&self, path: &str) -> String {
        let pages = self.0["pages"].as_array().into_iter().flatten();
        let page = pages.clone().find(|page| page["path"] == path).unwrap_or_else(|| panic!("no page {path}"));
        let lines = page["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// The value of a sample on the page of the metrics, with its labels as they stand there: `up`, `tx{stage="success"}`.
    ///
    /// # Panics
    /// When there is none.
    pub fn metric(&self, sample: &str) -> f64 {
        let page = self.page("/metrics");
        let value = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no sample {sample} was recorded"))
    }
}

impl Double {
    /// Answers as the program did. A call with other params than any recorded one gets the method's first answer.
    pub fn replay(&self, recording: &Recording) {
        let calls: Vec<Value> = recording.calls().cloned().collect();
        for method in calls.iter().filter_map(|call| call["method"].as_str()) {
            let answers: Vec<Value> = calls.iter().filter(|call| call["method"] == method).cloned().collect();
            self.on(method, move |params| answer(&answers, params));
        }
        for path in recording.0["pages"].as_array().into_iter().flatten().filter_map(|page| page["path"].as_str()) {
            self.page(path, 200, &recording.page(path));
        }
    }
}

fn answer(answers: &[Value], params: &Value) -> Result<Value, RpcError> {
    let call = answers.iter().find(|call| call["params"] == *params).or(answers.first()).unwrap_or(&Value::Null);
    match call.get("result") {
        Some(result) => Ok(result.clone()),
        None => Err(RpcError {
            code: call["error"]["code"].as_i64().unwrap_or_default(),
            message: call["error"]["message"].as_str().unwrap_or_default().into(),
        }),
    }
}
