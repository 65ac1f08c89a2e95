//! What `opstack tree --output=json` says there is.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::text;

/// What there is at one moment.
pub struct View(Value);

impl View {
    /// Reads what the program printed.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).map(Self).context("`opstack tree` did not answer with JSON")
    }

    /// Custom resources.
    fn objects(&self) -> impl Iterator<Item = &Value> {
        list(&self.0["kinds"]).flat_map(|kind| list(&kind["objects"]))
    }

    /// Plugins that are not in service, with the reason; nothing while there is none at all.
    pub fn waiting_plugins(&self) -> Vec<String> {
        let waiting = list(&self.0["plugins"]).filter(|plugin| text(plugin, "/standing/tone") != "good");
        waiting.map(|plugin| format!("{}: {}", text(plugin, "/name"), text(plugin, "/standing/message"))).collect()
    }

    /// Kinds of the custom resources, as kubectl takes them.
    pub fn kinds(&self) -> String {
        let kinds = list(&self.0["kinds"]).filter(|kind| list(&kind["objects"]).next().is_some());
        kinds.map(|kind| text(kind, "/kind").to_lowercase()).collect::<Vec<_>>().join(",")
    }

    /// Custom resources whose present spec was not looked at.
    pub fn unseen(&self) -> Vec<&str> {
        self.objects()
            .filter(|object| !text(object, "/outdated").is_empty())
            .map(|object| text(object, "/key"))
            .collect()
    }

    /// Whether nothing was made at all.
    pub fn is_empty(&self) -> bool {
        self.objects().all(|object| list(&object["parts"]).next().is_none())
    }

    /// All of it but what changes with the time.
    pub fn gist(&self) -> Value {
        let objects = self.objects();
        objects.map(|object| json!([object["key"], object["conditions"], object["parts"], object["fedBy"]])).collect()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_settled_is_named() -> Result<()> {
        let object =
            json!({"key": "Hello.example.io/ns/one", "outdated": "the status is old", "parts": [{}], "cells": ["3s"]});
        let plugins = json!([
            {"name": "hello", "standing": {"tone": "good"}},
            {"name": "other", "standing": {"tone": "bad", "message": "it has another digest"}},
        ]);
        let kinds =
            json!([{"kind": "Hello.example.io", "objects": [object]}, {"kind": "Other.example.io", "objects": []}]);
        let view = View::parse(&json!({"plugins": plugins, "kinds": kinds}).to_string())?;
        assert_eq!(view.waiting_plugins(), ["other: it has another digest"]);
        assert_eq!(view.kinds(), "hello.example.io");
        assert_eq!(view.unseen(), ["Hello.example.io/ns/one"]);
        assert!(!view.is_empty());
        assert!(!view.gist().to_string().contains("3s"), "an age is no change");
        Ok(())
    }
}
